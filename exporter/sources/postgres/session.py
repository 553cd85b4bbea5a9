"""The one connection to a database: each question in a read-only transaction with limits.

The limits are set inside the transaction and end with it: a session-level SET would reach the
next client of a pooler. What takes too long is cancelled, so that no backend is left waiting; the
connection is given up only where the server does not even answer the cancel.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from socket import gaierror
from typing import TYPE_CHECKING, Any

from exporter.errors import SidewatchError, SourceError
from exporter.sources.postgres.settings import Postgres

if TYPE_CHECKING:
    from asyncpg import Connection

CONNECT_SECONDS = 5.0
SLACK_SECONDS = 1.0  # how much longer than the server we wait: the way there and back
RECOVER_SECONDS = 1.0  # how long the server has to answer a cancel
APPLICATION = "sidewatch"
MAX_PASSWORD = 4096

Rows = Sequence[Sequence[Any]]

# SQLSTATEs after which the connection is no more.
ENDED = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03"})
REFUSALS = {
    "28": "password",
    "3D": "no_database",
    "53300": "too_many_connections",
    "57": "starting",
    "42": "permission",
}


class QueryError(SidewatchError):
    """One query failed; the connection is as good as before. `state` is the SQLSTATE."""

    def __init__(self, state: str, text: str) -> None:
        super().__init__(text)
        self.state = state


@dataclass(slots=True)
class Session:
    """At most one connection, opened by the first question. `secret` gives the password."""

    settings: Postgres
    secret: Callable[[], Awaitable[str | None]]
    _connection: Connection[Any] | None = field(default=None, init=False)

    @property
    def connected(self) -> bool:
        """Whether there is a connection that nothing is known against."""
        return self._connection is not None and not self._connection.is_closed()

    async def connect(self) -> None:
        """Open the connection. Raises SourceError."""
        import asyncpg

        await self.close()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                password = await self.secret()
                self._connection = await asyncpg.connect(
                    self.settings.url,
                    password=password,
                    passfile=self.settings.passfile,
                    statement_cache_size=0,
                    server_settings={"application_name": APPLICATION},
                )
        except asyncpg.PostgresError as error:
            state = error.sqlstate or ""
            reason = REFUSALS.get(state) or REFUSALS.get(state[:2], "refused")
            raise SourceError(reason, str(error)) from None
        except TimeoutError:
            text = f"no answer within {CONNECT_SECONDS:g} s"
            raise SourceError("timeout", text) from None
        except gaierror as error:
            raise SourceError("dns", str(error)) from None
        except ssl.SSLError as error:
            raise SourceError("tls", str(error)) from None
        except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            raise SourceError(_reason(error), str(error) or repr(error)) from None

    async def ask(self, sql: str, *arguments: object, timeout: float) -> Rows:  # noqa: ASYNC109 - the server's time-out
        """The rows of a query. Raises QueryError, or SourceError where the connection is lost."""
        import asyncpg

        connection = self._connection
        if connection is None:
            raise SourceError("closed", "there is no connection")
        try:
            async with asyncio.timeout(timeout + SLACK_SECONDS):
                await connection.execute(self._begin(timeout))
                rows: Rows = await connection.fetch(sql, *arguments)
                await connection.execute("COMMIT")
                return rows
        except TimeoutError:
            await self._recover(connection)
            raise QueryError("57014", "canceled: the server answered too late") from None
        except asyncpg.PostgresError as error:
            state = error.sqlstate or ""
            if state in ENDED or state.startswith("08"):
                raise self._lost(connection, str(error)) from None
            if connection.is_in_transaction():
                await self._recover(connection)
            raise QueryError(state, str(error)) from None
        except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
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
            "BEGIN READ ONLY; "
            f"SET LOCAL statement_timeout = {statement}; "
            f"SET LOCAL lock_timeout = {lock}; "
            f"SET LOCAL idle_in_transaction_session_timeout = {idle}; "
            # One core of the server is enough for us, and a short query pays no compiler.
            "SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off"
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


def _reason(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError | FileNotFoundError):
        return "refused"
    return "unreachable" if isinstance(error, OSError) else "client"


def read_password(settings: Postgres) -> str | None:
    """The password that the settings name, read anew so that a rotated one is found.

    Raises SourceError.
    """
    if settings.password_file is None:
        return settings.password
    try:
        with settings.password_file.open("rb") as file:
            text = file.read(MAX_PASSWORD).decode().strip("\r\n")
    except OSError as error:
        raise SourceError("password", f"password_file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SourceError("password", "password_file is not UTF-8") from None
    return text
