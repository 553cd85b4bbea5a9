"""A database as a source: what the pipeline keeps going."""

from __future__ import annotations

from msgspec import Struct

from exporter.clock import Clock
from exporter.model import Board
from exporter.sources.postgres.settings import Postgres


class Database(Struct, frozen=True):
    """A database that is asked as its settings say."""

    settings: Postgres

    @property
    def name(self) -> str:
        """The label `source`."""
        return self.settings.name

    @property
    def finite(self) -> bool:
        """A database never ends."""
        return False

    async def run(self, board: Board, clock: Clock) -> None:
        """Ask until cancelled, whatever becomes of the database."""
        from exporter.sources.postgres.collect import Collector

        await Collector(self.settings, board, clock).run()
