"""An application's database, on a real PostgreSQL. Of a signal's file:

fault       SQL that makes the fault out of healthy rows (tests/rows)
postgres    more settings of the database
sessions    so many clients that have begun a transaction and do nothing
meanwhile   SQL that is run again every minute, or every so many: `pace`
closed      the database takes no connection any more
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.pg import Server
from tests.support.told import GRANTS, Told
from tests.support.worlds.world import Given, Happening

ROWS = Path(__file__).parents[2] / "rows"
BEGUN = ("BEGIN", "SELECT 1")


@dataclass
class Rows:
    """A database. `counted` are the reads that were last told of, and `least` those before."""

    server: Server
    database: str
    part: Mapping[str, Any]
    clients: ExitStack
    harmed: bool = False
    counted: float = -1.0
    least: float = field(default=-1.0)

    def settings(self) -> Mapping[str, Any]:
        """How it is reached."""
        url = self.server.url("watcher", self.database)
        more = self.part.get("postgres", {})
        return {"postgres": {"url": url, "password": "first", **more}}

    def course(self) -> Sequence[Happening]:
        """Its fault."""
        return [(0, self._harm)]

    def looked(self, one: Told) -> bool:
        """Whether each query has its answer; or that nobody answers is known."""
        if self.harmed and "closed" in self.part:
            return 0 in one.series("watched_postgres_up").values()
        self.counted = sum(one.series("watched_postgres_blocks_hit_total").values())
        if not one.has_answered() or self.counted <= self.least:
            return False
        assert set(one.disabled().values()) <= {"version"}
        return True

    @property
    def goes_on(self) -> int:
        """Whether there is traffic."""
        return int(self.part.get("pace", 1)) if self.harmed and "meanwhile" in self.part else 0

    async def go_on(self) -> None:
        """Let there be some."""
        self.least = self.counted
        await self.server.change(self.part["meanwhile"], self.database)

    async def _harm(self) -> None:
        await asyncio.to_thread(self._befall)
        self.harmed = True

    def _befall(self) -> None:
        self.server.psql(self.part.get("fault", "SELECT 1"), self.database)
        for _ in range(self.part.get("sessions", 0)):
            self.clients.enter_context(_holding(self.server, self.database))
        if "closed" in self.part:
            self.server.psql(f"ALTER DATABASE {self.database} ALLOW_CONNECTIONS false")


@asynccontextmanager
async def standing(given: Given) -> AsyncIterator[Rows]:
    """A database of this application, which is at work."""
    server: Server = given.server
    database = await asyncio.to_thread(_healthy, server, given.app)
    with ExitStack() as clients:
        yield Rows(server, database, given.part, clients)


def _healthy(server: Server, app: str) -> str:
    database = server.database()
    parts = [(ROWS / app / f"{part}.sql").read_text() for part in ("schema", "healthy")]
    server.psql(";\n".join([*parts, GRANTS]), database)
    return database


@contextmanager
def _holding(server: Server, database: str) -> Iterator[None]:
    client = server.session(database, *BEGUN)
    try:
        yield
    finally:
        client.kill()
        client.communicate()
