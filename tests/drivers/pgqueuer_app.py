"""An application of PgQueuer: entrypoints that end in each way, for a worker and a driver."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from typing import Any

import asyncpg
import pgqueuer
from pgqueuer import errors


async def works(_job: Any) -> None:
    """Succeed at once."""


async def breaks(_job: Any) -> None:
    """Fail at once."""
    message = "broken"
    raise RuntimeError(message)


async def waits(_job: Any) -> None:
    """Run for longer than any test."""
    await asyncio.sleep(600)


async def ticks(_schedule: Any) -> None:
    """Be run by the clock."""


async def retries(_job: Any) -> None:
    """Ask for another attempt in an hour."""
    raise errors.RetryRequested(delay=timedelta(hours=1))


def application(connection: asyncpg.Connection) -> Any:
    """The library's own object with all entrypoints."""
    app = pgqueuer.PgQueuer.from_asyncpg_connection(connection)
    for name, function in (("works", works), ("mail", works), ("breaks", breaks), ("waits", waits)):
        app.entrypoint(name)(function)
    if hasattr(errors, "RetryRequested"):
        app.entrypoint("held", on_failure="hold")(breaks)
        app.entrypoint("retries")(retries)
    app.schedule("ticks", "* * * * * */1")(ticks)
    return app


async def main() -> None:
    """Work until it is killed."""
    await application(await asyncpg.connect(os.environ["DATABASE_URL"])).run()


if __name__ == "__main__":
    asyncio.run(main())
