"""procrastinate, used and asked through its own job manager."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from tests.drivers.answering import answer
from tests.drivers.procrastinate_app import TASKS, app


def opened(work: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    """The function with the application open, run to its end."""

    async def run(**how: Any) -> Any:
        async with app.open_async():
            return await work(**how)

    def call(**how: Any) -> Any:
        return asyncio.run(run(**how))

    call.__name__ = work.__name__
    return call


async def migrate() -> None:
    await app.schema_manager.apply_schema_async()


async def enqueue(task: str, times: int = 1, **how: Any) -> list[int]:
    """Defer a task so many times: their ids."""
    return [await TASKS[task].configure(**how).defer_async() for _ in range(times)]


async def work(queue: str) -> None:
    """Run what a queue has, until nothing of it can be run."""
    await app.run_worker_async(queues=[queue], wait=False, install_signal_handlers=False)


async def cancel(job: int, *, abort: bool = False) -> bool:
    cancelled: bool = await app.job_manager.cancel_job_by_id_async(job, abort=abort)
    return cancelled


async def statuses() -> dict[str, dict[str, int]]:
    """Jobs by status and queue."""
    found: dict[str, dict[str, int]] = {}
    for queue in await app.job_manager.list_queues_async():
        name = queue.pop("name")
        for status, number in queue.items():
            if number:
                found.setdefault(status, {})[name] = number
    return found


async def stalled() -> dict[str, int]:
    """Jobs by queue that the library takes for stalled."""
    return by_queue(await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=30))


async def claimable(queue: str) -> list[int]:
    """Claim jobs until the library gives none: their ids. They are running after this."""
    claimed = []
    manager = app.job_manager
    worker = (await manager.register_worker(),) if hasattr(manager, "register_worker") else ()
    while job := await manager.fetch_job([queue], *worker):
        claimed.append(job.id)
    return claimed


def by_queue(jobs: Iterable[Any]) -> dict[str, int]:
    return dict(Counter(job.queue for job in jobs))


CALLS: tuple[Callable[..., Awaitable[Any]], ...] = (
    migrate,
    enqueue,
    work,
    cancel,
    statuses,
    stalled,
    claimable,
)

if __name__ == "__main__":
    answer(*map(opened, CALLS))
