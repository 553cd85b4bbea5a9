"""An application of procrastinate: tasks that end in each way, for its own command and a driver."""

from __future__ import annotations

import asyncio
import os

import procrastinate

app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(conninfo=os.environ["DATABASE_URL"])
)


async def works() -> None:
    """Succeed at once."""


async def breaks() -> None:
    """Fail at once."""
    message = "broken"
    raise RuntimeError(message)


async def waits() -> None:
    """Run for longer than any test."""
    await asyncio.sleep(600)


async def ticks(timestamp: int) -> None:
    """Be enqueued each minute."""


TASKS = {
    "works": app.task(name="works")(works),
    "breaks": app.task(name="breaks")(breaks),
    "breaks_twice": app.task(
        name="breaks_twice", retry=procrastinate.RetryStrategy(max_attempts=2, wait=3600)
    )(breaks),
    "waits": app.task(name="waits")(waits),
}
if "PERIODIC" in os.environ:
    each_minute = app.task(name="ticks", queue="ticks")(ticks)
    for name in ("", "again"):
        app.periodic(cron="* * * * *", periodic_id=name)(each_minute)
    app.periodic(cron="0 0 29 2 *")(app.task(name="seldom")(ticks))
