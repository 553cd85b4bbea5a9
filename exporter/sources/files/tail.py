"""Reads the files of a source in small steps: a look when it is due, a chunk of each log a step."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.clock import Clock
from exporter.model import Sink
from exporter.sources.files.book import Book
from exporter.sources.files.follow import Follow, Log, Part
from exporter.sources.files.identity import Ident
from exporter.sources.worker import Worker

ROUND = 1 << 20  # bytes that are read in one step: it bounds the memory that a backlog takes
MOST_LOGS = 256  # logs that are read in one step
MOST_OPEN = 256

logger = logging.getLogger(__name__)
Reading = tuple[Follow, Part | None]


@dataclass(slots=True)
class Tailer:
    """The files of one source and the sink that they feed. One task steps it.

    What touches files runs in the worker's thread while the task waits; what touches the sink runs
    in the task, a chunk and its cursor in one go.
    """

    book: Book
    sink: Sink
    clock: Clock
    worker: Worker
    open_files: int
    _by_path: dict[str, Follow] = field(default_factory=dict)
    _held: dict[Follow, None] = field(default_factory=dict)

    @classmethod
    def begin(cls, book: Book, sink: Sink, clock: Clock) -> Tailer:
        """Go on from the cursors that the sink has of this source."""
        book.take_up(sink.cursors(book.name))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        share = MOST_OPEN if soft == resource.RLIM_INFINITY else soft // 4
        return cls(book, sink, clock, Worker(book.name), max(16, min(MOST_OPEN, share)))

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
        """Read a chunk of each log that has news; whether there is more to read."""
        for follow, part in await self.worker.do(self._gather):
            if part is None:
                self._rest(follow)
            else:
                self._feed(follow, part)
                await asyncio.sleep(0)
        return bool(self.book.dirty)

    def touched(self, paths: Mapping[str, bool]) -> bool:
        """Read what was written to; whether a look is due, because a file came, went or moved."""
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
        self._held.pop(follow, None)
        self._held[follow] = None
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

    def _feed(self, follow: Follow, part: Part) -> None:
        consumed = self.sink.feed(follow.cursor, part.chunk)
        follow.fed(part, consumed)
        if follow.missing is not None and consumed:
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
