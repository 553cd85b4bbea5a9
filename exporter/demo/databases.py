"""The applications' databases: made, and written into by each over a connection of its own.

The server's clock is the machine's, but the applications' time passes faster. So at every write,
whatever stands in a table as a time is moved back: its age by the server's clock is always its age
in the applications' time, and whoever asks the tables need not know of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Self
from urllib.parse import quote

import asyncpg
from msgspec import Struct, field

from exporter.demo.entries import Deed, When
from exporter.demo.postgres import OWNER, PORT, Installed, connect, postgres
from exporter.demo.timeline import Timeline

APPS = ("pullapprove", "kodiai")
WATCHER = "watcher"  # as docs/postgres.md recommends: a role of its own, which may read
WRITES_EVERY, CLOSE_SECONDS = 0.25, 1.0
# The last: the server's farewell came between two commands, and the next finds it half read.
LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

TIMES = """
    SELECT format('UPDATE %I SET %s', table_name, string_agg(
                  format('%1$I = %1$I + :by', column_name), ', ' ORDER BY column_name))
    FROM information_schema.columns
    WHERE table_schema = 'public' AND data_type = 'timestamp with time zone'
    GROUP BY table_name"""


def url(folder: Path, app: str) -> str:
    """Where sidewatch finds the database of an application."""
    where = f"host={quote(str(folder), safe='')}&port={PORT}&sslmode=disable"
    return f"postgresql://{WATCHER}@/{app}?{where}"


async def prepare(folder: Path) -> None:
    """Make the databases, each with a role and tables of its own."""
    async with _connected(folder, OWNER, "postgres") as owner:
        await owner.execute(f"CREATE ROLE {WATCHER} LOGIN IN ROLE pg_monitor")
        for app in APPS:
            await owner.execute(f"CREATE ROLE {app} LOGIN")
            await owner.execute(f"CREATE DATABASE {app} OWNER {app}")
    for app in APPS:
        async with _connected(folder, app, app) as own:
            tables = files("exporter") / "demo" / "tables" / f"{app}.sql"
            await own.execute(tables.read_text(encoding="utf-8"))
            await own.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {WATCHER}")


async def keep(what: Installed, folder: Path, writers: Writers, ready: Callable[[], None]) -> None:
    """Have the databases, tell when they are ready, and have them written, until cancelled.

    To be called in the main thread. Raises NoPostgresError or one of LOST.
    """
    try:
        async with postgres(what, folder):
            await prepare(folder)
            ready()
            await writers.write(folder)
    finally:
        writers.close()


@asynccontextmanager
async def _connected(folder: Path, user: str, database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect(folder, user, database)
    try:
        yield connection
    finally:
        with suppress(*LOST):  # of which a time-out is one
            await connection.close(timeout=CLOSE_SECONDS)


class Writers(Struct):
    """What the applications have done and not yet written."""

    timeline: Timeline
    waiting: dict[str, list[Deed]] = field(default_factory=lambda: {app: [] for app in APPS})
    done: bool = False

    def take(self, deed: Deed) -> None:
        """Have it written soon; it costs no time now."""
        if not self.done:
            self.waiting[deed.app].append(deed)

    def close(self) -> None:
        """There is no database any more: forget what waits and what comes."""
        self.done = True
        self.waiting.clear()

    async def write(self, folder: Path) -> None:
        """Write, until cancelled. Raises LOST."""
        async with AsyncExitStack() as stack:
            connections = {
                app: await stack.enter_async_context(_connected(folder, app, app)) for app in APPS
            }
            books = [await Book.open(one, app) for app, one in connections.items()]
            while True:
                for book in books:
                    deeds, self.waiting[book.app] = self.waiting[book.app], []
                    await book.write(deeds, self.timeline)
                await asyncio.sleep(WRITES_EVERY)


class Book(Struct):
    """One database. Its times are the applications' plus `shift`, in seconds since 1970."""

    connection: asyncpg.Connection
    app: str
    moves: str
    shift: float

    @classmethod
    async def open(cls, connection: asyncpg.Connection, app: str) -> Self:
        """Read which columns are times; their present values stand for the beginning."""
        moves = "; ".join(row[0] for row in await connection.fetch(TIMES))
        return cls(connection, app, moves, time.time())

    async def write(self, deeds: Iterable[Deed], timeline: Timeline) -> None:
        """Let all grow as old as it is, and write what was done."""
        shift = time.time() - timeline.passed()
        by = f"interval '{shift - self.shift:.6f} seconds'"
        async with self.connection.transaction():
            await self.connection.execute(self.moves.replace(":by", by))
            self.shift = shift
            for deed in deeds:
                await self.connection.execute(deed.sql, *map(self._value, deed.values))

    def _value(self, value: object) -> object:
        return (
            datetime.fromtimestamp(self.shift + value.at, UTC) if isinstance(value, When) else value
        )
