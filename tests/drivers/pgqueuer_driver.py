"""PgQueuer, used and asked through its own queries."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
from pgqueuer.queries import Queries

from tests.drivers.answering import answer
from tests.drivers.pgqueuer_app import application


def connected(work: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    """The function with a connection of its own, run to its end."""

    async def run(**how: Any) -> Any:
        connection = await asyncpg.connect(os.environ["DATABASE_URL"])
        try:
            return await work(connection, **how)
        finally:
            await connection.close()

    def call(**how: Any) -> Any:
        return asyncio.run(run(**how))

    call.__name__ = work.__name__
    return call


def queries(connection: Any) -> Any:
    return Queries.from_asyncpg_connection(connection)


async def install(connection: Any) -> None:
    await queries(connection).install()


async def enqueue(connection: Any, entrypoint: str, times: int = 1, delay: int = 0) -> list[int]:
    """Enqueue so many jobs, to be run in so many seconds: their ids."""
    ids: list[int] = await queries(connection).enqueue(
        [entrypoint] * times, [None] * times, [0] * times, [timedelta(seconds=delay)] * times
    )
    return ids


async def work(connection: Any) -> None:
    """Run a worker until there is nothing that it could run, or that it runs."""
    app = application(connection)
    running = asyncio.create_task(app.run(dequeue_timeout=timedelta(seconds=0.1)))
    async with asyncio.timeout(20):
        while await unfinished():  # noqa: ASYNC110 - the database sends no event
            await asyncio.sleep(0.05)
    app.shutdown.set()
    await running


async def unfinished() -> int:
    """Jobs that a worker could run or runs, by a connection that no worker uses."""
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    try:
        return int(
            await connection.fetchval(
                "SELECT count(*) FROM pgqueuer WHERE execute_after <= now()"
                " AND status IN ('queued', 'picked')"
            )
        )
    finally:
        await connection.close()


async def cancel(connection: Any, ids: list[int]) -> None:
    await queries(connection).mark_job_as_cancelled(ids)


async def requeue(connection: Any) -> None:
    """Put every held job back."""
    own = queries(connection)
    await own.requeue_jobs([job.id for job in await own.list_failed_jobs()])


async def size(connection: Any) -> dict[str, dict[str, int]]:
    """Rows of the queue by status and entrypoint."""
    found: dict[str, dict[str, int]] = {}
    for row in await queries(connection).queue_size():
        found.setdefault(row.status, {})[row.entrypoint] = row.count
    return found


async def log(connection: Any) -> dict[str, dict[str, int]]:
    """Rows of the log by status and entrypoint."""
    found: dict[str, dict[str, int]] = {}
    for row in await queries(connection).queue_log():
        of_status = found.setdefault(row.status, {})
        of_status[row.entrypoint] = of_status.get(row.entrypoint, 0) + 1
    return found


async def ages(connection: Any) -> dict[str, float]:
    """How long the oldest queued job of each entrypoint has been there."""
    return {row.entrypoint: row.oldest_age_seconds for row in await queries(connection).queue_age()}


async def stale(connection: Any) -> dict[str, int]:
    """Jobs by entrypoint whose heartbeat is too old."""
    rows = await queries(connection).stale_jobs(timedelta(seconds=30))
    return dict(Counter(row.entrypoint for row in rows))


async def claim(connection: Any, entrypoints: list[str]) -> dict[str, int]:
    """Claim what the library gives, for a worker that is then seen no more."""
    from pgqueuer.ports.repository import EntrypointExecutionParameter  # noqa: PLC0415 - not before 1.0

    rows = await queries(connection).dequeue(
        batch_size=100,
        entrypoints={name: EntrypointExecutionParameter(0) for name in entrypoints},
        queue_manager_id=uuid.uuid4(),
        global_concurrency_limit=None,
        heartbeat_timeout=timedelta(seconds=30),
    )
    return dict(Counter(row.entrypoint for row in rows))


async def schedules(connection: Any) -> dict[str, float]:
    """When each schedule last ran, of those that have."""
    return {
        f"{row.entrypoint} {row.expression}": row.last_run.timestamp()
        for row in await queries(connection).peek_schedule()
        if row.last_run
    }


CALLS: tuple[Callable[..., Awaitable[Any]], ...] = (
    install,
    enqueue,
    work,
    cancel,
    requeue,
    size,
    log,
    ages,
    stale,
    claim,
    schedules,
)

if __name__ == "__main__":
    answer(*map(connected, CALLS))
