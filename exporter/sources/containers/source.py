"""The containers of an application as a source: what the pipeline keeps going."""

from __future__ import annotations

from msgspec import Struct

from exporter.clock import Clock
from exporter.model import Board
from exporter.sources.containers.settings import Containers


class Daemon(Struct, frozen=True):
    """A daemon that is asked as the settings say."""

    settings: Containers

    @property
    def name(self) -> str:
        """The label `source`."""
        return self.settings.name

    @property
    def finite(self) -> bool:
        """A daemon never ends."""
        return False

    async def run(self, board: Board, clock: Clock) -> None:
        """Look and listen until cancelled, whatever becomes of the daemon."""
        from exporter.sources.containers.telling import Telling
        from exporter.sources.containers.watch import Watch

        await Watch(self.settings, Telling(self.settings, board, clock)).run()
