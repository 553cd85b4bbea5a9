"""The containers of a source: they come and go, and each is read by a task of its own."""

from __future__ import annotations

import asyncio
import logging
from typing import Literal

from msgspec import Struct, field

from exporter.errors import SourceError
from exporter.model import Cursor
from exporter.sources.docker.engine import Listed
from exporter.sources.docker.follow import Follower, Shared
from exporter.sources.docker.settings import Selection, service_of

MOST = 256  # containers that are read at once
SEARCHES = 4  # logs in which the daemon searches for a place at once
LEAST = 0.25  # seconds between two looks at the list, whatever happens
FORGET = 3600.0  # seconds after which a container that is not listed is forgotten
SELDOM = 60.0  # seconds between two looks at those that have ended, where no events are told
EVENTS_PAUSE = 5.0
EVENTS_LONGEST = 300.0

logger = logging.getLogger(__name__)


class Fleet(Struct):
    """The followers of a source by container, and the cursors of those that are gone.

    A container that was read to its end needs no follower: `_settled` has the start of its last
    run. `_doubted` are those that may have been started, and have ended, since.
    """

    shared: Shared
    selection: Selection
    service: str | None
    start: Literal["end", "beginning"]
    poll: float
    _cursors: dict[str, Cursor] = field(default_factory=dict)
    _gone: dict[str, float] = field(default_factory=dict)
    _followers: dict[str, tuple[Follower, asyncio.Task[None]]] = field(default_factory=dict)
    _settled: dict[str, str] = field(default_factory=dict)
    _doubted: set[str] = field(default_factory=set)
    _doubted_at: float = 0.0
    _hears: bool = False
    _first: bool = True
    _crowded: bool = False

    async def run(self) -> None:
        """Look and follow until cancelled. Raises SourceError."""
        self._take_up()
        events = asyncio.create_task(self._listen())
        try:
            while True:
                self.shared.stirred.clear()
                self._look(await self.shared.engine.containers(self.selection))
                await asyncio.sleep(LEAST)
                await self._pause()
        finally:
            tasks = [events, *(task for _, task in self._followers.values())]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _take_up(self) -> None:
        """The cursors of an earlier run; one without a stream says that there was one."""
        shared = self.shared
        for cursor in shared.sink.cursors(shared.source):
            self._first = False
            shared.sink.open(shared.source, cursor)
            identity = str((cursor.place or {}).get("id") or "")
            if cursor.stream and identity:
                self._cursors[identity] = cursor

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self.poll):
                await self.shared.stirred.wait()
        except TimeoutError:
            pass

    def _look(self, listed: list[Listed]) -> None:
        """Follow what is new, forget what is long gone. Raises what a follower raised."""
        self._reap()
        if self._first:
            cursor = Cursor(self.shared.source, "", "", 0, {"id": None})
            self.shared.sink.open(self.shared.source, cursor)
        now = asyncio.get_running_loop().time()
        if not self._hears and now - self._doubted_at >= SELDOM:
            self._doubt()
        for one in sorted(listed, key=lambda one: not one.running):
            if one.id not in self._cursors:
                self._cursors[one.id] = self._new(one)
            if one.id not in self._followers and self._has_more(one):
                self._follow(one)
        self._forget({one.id for one in listed}, now)
        self._first = False
        self.shared.sink.looked(self.shared.source)

    def _reap(self) -> None:
        """Take note of those that were read to their end. Raises what a follower raised."""
        for identity, (follower, task) in list(self._followers.items()):
            if task.done():
                del self._followers[identity]
                task.result()
                if follower.settled is not None:
                    self._settled[identity] = follower.settled

    def _has_more(self, one: Listed) -> bool:
        return one.running or one.id not in self._settled or one.id in self._doubted

    def _doubt(self) -> None:
        """Any of them may have run since it was last looked at."""
        self._doubted_at = asyncio.get_running_loop().time()
        self._doubted |= self._settled.keys()

    def _follow(self, one: Listed) -> None:
        if len(self._followers) >= MOST:
            if one.running:
                self._tell_crowd()
            return
        self._doubted.discard(one.id)
        follower = Follower(one.id, self._cursors[one.id], self.shared, self._settled.get(one.id))
        task = asyncio.create_task(follower.run())
        task.add_done_callback(lambda _: self.shared.stirred.set())
        self._followers[one.id] = follower, task

    def _new(self, one: Listed) -> Cursor:
        """A container that was not known; at the very first look it may be read from its end."""
        shared = self.shared
        end = self._first and self.start == "end"
        service = self.service or service_of(one.name, one.labels)
        key = f"{shared.source} {one.id[:12]}"
        cursor = Cursor(key, service, "docker", 0, {"id": one.id, "name": one.name, "end": end})
        shared.sink.open(shared.source, cursor)
        return cursor

    def _forget(self, listed: set[str], now: float) -> None:
        """Let go of what has not been listed for long: a daemon may be back with all it had."""
        self._doubted &= listed
        for identity in listed & self._gone.keys():
            del self._gone[identity]
        for identity in self._cursors.keys() - listed - self._followers.keys():
            if now - self._gone.setdefault(identity, now) >= FORGET:
                self.shared.sink.finish(self._cursors.pop(identity))
                self._settled.pop(identity, None)
                del self._gone[identity]

    def _tell_crowd(self) -> None:
        self.shared.sink.failed(self.shared.source, "too_many")
        if not self._crowded:
            self._crowded = True
            text = "%s: more than %d containers fit; the others are not read"
            logger.warning(text, self.shared.source, MOST)

    async def _listen(self) -> None:
        """Have the list looked at when the daemon tells of a change; without that it is polled."""
        pause = EVENTS_PAUSE
        while True:
            try:
                async for identities in self.shared.engine.events():
                    pause = EVENTS_PAUSE
                    if not self._hears:  # what happened before is not told
                        self._hears = True
                        self._doubt()
                    self._doubted |= identities
                    self.shared.stirred.set()
            except SourceError as error:
                logger.debug("%s: events: %s", self.shared.source, error)
            self._hears = False
            await asyncio.sleep(pause)
            pause = min(2 * pause, EVENTS_LONGEST)
