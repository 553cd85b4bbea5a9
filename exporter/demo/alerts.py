"""The demo's real alerts, from the start of what carries them to the messages that came."""

from __future__ import annotations

import asyncio
from pathlib import Path

from msgspec import Struct, field

from exporter.demo.inbox import Inbox
from exporter.demo.pager import Addresses, NoPagerError, Programs, addresses, pager, programs


class Alerts(Struct):
    """Where they are told, or why they are not; `share` of the rules' times is waited."""

    folder: Path
    share: float
    wanted: bool = True
    inbox: Inbox = field(default_factory=Inbox)
    up: bool = False
    settled: bool = False  # they are up, or will not be
    _where: Addresses | None = None
    _programs: Programs | None = None
    _without: str = "Prometheus is not started, as asked for."

    def __post_init__(self) -> None:
        if not self.wanted:
            return
        try:
            self._programs = programs()
        except NoPagerError as error:
            self._without = str(error)
        else:
            self._where = addresses()

    def words(self) -> tuple[str, ...]:
        """What is told of them before all else."""
        if self._where is None:
            return (self._without,)
        prometheus, manager = self._where.prometheus, self._where.alertmanager
        minute = f"{60 * self.share:g} s"
        return (
            f"Alerts: http://{prometheus}/alerts, and what is sent of them: http://{manager}",
            f"The rules and their routing are the shipped ones; their minute lasts {minute}, too.",
        )

    async def keep(self, target: str) -> None:
        """Have them for what is scraped at `target` (HOST:PORT), until cancelled.

        To be called in the main thread. Raises NoPagerError where they cannot be had, or are gone.
        """
        try:
            await self._keep(target)
        finally:
            self.up, self.settled = False, True

    async def _keep(self, target: str) -> None:
        if self._programs is None or self._where is None:
            return
        what, where = self._programs, self._where
        async with (
            self.inbox.open() as receiver,
            pager(what, self.folder, where, target, receiver, self.share) as processes,
        ):
            self.up = self.settled = True
            ends = [asyncio.create_task(one.wait()) for one in processes]
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in ends:
                    one.cancel()
        raise NoPagerError("The demo's Prometheus or Alertmanager is gone.")
