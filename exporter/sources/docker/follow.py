"""One container: its log is followed while it runs, read to its end when it does not.

A follow ends alike when the container exits, when the daemon stops and when a proxy cuts a quiet
connection. Only inspect tells which it was; so it is asked before anything else is done.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from msgspec import Struct, field

from exporter.clock import Clock
from exporter.errors import SourceError
from exporter.model import Cursor, Sink
from exporter.sources.docker.engine import Answer, Engine, Status
from exporter.sources.docker.frames import Cutter, Entry, Frames, Terminal
from exporter.sources.docker.tracks import SECOND, Tracks

QUIET = 1.0  # seconds without a word after which a log counts as read to its end
MARGIN = 2 * SECOND  # the daemon tells its time by the second
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
SHORT = 10.0  # a follow that ended sooner, with no exit behind it, was in vain
SEARCH = 5.0  # seconds after which a log that has not begun to come gives way to others
SETTLE = 0.05  # until a daemon that has answered a follow has begun it
MUCH = 4_000_000  # bytes; a log that holds as much can be read every now and then
LITTLE = 500_000  # bytes in a second that are followed in time by all experience
LEVEL = 0.1  # seconds; a line that comes as soon after its stamp is the daemon's newest
LATE = 0.5  # seconds; one that comes later shows that the daemon has fallen behind
BUSY_PAUSE = 0.25  # between two readings of a log that is written too fast to be followed
SHARE = 10  # a daemon that took a second to find the place is left alone for ten

logger = logging.getLogger(__name__)


class Shared(Struct, frozen=True):
    """What the containers of a source have in common.

    `stirred` has their list looked at; `gate` lets a few at a time have the daemon search a log.
    """

    source: str
    sink: Sink
    clock: Clock
    engine: Engine
    stirred: asyncio.Event
    gate: asyncio.Semaphore


class Read(Struct, frozen=True):
    """A reading to the log's end.

    `cost` is how many seconds the daemon searched, `live` its time when it began to, in
    nanoseconds, `size` how many bytes were new.
    """

    cost: float
    live: int
    size: int


class Follower(Struct, eq=False):
    """A container that is read.

    `settled` is the start (as inspect spells it) of the run that was read to its end.
    """

    identity: str
    cursor: Cursor
    shared: Shared
    settled: str | None = None
    _tracks: Tracks = field(default_factory=Tracks)
    _vain: int = 0
    _said: str = ""

    def __post_init__(self) -> None:
        self._tracks.load(self.cursor.place or {})

    async def run(self) -> None:
        """Read until it runs no more, or is gone. Raises SourceError where no log may be read."""
        while True:
            try:
                if await self._turn():
                    return
            except SourceError as error:
                if error.reason == "gone":
                    self._count(self._tracks.close())
                    return
                if error.reason == "denied":
                    raise
                self._tell(error)
                await self._wait()

    async def _turn(self) -> bool:
        """Read what there is now, and be ready for the next time; whether nothing more will come.

        That is so until it is started again.
        """
        status = await self.shared.engine.inspect(self.identity)
        if not status.running and status.started == self.settled:
            return True
        began = asyncio.get_running_loop().time()
        try:
            if (self.cursor.place or {}).get("end"):
                await self._skip(status)
            cost = await self._read(status)
        except SourceError as error:
            if error.reason != "unreadable" or status.running:
                raise
            self._tell(error)  # it will not be otherwise
            self.settled = status.started
            return True
        lasted = asyncio.get_running_loop().time() - began
        self.shared.stirred.set()
        after = await self.shared.engine.inspect(self.identity)
        self._said = ""
        if after == status and not status.running:
            self.settled = status.started
            self._count(self._tracks.close())
            return True
        if after == status and lasted < SHORT:
            await self._wait()
        else:
            self._vain = 0
            await asyncio.sleep(min(max(FIRST_PAUSE, SHARE * cost), LONGEST_PAUSE))
        return False

    async def _skip(self, status: Status) -> None:
        """Take what there is now for counted: the last entry tells where that ends."""
        cutter = _cutter(status)
        async with self.shared.engine.log(self.identity, tail="1") as answer:
            while data := await _in_time(answer):
                self._tracks.start_behind(cutter.take(data))
            self._tracks.start_behind(cutter.rest())
            _whole(answer)
        self._save()

    async def _read(self, status: Status) -> float:
        """Go through the log from where it was left; how long the daemon searched for that.

        A daemon that follows goes through what there is first, and does not notice a rotation
        meanwhile: it would leave out a whole file. So the follow begins at the log's end, what
        stands before is read without following, and the follow's own beginning is left out.

        A follow that falls behind leaves out files as well. So where a log is rotated, and a burst
        comes that may do so, it is given up for another reading.
        """
        engine, tracks = self.shared.engine, self._tracks
        burst = _burst(status)
        if not status.running:
            return (await self._catch_up(status)).cost
        while True:
            async with engine.log(self.identity, follow=True, tail="0") as answer:
                await asyncio.sleep(SETTLE)
                read = await self._catch_up(status)
                await engine.inspect(self.identity)  # a daemon that stops ends a log like any other
                if tracks.unfinished:
                    break
                tracks.caught_up()
                if read.size <= burst and await self._follow(answer, status, read.live, burst):
                    return read.cost
            await asyncio.sleep(max(BUSY_PAUSE, 2 * read.cost))
        # A line is half written, and the follow may have begun amid it.
        async with engine.log(self.identity, since=tracks.since(), follow=True) as answer:
            tracks.again(read.live + MARGIN)
            await self._follow(answer, status, read.live, math.inf)
        return read.cost

    async def _catch_up(self, status: Status) -> Read:
        """Read to the log's end."""
        loop, tracks = asyncio.get_running_loop(), self._tracks
        log = self.shared.engine.log(self.identity, since=tracks.since())
        async with AsyncExitStack() as stack:
            async with _searching(self.shared.gate):
                asked = loop.time()
                answer = await stack.enter_async_context(log)
                live = answer.live or int(self.shared.clock.now()) * SECOND
                tracks.again(live + MARGIN)
                first = await answer.more(SHORT)
            data = await _in_time(answer) if first is None else first
            cost = loop.time() - asked
            cutter, size = _cutter(status), 0
            while data:
                size += await self._take(cutter.take(data), len(data), live)
                data = await _in_time(answer)
            _whole(answer)
        size += await self._take(cutter.rest(), 0, live)
        return Read(cost, live, size)

    async def _follow(self, answer: Answer, status: Status, live: int, burst: float) -> bool:
        """Count what comes until it ends; False where it comes too fast, or too late.

        `live` was the daemon's time when this began. How late a line is shows in its stamp; the
        line that came soonest after its own tells how our clocks differ.
        """
        loop, tracks, cutter, size = asyncio.get_running_loop(), self._tracks, _cutter(status), 0
        second = loop.time()
        ahead, waited = max(live, tracks.newest) / SECOND - second, 0.0
        while (data := await answer.more(QUIET)) != b"":
            waited = 0.0 if data else waited + QUIET
            if cutter.amid and waited >= LONGEST_PAUSE:
                raise SourceError("timeout", f"the log stops amid a frame for {waited:.0f} s")
            await self._take(cutter.take(data or b""), len(data or b""), live)
            newest, now = tracks.newest / SECOND, loop.time()
            ahead = max(ahead, newest - now)
            late = now + ahead - newest if data else 0.0
            if now - second > 1 and late <= LEVEL:
                second, size = now, 0
            size += len(data or b"")
            if burst < math.inf and (size > burst or late > LATE):
                return False
        await self._take(cutter.rest(), 0, live)
        return True

    async def _take(self, entries: list[Entry], size: int, live: int) -> int:
        """Count what entries complete, and let others have their turn; how many bytes were new."""
        await self.shared.sink.room()
        new = self._count(self._tracks.take(entries)) if entries else 0
        self._tell_lag(size, live)
        await asyncio.sleep(0)
        return new

    def _count(self, lines: list[bytes]) -> int:
        """Feed lines and move the place, with nothing in between; how many bytes they are."""
        text = b"".join(lines)
        size = len(text)
        while text and (consumed := self.shared.sink.feed(self.cursor, text)):
            text = text[consumed:]
        self._save()
        return size

    def _save(self) -> None:
        name = (self.cursor.place or {}).get("name")  # for forwarding, which tells it
        self.cursor.place = {"id": self.identity, "name": name, **self._tracks.dump()}

    def _tell_lag(self, read: int, live: int) -> None:
        """Bytes that wait are not known; while old lines come, more of them will."""
        newest = self._tracks.newest
        waiting = read if newest < live - MARGIN else 0
        self.shared.sink.lag(self.cursor, waiting, newest / SECOND if newest else None)

    def _tell(self, error: SourceError) -> None:
        shared = self.shared
        shared.sink.failed(shared.source, error.reason)
        if self._said != str(error):
            self._said = str(error)
            name = f"{self.cursor.service} ({self.identity[:12]})"
            logger.warning("%s: %s cannot be read: %s", shared.source, name, error)

    async def _wait(self) -> None:
        """A pause that doubles."""
        pause = min(FIRST_PAUSE * 2**self._vain, LONGEST_PAUSE)
        self._vain = min(self._vain + 1, 10)
        await asyncio.sleep(pause)


