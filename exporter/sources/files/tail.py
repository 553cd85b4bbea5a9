"""Reads the files of a source in small steps: a look when it is due, a chunk of each log a step."""

from __future__ import annotations

import logging
import os
import resource
from collections.abc import Mapping

from msgspec import Struct, field

from exporter.clock import Clock
from exporter.model import Sink
from exporter.sources.files.book import Book
from exporter.sources.files.follow import Follow, Log, Part
from exporter.sources.files.identity import Ident
from exporter.sources.worker import Worker
from exporter.turns import Turn

ROUND = 1 << 20  # bytes that are read in one step: it bounds the memory that a backlog takes
MOST_LOGS = 256  # logs that are read in one step
MOST_OPEN = 1024

logger = logging.getLogger(__name__)
Reading = tuple[Follow, Part | None]


class Tailer(Struct):
    """The files of one source and the sink that they feed. One task steps it.

    What touches files runs in the worker's thread while the task waits, but for a few lines that
    the kernel has at hand: to hand those over would cost more than to read them. What touches the
    sink runs in the task, a portion and its cursor in one go.
    """

    book: Book
    sink: Sink
    clock: Clock
    worker: Worker
    open_files: int
    turn: Turn
    _by_path: dict[str, Follow] = field(default_factory=dict)
    _held: dict[Follow, None] = field(default_factory=dict)

    @classmethod
    def begin(cls, book: Book, sink: Sink, clock: Clock) -> Tailer:
        """Go on from the cursors that the sink has of this source."""
        book.take_up(sink.cursors(book.name))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        share = MOST_OPEN if soft == resource.RLIM_INFINITY else soft // 4
        most = max(16, min(MOST_OPEN, share))
        return cls(book, sink, clock, Worker(book.name), most, Turn(sink.turns))

    @property
    def restless(self) -> bool:
        """Whether something was met that only another look can tell."""
        return self.book.again

    @property
    def directories(self) -> Mapping[str, Ident]:
        """Where something may happen."""
        return self.book.directories

    async def look(self) -> None:
        """Look which files there are, and what became of those that are known."""
        now = self.clock.now()
        for effect in await self.worker.do(lambda: self.book.look(now)):
            effect()
        # Of a file that is gone for good nothing is kept: it was closed when it was let go.
        self._held = {one: None for one in self._held if one.body is not None}
        self._by_path = {}
        for follow in self.book.follows.values():
            self._by_path[follow.path] = self._by_path[follow.real] = follow
            self._tell_lag(follow)
            if follow.body is not None:
                self._held.setdefault(follow)
        self.sink.looked(self.book.name)

    async def step(self) -> bool:
        """Read a portion or a chunk of each log that has news; whether there is more to read."""
        with self.turn:
            left, alone = dict(self.book.dirty), self._alone()
        for follow in alone:
            await self.turn.pause()
            if self._take_at_once(follow):
                left.pop(follow)
        if left or len(self._held) > self.open_files:
            for follow, part in await self.worker.do(self._gather):
                await self._take(follow, part)
        return bool(self.book.dirty)

    def settle(self, paths: Mapping[str, bool]) -> bool:
        """Count what was written to these, where that can be done at once; whether that was all.

        May be called between two steps, not within one. What is left is done by the next step.
        """
        with self.turn:
            stirred, alone = self.touched(paths), self._alone()
        if stirred or self.sink.full:
            return False
        for follow in alone:
            if self.turn.due or not self._take_at_once(follow):
                return False
        return not self.book.dirty

    def touched(self, paths: Mapping[str, bool]) -> bool:
        """Note what was written to; whether a look is due, because a file came, went or moved."""
        due = False
        for path, moved in paths.items():
            follow = self._by_path.get(path)
            if follow is not None and not follow.done:
                self.book.dirty[follow] = None
            if path in self.book.held:
                due = True
            elif moved and not due:
                due = follow is not None or self.book.finder.concerns(os.path.basename(path))
        return due

    def close(self) -> None:
        """Let go of every file, once the thread is through with what it does."""
        self.worker.close(self._close)

    def _hold(self, follow: Follow) -> None:
        """It is open, and the one that was read last."""
        self._held.pop(follow, None)
        self._held[follow] = None

    # -- in the worker's thread -------------------------------------------------------------

    def _gather(self) -> list[Reading]:
        """The next chunk of some logs; within a log the rotated file is read before the next."""
        logs: dict[Log, list[Follow]] = {}
        for follow in self.book.dirty:
            logs.setdefault(follow.log, []).append(follow)
        gathered: list[Reading] = []
        room = ROUND
        for files in list(logs.values())[:MOST_LOGS]:
            for follow in sorted(files, key=lambda one: one.born):
                part = self._read(follow)
                gathered.append((follow, part))
                if part is not None:
                    room -= len(part.data)
                    break
            if room <= 0:
                break
        self._let_go()
        return gathered

    def _read(self, follow: Follow) -> Part | None:
        self._hold(follow)
        try:
            outcome = follow.read()
        except FileNotFoundError:
            self.book.again = True  # renamed since the last look, which finds it
            return None
        except OSError as error:
            self._fail(follow, error.strerror or str(error))
            return None
        follow.failed = None
        if isinstance(outcome, Part):
            return outcome
        if outcome != "same":
            follow.broken = outcome
            self.book.unsettle(follow)
        return None

    def _fail(self, follow: Follow, why: str) -> None:
        if follow.failed != why:
            logger.warning("%s cannot be read: %s; it is tried again", follow.path, why)
        follow.failed = why

    def _let_go(self) -> None:
        """Close the files that were not read for longest; those without a name are kept."""
        while len(self._held) > self.open_files:
            follow = next(iter(self._held))
            del self._held[follow]
            if follow.missing is None:
                follow.close()

    def _close(self) -> None:
        for follow in self.book.follows.values():
            follow.close()

    # -- in the task ------------------------------------------------------------------------

    def _alone(self) -> list[Follow]:
        """Those with news of whose log no other file has any, which might have to go first.

        Where none of several is open, one will do to tell that none can be read at once.
        """
        dirty = list(self.book.dirty)
        if len(dirty) == 1 or not any(follow.body is not None for follow in dirty):
            return dirty[:1]
        logs: dict[Log, list[Follow]] = {}
        for follow in dirty:
            logs.setdefault(follow.log, []).append(follow)
        return [files[0] for files in logs.values() if len(files) == 1]

    def _take_at_once(self, follow: Follow) -> bool:
        """Count a portion that need not be waited for; False where there is none."""
        with self.turn:
            return self._glanced_at(follow)

    def _glanced_at(self, follow: Follow) -> bool:
        outcome = follow.glance()
        if not isinstance(outcome, Part) and outcome != "same":
            return False
        follow.failed = None
        self._hold(follow)
        if not isinstance(outcome, Part):
            self._rest(follow)
            return True
        offset = follow.cursor.offset
        self._feed(follow, outcome, outcome.skip)
        self._fed(follow, outcome, offset)
        return follow.cursor.offset > offset or follow.ended()  # else a line longer than a portion

    async def _take(self, follow: Follow, part: Part | None) -> None:
        """Count what was read, if anything."""
        if part is None:
            self._rest(follow)
            return
        at, offset = part.skip, follow.cursor.offset
        while at < len(part.data):
            await self.turn.pause()
            with self.turn:
                at = self._feed(follow, part, at)
        self._fed(follow, part, offset)

    def _feed(self, follow: Follow, part: Part, at: int) -> int:
        """Feed a portion that begins there; where it ends."""
        end = follow.portions.feed(self.sink, follow.cursor, part.data, at)
        follow.moved(part)
        return end

    def _fed(self, follow: Follow, part: Part, offset: int) -> None:
        """All of a part was fed, with the cursor at `offset` before."""
        follow.fed(part)
        if follow.missing is not None and follow.cursor.offset > offset:
            follow.missing = self.clock.now()
        if follow.ended():
            self._rest(follow)
        else:
            self.book.dirty[follow] = self.book.dirty.pop(follow, None)
            self._tell_lag(follow)

    def _rest(self, follow: Follow) -> None:
        """There is nothing more to read now."""
        self.book.dirty.pop(follow, None)
        follow.drained = follow.missing is not None and follow.failed is None
        if follow.packed and follow.body is not None and follow.ended():
            damage = follow.unpacked()
            if damage is not None:
                logger.warning("%s breaks off: %s", follow.path, damage)
        self._tell_lag(follow)

    def _tell_lag(self, follow: Follow) -> None:
        lag = follow.unread(), follow.mtime
        if lag != follow.lag and follow.ident in self.book.follows:
            follow.lag = lag
            self.sink.lag(follow.cursor, *lag)
