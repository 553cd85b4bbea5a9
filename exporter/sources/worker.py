"""One thread for a source's file I/O, so that a hung mount stops that source and nothing else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """Does jobs one after another, off the event loop.

    Not an executor: the interpreter waits for those at its end, and a read from a dead server
    would keep the process from ending.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def do(self, job: Callable[[], T]) -> T:
        """The job's result, or what it raised."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(partial(_run, job, future, loop))
        self._begin()
        return await future

    def close(self, last: Callable[[], None] | None = None) -> None:
        """Do `last` after everything else, and end the thread; does not wait for it."""
        if last is not None:
            self._jobs.put(last)
            self._begin()
        self._jobs.put(None)

    def join(self) -> None:
        """Wait for the end of a thread that was closed."""
        if self._thread is not None:
            self._thread.join()

    def _begin(self) -> None:
        """Start the thread with the first job: most of two thousand probes never have one."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _run(job: Callable[[], T], future: asyncio.Future[T], loop: asyncio.AbstractEventLoop) -> None:
    try:
        tell: Callable[[], Any] = partial(_settle, future, future.set_result, job())
    except Exception as error:  # noqa: BLE001  # whoever awaits the job is to see it
        tell = partial(_settle, future, future.set_exception, error)
    if not loop.is_closed():
        loop.call_soon_threadsafe(tell)


def _settle(future: asyncio.Future[Any], settle: Callable[[Any], None], value: Any) -> None:
    if not future.done():
        settle(value)