@asynccontextmanager
async def _searching(gate: asyncio.Semaphore) -> AsyncIterator[None]:
    """Hold a place among those who have the daemon search, but not for as long as it may hang."""
    await gate.acquire()
    places = [gate]

    def leave() -> None:
        while places:
            places.pop().release()

    timer = asyncio.get_running_loop().call_later(SEARCH, leave)
    try:
        yield
    finally:
        timer.cancel()
        leave()


def _burst(status: Status) -> float:
    """How many bytes in a second are too many to follow.

    They may rotate the log twice before the daemon has sent what came before. But where it holds
    little, it would be gone before the next reading.
    """
    if not status.rotates_at:
        return math.inf
    quarter = status.rotates_at // 4
    return quarter if status.holds >= MUCH else max(quarter, LITTLE)


def _cutter(status: Status) -> Cutter:
    return Terminal() if status.tty else Frames()


async def _in_time(answer: Answer) -> bytes:
    """What comes next of an answer that ends by itself. Raises SourceError where it hangs."""
    data = await answer.more(LONGEST_PAUSE)
    if data is None:
        raise SourceError("timeout", f"the log says nothing for {LONGEST_PAUSE:.0f} s")
    return data


def _whole(answer: Answer) -> None:
    if answer.broken:
        raise SourceError("broken", "the connection broke off before the log's end")
