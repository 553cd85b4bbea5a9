"""inotify: which files something happened to, so that the slow poll can be slow.

A watch of each directory, on one instance. Where there is none (another system, no more watches or
instances, a network mount that stays silent) the poll does it all.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Self

from exporter.sources.files import inotify
from exporter.sources.files.identity import Ident
from exporter.sources.files.inotify import Inotify

GATHER = 0.003  # seconds after a taking in which more is left to be taken together
MASK = (
    inotify.MODIFY
    | inotify.ATTRIB
    | inotify.CREATE
    | inotify.DELETE
    | inotify.MOVED
    | inotify.DELETE_SELF
    | inotify.MOVE_SELF
    | inotify.ONLY_DIRECTORIES
)
COMING_OR_GOING = inotify.CREATE | inotify.DELETE | inotify.MOVED
ITS_END = inotify.DELETE_SELF | inotify.MOVE_SELF | inotify.IGNORED

logger = logging.getLogger(__name__)
Settle = Callable[[Mapping[str, bool]], bool]


class Watch:
    """What inotify tells of some directories.

    `complete` tells whether every directory asked for is watched. Made in the event loop's thread.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._touched: dict[str, bool] = {}
        self._stirred = False
        self._inotify = _open()
        self.complete = self._inotify is not None
        self._watched: dict[str, tuple[Ident, int]] = {}
        self._paths: dict[int, set[str]] = {}
        self._news = asyncio.Event()
        self._settle: Settle | None = None
        self._error: Exception | None = None
        self._rests_until = 0.0
        self._bursts = False
        self._resuming: asyncio.TimerHandle | None = None
        self._alarm: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        for timer in (self._alarm, self._resuming):
            if timer is not None:
                timer.cancel()
        if self._inotify is not None:
            self._loop.remove_reader(self._inotify.fd)
            self._inotify.close()

    def cover(self, directories: Mapping[str, Ident]) -> bool:
        """Watch these directories and no others; whether any of them was not watched before."""
        if self._inotify is None:
            return False
        for path in self._watched.keys() - directories.keys():
            self._drop(path)
        missed = added = False
        for path, ident in directories.items():
            if path in self._watched and self._watched[path][0] == ident:
                continue
            self._drop(path)
            done = self._add(self._inotify, path, ident)
            added, missed = added or done, missed or not done
        self.complete = not missed
        return added

    async def wait(self, until: float, settle: Settle | None = None) -> None:
        """Until something happens, or until then (in the loop's time).

        `settle` may do at once what it is about, and say that nothing is left: an append is read
        before a task could be woken for it. What it raises is raised here.
        """
        if self._alarm is None or self._alarm.when() != until:
            if self._alarm is not None:
                self._alarm.cancel()
            # Kept from one waiting to the next: appends come often, looks seldom.
            self._alarm = self._loop.call_at(until, self._ring)
        self._settle = settle
        try:
            await self._news.wait()
        finally:
            self._settle = None
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def take(self) -> tuple[dict[str, bool], bool]:
        """What happened since it was last asked.

        The paths that were written to, each with whether it came, went or was renamed; and whether
        that is not all, because a directory went or the queue of events ran over.
        """
        taken = self._touched, self._stirred
        if self._touched:
            self._rests_until = self._loop.time() + GATHER
        self._touched, self._stirred = {}, False
        self._news.clear()
        return taken

    def _ring(self) -> None:
        self._alarm = None
        self._news.set()

    def _add(self, told: Inotify, path: str, ident: Ident) -> bool:
        try:
            number = told.watch(path, MASK)
        except OSError as error:
            if self.complete:  # said once, not for each of a thousand directories
                logger.warning("%s cannot be watched (%s): it is polled", path, error.strerror)
                self.complete = False
            return False
        self._watched[path] = ident, number
        self._paths.setdefault(number, set()).add(path)
        return True

    def _drop(self, path: str) -> None:
        """Stop watching the directory that was found under this path."""
        if self._inotify is None or path not in self._watched:
            return
        _, number = self._watched.pop(path)
        paths = self._paths[number]
        paths.discard(path)
        if not paths:
            del self._paths[number]
            with suppress(OSError):  # the directory may be gone already
                self._inotify.drop(number)

    def _listen(self) -> None:
        if self._inotify is not None:
            self._loop.add_reader(self._inotify.fd, self._hear, self._inotify)

    def _hear(self, told: Inotify, *, rested: bool = False) -> None:
        """Take the events that are there, or leave them for a while if some were just taken.

        So a flood of events becomes a few wakes, and the kernel makes one of those that are alike.
        """
        if not rested and self._loop.time() < self._rests_until:
            self._bursts = True
            self._rest(told)
            return
        for number, mask, name in told.events():
            self._note(number, mask, name)
        if self._touched and not self._stirred and self._settled():
            self.take()
            if self._bursts and not rested:
                self._rest(told)  # more is about to come: not to be woken by it
        elif self._touched or self._stirred:
            self._news.set()
        else:
            self._bursts = False

    def _rest(self, told: Inotify) -> None:
        self._loop.remove_reader(told.fd)
        self._resuming = self._loop.call_at(self._rests_until, self._resume, told)

    def _resume(self, told: Inotify) -> None:
        self._listen()
        self._hear(told, rested=True)

    def _settled(self) -> bool:
        try:
            return self._settle is not None and self._settle(self._touched)
        except Exception as error:  # noqa: BLE001  # it is raised where somebody waits
            self._error = error
            return False

    def _note(self, number: int, mask: int, name: str) -> None:
        if mask & inotify.OVERFLOWN:
            self._stirred = True
        paths = self._paths.get(number)
        if not paths:
            return
        if not name:
            self._stirred = True
            if mask & ITS_END:
                for path in list(paths):
                    self._drop(path)
            return
        moved = bool(mask & COMING_OR_GOING)
        for path in paths:
            full = os.path.join(path, name)
            self._touched[full] = moved or self._touched.get(full, False)


def _open() -> Inotify | None:
    try:
        return Inotify()
    except OSError as error:
        logger.warning("inotify cannot be used (%s): files are polled", error)
        return None
