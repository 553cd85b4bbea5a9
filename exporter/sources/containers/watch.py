"""The containers of an application at work: looked at and listened to, side by side.

One loop looks, at each interval and soon after each event; another follows the events. The daemon
is asked in one thread and followed in another, so that one that hangs delays nothing else.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from msgspec import Struct, field

from exporter.errors import SourceError
from exporter.sources.containers.engine import Engine, Follower
from exporter.sources.containers.facts import Happened, Seen
from exporter.sources.containers.lives import HELD_SECONDS
from exporter.sources.containers.settings import Containers
from exporter.sources.containers.telling import Telling
from exporter.sources.worker import Worker

HUNG_SECONDS = 20.0  # a look that takes longer is a failure, though it is still waited for
BREATH_SECONDS = 0.5  # between two looks, whatever happens
SHARE = 0.1  # of the time, at most, that the daemon is to spend on our looks
FIRST_PAUSE_SECONDS = 1.0


class Watch(Struct):
    """The state of one source at work. `answers` is set while the daemon does."""

    settings: Containers
    telling: Telling
    _answers: asyncio.Event = field(default_factory=asyncio.Event)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _follower: Follower | None = None
    _heard: bool = False
    _pause: float = FIRST_PAUSE_SECONDS

    async def run(self) -> None:
        """Look and listen side by side."""
        self.telling.declare()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_for_ever())
            group.create_task(self._listen_for_ever())

    # -- looking ------------------------------------------------------------------------------

    async def _look_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        worker, engine = Worker(self.settings.name), Engine(self.settings)
        try:
            while True:
                self._wake.clear()
                began = loop.time()
                try:
                    found = await self._look(worker, engine)
                except SourceError as error:
                    self._failed(error)
                    await asyncio.sleep(self._pause)
                    self._pause = min(2 * self._pause, self.settings.interval)
                    continue
                self._pause = FIRST_PAUSE_SECONDS
                if self.telling.found(found) and self._follower is not None:
                    self._follower.stop()  # it is a stream of which nothing comes any more
                self._answers.set()
                await asyncio.sleep(max(BREATH_SECONDS, (loop.time() - began) / SHARE))
                # wait_for of Python 3.11 loses a cancel that meets what it waits for.
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.settings.interval):
                        await self._wake.wait()
        finally:
            worker.close(engine.close)

    async def _look(self, worker: Worker, engine: Engine) -> list[Seen]:
        """What there is. One that takes too long is told, and waited for."""
        job = asyncio.ensure_future(worker.do(engine.look))
        try:
            done, _ = await asyncio.wait([job], timeout=HUNG_SECONDS)
            if not done:
                self._failed(SourceError("hung", f"no answer within {HUNG_SECONDS:g} s"))
            while not done:
                self.telling.expire()
                done, _ = await asyncio.wait([job], timeout=1.0)
            return await job
        finally:
            job.cancel()

    def _failed(self, error: SourceError) -> None:
        self._answers.clear()
        if self._follower is not None:
            self._follower.stop()  # of a daemon that hangs, nothing more would come
        self.telling.failed(error)

    # -- listening ----------------------------------------------------------------------------

    async def _listen_for_ever(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            await self._answers.wait()
            await self._listen()
            self._wake.set()  # it is seen at once where the daemon has stopped
            pause = FIRST_PAUSE_SECONDS if self._heard else min(2 * pause, self.settings.interval)
            await asyncio.sleep(pause)

    async def _listen(self) -> None:
        """Follow the events until their stream ends, which a quiet one may do at any time."""
        loop, worker = asyncio.get_running_loop(), Worker(f"{self.settings.name} events")
        follower = Follower(
            self.settings,
            self.telling.position,
            connected=lambda: loop.call_soon_threadsafe(self._connected),
            tell=lambda event: loop.call_soon_threadsafe(self._event, event),
        )
        self._follower, self._heard = follower, False
        job = asyncio.ensure_future(worker.do(follower.follow))
        try:
            await asyncio.wait([job], timeout=HUNG_SECONDS)
            if not self._heard and not job.done():  # only the other side can end such a wait
                text = f"not answered within {HUNG_SECONDS:g} s"
                self.telling.deaf(SourceError("hung", text))
            await job
        except SourceError as error:
            self.telling.deaf(error)
        finally:
            job.cancel()
            self._follower = None
            self.telling.hears_no_more()
            follower.stop()
            worker.close()

    def _connected(self) -> None:
        if self._follower is not None:
            self._heard = True
            self.telling.hears()
            self._wake.set()

    def _event(self, event: Happened) -> None:
        """Take what has just happened; what comes after its stream was left will come again."""
        if self._follower is None:
            return
        if self.telling.happened(event):
            self._wake.set()
        if event.action == "die":
            asyncio.get_running_loop().call_later(HELD_SECONDS, self.telling.settle)
