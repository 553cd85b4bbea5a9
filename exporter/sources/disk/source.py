"""Files that should come regularly or grow, and the room that is left on a file system.

`files:` of an application names each of them: `{backups: {glob: "/backup/*.dump", every: 24h}}`.
They are looked at, never opened; one that hangs (a dead mount) keeps nothing but itself waiting.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from msgspec import Struct

from exporter.clock import Clock
from exporter.errors import SourceError
from exporter.model import Board, Duration
from exporter.sources.disk.look import File, Found, failure, newest
from exporter.sources.worker import Worker

LOOK_SECONDS = 30.0
HUNG_SECONDS = 60.0  # a look that takes longer is a failure, though it is still waited for
REST_SHARE = 10  # looks take a tenth of the time at the most, however many files there are
WHOLE_SECONDS = 300.0  # a file that was left alone for so long is not being written any more
SINCE, WRITTEN, SIZE, BEFORE = "since", "written", "size", "before"  # what is remembered
MOUNTED = "mounted"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Disk:
    """One entry of `files:`, either the files of `glob` or the file system of `mount`.

    A new file is expected `every` so often; a growing one may rest for `grows`. Of a file system
    the share `free` has to be left. `name` is the entry's own.
    """

    name: str = field(default="", metadata={"inner": True})
    glob: tuple[str, ...] = ()
    every: Duration | None = None
    grows: Duration | None = None
    mount: Path | None = None
    free: float | None = None

    def __post_init__(self) -> None:
        if bool(self.glob) == (self.mount is not None):
            raise ValueError("give either glob or mount")
        if self.mount is not None and (self.every or self.grows):
            raise ValueError("every and grows are for files; give them a glob")
        if self.glob and self.free is not None:
            raise ValueError("free is for a file system; give it a mount")
        if self.free is not None and not 0 < self.free < 1:
            raise ValueError("free: a share above 0 and below 1, like 0.1")
        if 0 in (self.every, self.grows):
            raise ValueError("every, grows: longer than 0s")


class Watch(Struct, frozen=True):
    """An entry as a source: what the pipeline keeps going."""

    entry: Disk

    @property
    def name(self) -> str:
        """The label `source`."""
        return f"disk:{self.entry.name}"

    @property
    def finite(self) -> bool:
        """A disk never ends."""
        return False

    async def run(self, board: Board, clock: Clock) -> None:
        """Look until cancelled; a failure takes what was known away, and is told."""
        worker = Worker(self.name)
        look = _Files(self, board, clock) if self.entry.glob else _Mount(self, board)
        look.declare()
        now, said = asyncio.get_running_loop().time, ""
        board.put("sidewatch_source_interval_seconds", {"source": self.name}, LOOK_SECONDS)
        try:
            while True:
                began = now()
                trouble = await self._look(look, worker, board)
                if trouble and trouble != said:
                    log.warning("%s: %s", self.name, trouble)
                said = trouble
                took = now() - began
                rest = LOOK_SECONDS if took > HUNG_SECONDS else max(LOOK_SECONDS, REST_SHARE * took)
                board.put("sidewatch_source_interval_seconds", {"source": self.name}, rest)
                await asyncio.sleep(rest)
        finally:
            worker.close()

    async def _look(self, look: _Files | _Mount, worker: Worker, board: Board) -> str:
        """Look once; what was in the way, or nothing."""
        job = asyncio.ensure_future(worker.do(look.look))
        try:
            done, _ = await asyncio.wait([job], timeout=HUNG_SECONDS)
            if not done:
                look.unknown()
                board.source_state(self.name, up=False, failure="hung")
                log.warning("%s: no answer for %g s; waiting for one", self.name, HUNG_SECONDS)
            show = await job
            show()
        except SourceError as error:
            look.unknown()
            board.source_state(self.name, up=False, failure=error.reason)
            return str(error)
        else:
            board.source_state(self.name, up=True)
            board.looked(self.name)
            return ""
        finally:
            job.cancel()


@dataclass(slots=True)
class _Files:
    """Looks for the files of an entry.

    `whole` is the newest one that was left alone for a while, and `before` the size of what was
    written over by what is there now: both are remembered, since no disk tells them.
    """

    source: Watch
    board: Board
    clock: Clock
    whole: File | None = None
    before: int | None = None
    since: float = field(init=False)

    def __post_init__(self) -> None:
        notes = self.board.recall(self.source.name)
        now = self.clock.now()
        self.since = min(notes.get(SINCE, now), now)  # the clock may have been set back
        if WRITTEN in notes:
            self.whole = File(notes[WRITTEN], "", int(notes[SIZE]))
        if BEFORE in notes:
            self.before = int(notes[BEFORE])

    def declare(self) -> None:
        """Show what is expected, and since when: the first time that it was, also before."""
        entry = self.source.entry
        for metric, value in (
            ("watched_file_interval_seconds", entry.every),
            ("watched_file_growth_objective_seconds", entry.grows),
        ):
            if value is not None:
                self._put(metric, value)
        self._remember()
        self._put("watched_file_watched_since_timestamp_seconds", self.since)

    def look(self) -> Callable[[], None]:
        """Find them, in the worker's thread; what then is to be shown. Raises SourceError."""
        return partial(self._show, newest(self.source.entry.glob, self.clock.now()))

    def _show(self, found: Found) -> None:
        """Show what was found."""
        self._put("watched_file_count", found.count)
        file = found.newest
        if file is None:
            self._drop("newest_timestamp_seconds", "newest_bytes", "previous_bytes")
            return
        self._compare(file)
        self._put("watched_file_newest_timestamp_seconds", file.written)
        self._put("watched_file_newest_bytes", file.size)
        previous = self.before if found.before is None else found.before.size
        if previous is None:
            self._drop("previous_bytes")
        else:
            self._put("watched_file_previous_bytes", previous)

    def _compare(self, file: File) -> None:
        """Take note of a file that is whole, and of its size when it is written over.

        One that is just being written is neither: else it would be held against its own half.
        """
        if self.whole is not None and self.whole.written < file.written:
            self.before = self.whole.size
        if self.clock.now() - file.written >= WHOLE_SECONDS:
            self.whole = file
        self._remember()

    def _remember(self) -> None:
        notes = {SINCE: self.since}
        if self.whole is not None:
            notes |= {WRITTEN: self.whole.written, SIZE: self.whole.size}
        if self.before is not None:
            notes[BEFORE] = self.before
        self.board.remember(self.source.name, notes)

    def unknown(self) -> None:
        """Show nothing that may not be so any more."""
        self._drop("count", "newest_timestamp_seconds", "newest_bytes", "previous_bytes")

    def _put(self, metric: str, value: float) -> None:
        self.board.put(metric, {"file": self.source.entry.name}, value)

    def _drop(self, *names: str) -> None:
        for name in names:
            self.board.drop(f"watched_file_{name}", {"file": self.source.entry.name})


