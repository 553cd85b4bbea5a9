"""inotify: which files something happened to, so that the slow poll can be slow.

A watch of each directory, on one instance. Where there is none (another system, no more watches or
instances, a network mount that stays silent) the poll does it all.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from exporter.sources.files.identity import Ident

if TYPE_CHECKING:
    from asyncinotify import Event, Inotify
    from asyncinotify import Watch as Watched

BATCH = 64  # events that are taken at once
PAUSE = 0.005  # seconds between two batches: a flood of events becomes a few wakes

logger = logging.getLogger(__name__)


class Watch:
    """What inotify tells of some directories.

    `complete` tells whether every directory asked for is watched.
    """

    def __init__(self) -> None:
        self._touched: dict[str, bool] = {}
        self._stirred = False
        self._inotify: Inotify | None = _open()
        self.complete = self._inotify is not None
        self._watched: dict[str, tuple[Ident, Watched]] = {}
        self._paths: dict[int, set[str]] = {}
        self._news = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._inotify is not None:
            self._listener = asyncio.create_task(self._listen(self._inotify))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait([self._listener])
        if self._inotify is not None:
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

    async def wait(self, seconds: float) -> None:
        """Until something happens, or so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    def take(self) -> tuple[dict[str, bool], bool]:
        """What happened since it was last asked.

        The paths that were written to, each with whether it came, went or was renamed; and whether
        that is not all, because a directory went or the queue of events ran over.
        """
        taken = self._touched, self._stirred
        self._touched, self._stirred = {}, False
        self._news.clear()
        return taken

    def _add(self, inotify: Inotify, path: str, ident: Ident) -> bool:
        from asyncinotify import Mask

        mask = Mask.MODIFY | Mask.ATTRIB | Mask.CREATE | Mask.DELETE | Mask.MOVE
        mask |= Mask.DELETE_SELF | Mask.MOVE_SELF | Mask.ONLYDIR
        try:
            watched = inotify.add_watch(path, mask)
        except OSError as error:
            if self.complete:  # said once, not for each of a thousand directories
                logger.warning("%s cannot be watched (%s): it is polled", path, error.strerror)
                self.complete = False
            return False
        self._watched[path] = ident, watched
        self._paths.setdefault(watched.wd, set()).add(path)
        return True

    def _drop(self, path: str) -> None:
        """Stop watching the directory that was found under this path."""
        if self._inotify is None or path not in self._watched:
            return
        _, watched = self._watched.pop(path)
        paths = self._paths[watched.wd]
        paths.discard(path)
        if not paths:
            del self._paths[watched.wd]
            with suppress(OSError):  # the directory may be gone already
                self._inotify.rm_watch(watched)

    async def _listen(self, inotify: Inotify) -> None:
        """Take events as they come.

        In a task of its own that is cancelled only at the end: a read of events that is given up
        loses them.
        """
        taken = 0
        while True:
            self._note(await inotify.get())
            taken += 1
            if taken == BATCH:
                taken = 0
                await asyncio.sleep(PAUSE)

    def _note(self, event: Event) -> None:
        from asyncinotify import Mask

        if event.mask & Mask.Q_OVERFLOW:
            self._stirred = True
            self._news.set()
        paths = self._paths.get(event.watch.wd) if event.watch is not None else None
        if not paths:
            return
        self._news.set()
        if event.name is None:
            self._stirred = True
            if event.mask & (Mask.DELETE_SELF | Mask.MOVE_SELF | Mask.IGNORED):
                for path in list(paths):
                    self._drop(path)
            return
        name = os.fspath(event.name)
        moved = bool(event.mask & (Mask.CREATE | Mask.DELETE | Mask.MOVE))
        for path in paths:
            full = os.path.join(path, name)
            self._touched[full] = moved or self._touched.get(full, False)


def _open() -> Inotify | None:
    try:
        from asyncinotify import Inotify

        return Inotify(cache_size=BATCH)
    except (ImportError, RuntimeError, OSError) as error:
        logger.warning("inotify cannot be used (%s): files are polled", error)
        return None
