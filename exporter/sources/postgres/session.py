"""The one connection to a database: each question in a read-only transaction with limits.

The limits are set inside the transaction and end with it: a session-level SET would reach the
next client of a pooler. What takes too long is cancelled, so that no backend is left waiting; the
connection is given up only where the server does not even answer the cancel.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from exporter.errors import SidewatchError, SourceError
from exporter.sources.postgres.reach import connect
from exporter.sources.postgres.settings import Postgres
from exporter.sources.worker import Worker

if TYPE_CHECKING:
    from asyncpg import Connection

SLACK_SECONDS = 1.0  # how much longer than the server we wait: the way there and back
RECOVER_SECONDS = 1.0  # how long the server has to answer a cancel

Rows = Sequence[Sequence[Any]]

LOCKED = "55P03"  # the SQLSTATE of one who waited for a lock in vain
CANCELED = "57014"
# SQLSTATEs after which the connection is no more.
ENDED = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03"})


class QueryError(SidewatchError):
    """One query failed; the connection is as good as before. `state` is the SQLSTATE."""

    def __init__(self, state: str, text: str) -> None:
        super().__init__(text)
        self.state = state


@dataclass(slots=True)
class Session:
    """At most one connection. `worker` reads the files that the settings name.

    `ran_at` is when the server ran the last question, by the loop's clock.
    """

    settings: Postgres
    worker: Worker
    ran_at: float = field(default=-math.inf, init=False)
    _connection: Connection[Any] | None = field(default=None, init=False)

    @property
    def connected(self) -> bool:
        """Whether there is a connection that nothing is known against."""
        return self._connection is not None and not self._connection.is_closed()

    @property
    def backend(self) -> int:
        """The process that serves us, as it was told when we connected; a pooler makes it up."""
        return 0 if self._connection is None else int(self._connection.get_server_pid())

    async def connect(self) -> None:
        """Open the connection. Raises SourceError."""
        await self.close()
        self._connection = await connect(self.settings, self.worker)

    async def ask(self, sql: str, *arguments: object, timeout: float) -> Rows:  # noqa: ASYNC109 - the server's time-out
        """The rows of a query. Raises QueryError, or SourceError where the connection is lost."""
        import asyncpg

        connection = self._connection
        if connection is None:
            raise SourceError("closed", "there is no connection")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout + SLACK_SECONDS):
                await connection.execute(self._begin(timeout))
                sent = loop.time()
                rows: Rows = await connection.fetch(sql, *arguments)
                # It goes there and back twice, to prepare and to run: it ran halfway through the
                # second.
                self.ran_at = sent + 0.75 * (loop.time() - sent)
                await connection.execute("COMMIT")
                return rows
        except TimeoutError:
            await self._recover(connection)
            raise QueryError(CANCELED, "canceled: the server answered too late") from None
        except asyncpg.PostgresError as error:
            state = error.sqlstate or ""
            if state in ENDED or state.startswith("08"):
                raise self._lost(connection, str(error)) from None
            if connection.is_in_transaction():
                await self._recover(connection)
            raise QueryError(state, str(error)) from None
        except asyncpg.InternalClientError:  # its words are about the driver's own states
            raise self._lost(connection, "the server or a pooler ended it") from None
        except (OSError, asyncpg.InterfaceError) as error:
            raise self._lost(connection, str(error) or repr(error)) from None

    async def close(self) -> None:
        """Take leave of the server; of one that does not answer, without its consent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                await connection.close(timeout=RECOVER_SECONDS)

    def _begin(self, timeout: float) -> str:
        """Begin and limit a transaction in one round trip."""
        statement = round(timeout * 1000)
        lock = round(min(self.settings.lock_timeout, timeout) * 1000)
        idle = round((timeout + SLACK_SECONDS + RECOVER_SECONDS) * 1000)
        return (
            # Whatever a role prefers: a serializable reader could make the application's own
            # transactions fail, and no replica takes one.
            "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; "
            f"SET LOCAL statement_timeout = {statement}; "
            f"SET LOCAL lock_timeout = {lock}; "
            f"SET LOCAL idle_in_transaction_session_timeout = {idle}; "
            # One core of the server is enough for us, and a short query pays no compiler.
            "SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off; "
            # A time without a zone means the same whatever the role or the server prefers.
            "SET LOCAL timezone = 'UTC'"
        )

    async def _recover(self, connection: Connection[Any]) -> None:
        """See a cancel through and end the transaction. Raises SourceError where that fails."""
        try:
            async with asyncio.timeout(RECOVER_SECONDS):
                # It is sent when the cancel has been answered.
                await connection.execute("ROLLBACK")
        except Exception:  # noqa: BLE001 - whatever it was, this connection is of no more use
            raise self._lost(connection, "the server does not answer a cancel") from None

    def _lost(self, connection: Connection[Any], why: str) -> SourceError:
        connection.terminate()
        self._connection = None
        return SourceError("lost", f"the connection was lost: {why}")