@dataclass(slots=True)
class _Mount:
    """Looks at the room of an entry's file system."""

    source: Watch
    board: Board
    mounted: bool = field(init=False)

    def __post_init__(self) -> None:
        self.mounted = MOUNTED in self.board.recall(self.source.name)

    def declare(self) -> None:
        """Show what is expected."""
        if self.source.entry.free is not None:
            self._put("watched_filesystem_free_objective_ratio", self.source.entry.free)

    def look(self) -> Callable[[], None]:
        """Ask it, in the worker's thread; what then is to be shown. Raises SourceError."""
        mount = self.source.entry.mount
        if mount is None:
            raise ValueError("there is no mount to look at")
        try:
            room = os.statvfs(mount)
        except OSError as error:
            raise failure(error, str(mount)) from None
        mounted = os.path.ismount(mount)
        if self.mounted and not mounted:  # what is there now is the file system above
            raise SourceError("unmounted", f"nothing is mounted on {mount} any more")
        return partial(self._show, room, mounted=mounted)

    def _show(self, found: os.statvfs_result, *, mounted: bool) -> None:
        """Show what there is, as df counts it."""
        if mounted and not self.mounted:
            self.mounted = True
            self.board.remember(self.source.name, {MOUNTED: 1.0})
        self._put("watched_filesystem_size_bytes", found.f_blocks * found.f_frsize)
        self._put("watched_filesystem_avail_bytes", found.f_bavail * found.f_frsize)
        self._put("watched_filesystem_files", found.f_files)
        self._put("watched_filesystem_files_free", found.f_favail)

    def unknown(self) -> None:
        """Show nothing that may not be so any more."""
        for name in ("size_bytes", "avail_bytes", "files", "files_free"):
            self.board.drop(f"watched_filesystem_{name}", {"mount": self.source.entry.name})

    def _put(self, metric: str, value: float) -> None:
        self.board.put(metric, {"mount": self.source.entry.name}, value)
