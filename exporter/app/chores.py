"""What goes on for ever beside the sources and changes no plan: saving, measuring, looking."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from msgspec import Struct

from exporter import maintenance, trial
from exporter.app.doubles import doubled
from exporter.app.house import House
from exporter.app.watched import Watched
from exporter.clock import Clock
from exporter.config import Plan
from exporter.errors import Complaint, StateError
from exporter.saving import Saver
from exporter.sources.worker import Worker

SAVE_INTERVAL = 10.0
MAINTENANCE_INTERVAL = 2.0
TRIAL_INTERVAL = 0.5  # somebody waits for it
DOUBLES_INTERVAL = 60.0
LAG_INTERVAL = 1.0

log = logging.getLogger(__name__)


class Chores(Struct, frozen=True):
    """What they need; `plan` is asked anew each time, and `watched` is the map in use."""

    clock: Clock
    house: House
    saver: Saver
    writer: Worker
    watched: Mapping[str, Watched]
    plan: Callable[[], Plan]

    def all(self) -> list[Coroutine[Any, Any, None]]:
        """Each of them, to be kept alive."""
        return [
            self._save(),
            self._measure_loop(),
            self._maintain(),
            self._look_for_doubles(),
            self._try(),
        ]

    async def _save(self) -> None:
        while True:
            await asyncio.sleep(SAVE_INTERVAL)
            await self.saver.save()

    async def _measure_loop(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_INTERVAL
            await asyncio.sleep(LAG_INTERVAL)
            self.house.loop_lag = max(0.0, loop.time() - due)

    async def _maintain(self) -> None:
        """Take up the quiet windows that an operator declares; a broken file opens none."""
        said = ""
        while True:
            try:
                windows = await self.writer.do(
                    lambda: maintenance.read(self.plan().state, self.clock.now())
                )
            except StateError as error:
                windows = {}
                if str(error) != said:
                    log.warning("%s", error)
                said = str(error)
            for app, one in self.watched.items():
                one.shard.quiet_until = windows.get(app, -math.inf)
            await asyncio.sleep(MAINTENANCE_INTERVAL)

    async def _look_for_doubles(self) -> None:
        """Tell of containers that have come since the start and are read both ways."""
        worker, said = Worker("doubles"), set[Complaint]()
        try:
            while True:
                await asyncio.sleep(DOUBLES_INTERVAL)
                try:
                    found = set(await worker.do(partial(doubled, self.plan())))
                except Exception:
                    log.exception("whether a log is read twice is not known")
                    continue
                for one in found - said:
                    log.error("%s", one)
                said = found
                self._tell_doubles({one.key for one in found})
        finally:
            worker.close()

    def _tell_doubles(self, keys: set[str]) -> None:
        for app in self.watched.values():
            for placed in app.plan.logs:
                if placed.key in keys:
                    app.shard.failed(placed.source.name, "twice")

    async def _try(self) -> None:
        """Show the test alert that somebody asks for; a broken file asks for none."""
        while True:
            try:
                asked = await self.writer.do(lambda: trial.read(self.plan().state))
            except StateError:
                asked = None  # the command, which has just written it, says what is wrong
            self.house.tries(asked)
            await asyncio.sleep(TRIAL_INTERVAL)
