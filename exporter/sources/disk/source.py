"""Files that should come regularly or grow, and the room that is left on a file system.

`files:` of an application names each of them: `{backups: {glob: "/backup/*.dump", every: 24h}}`.
They are looked at, never opened; one that hangs (a dead mount) keeps nothing but itself waiting.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from glob import has_magic, iglob
from pathlib import Path

from exporter.clock import Clock
from exporter.errors import SourceError
from exporter.model import Board, Duration
from exporter.sources.worker import Worker

LOOK_SECONDS = 30.0
HUNG_SECONDS = 60.0  # a look that takes longer is a failure, though it is still waited for
MOST_FILES = 100_000
SINCE = "since"


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


@dataclass(frozen=True, slots=True)
class Found:
    """What matched: how many files, the newest one's time and size, and the size before it."""

    count: int
    path: str = ""
    written: float = 0.0
    size: int = 0
    previous: int | None = None


@dataclass(frozen=True, slots=True)
class Watch:
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
        board.put("sidewatch_source_interval_seconds", {"source": self.name}, LOOK_SECONDS)
        look = _Files(self, board, clock) if self.entry.glob else _Mount(self, board)
        look.declare()
        try:
            while True:
                await self._look(look, worker, board)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            worker.close()

    async def _look(self, look: _Files | _Mount, worker: Worker, board: Board) -> None:
        job = asyncio.ensure_future(worker.do(look.look))
        try:
            done, _ = await asyncio.wait([job], timeout=HUNG_SECONDS)
            if not done:
                look.unknown()
                board.source_state(self.name, up=False, failure="hung")
            show = await job
            show()
        except SourceError as error:
            look.unknown()
            board.source_state(self.name, up=False, failure=error.reason)
        else:
            board.source_state(self.name, up=True)
            board.looked(self.name)
        finally:
            job.cancel()


@dataclass(slots=True)
class _Files:
    """Looks for the files of an entry. `last` is what the look before found."""

    source: Watch
    board: Board
    clock: Clock
    last: Found | None = None
    before: int | None = None

    def declare(self) -> None:
        """Show what is expected, and since when: the first time that it was, also before."""
        entry = self.source.entry
        for metric, value in (
            ("watched_file_interval_seconds", entry.every),
            ("watched_file_growth_objective_seconds", entry.grows),
        ):
            if value is not None:
                self._put(metric, value)
        since = self.board.recall(self.source.name).get(SINCE, self.clock.now())
        self.board.remember(self.source.name, {SINCE: since})
        self._put("watched_file_watched_since_timestamp_seconds", since)

    def look(self) -> Callable[[], None]:
        """Find them, in the worker's thread; what then is to be shown. Raises SourceError."""
        return partial(self._show, newest(self.source.entry.glob))

    def _show(self, found: Found) -> None:
        """Show what was found."""
        self._put("watched_file_count", found.count)
        if not found.count:
            self._drop("newest_timestamp_seconds", "newest_bytes", "previous_bytes")
            return
        if self.last is not None and self.last.count and self.last.written < found.written:
            self.before = self.last.size  # one that is written over has only been seen
        self._put("watched_file_newest_timestamp_seconds", found.written)
        self._put("watched_file_newest_bytes", found.size)
        previous = self.before if found.previous is None else found.previous
        if previous is not None:
            self._put("watched_file_previous_bytes", previous)
        self.last = found

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
            return partial(self._show, os.statvfs(mount))
        except OSError as error:
            raise _failure(error, str(mount)) from None

    def _show(self, found: os.statvfs_result) -> None:
        """Show what there is, as df counts it."""
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


def newest(globs: tuple[str, ...]) -> Found:
    """The newest regular file that matches a glob, and the one before. Raises SourceError.

    A folder that is not there has no files; one that may not be looked into is not known to.
    """
    found: dict[str, tuple[float, str, int]] = {}
    for pattern in globs:
        _check_folder(pattern)
        for path, status in _regular(pattern):
            found[path] = (status.st_mtime, path, status.st_size)
            if len(found) > MOST_FILES:
                raise SourceError("files", f"more than {MOST_FILES} files match")
    first, second = (*sorted(found.values(), reverse=True)[:2], None, None)[:2]
    if first is None:
        return Found(0)
    return Found(len(found), first[1], first[0], first[2], None if second is None else second[2])


def _regular(pattern: str) -> Iterator[tuple[str, os.stat_result]]:
    for path in iglob(pattern, recursive=True):  # noqa: PTH207 - Path.glob takes no absolute one
        try:
            status = os.stat(path)  # noqa: PTH116 - over as many files as there are
        except FileNotFoundError:
            continue  # removed since it was listed
        except OSError as error:
            raise _failure(error, path) from None
        if stat.S_ISREG(status.st_mode):
            yield path, status


def _check_folder(pattern: str) -> None:
    """Look into the folder above the first wildcard; globbing hides that it may not."""
    folder = Path(pattern).parent
    while has_magic(str(folder)):
        folder = folder.parent
    try:
        with os.scandir(folder):
            pass
    except FileNotFoundError:
        pass
    except OSError as error:
        raise _failure(error, str(folder)) from None


def _failure(error: OSError, path: str) -> SourceError:
    reason = "permission" if isinstance(error, PermissionError) else "unreadable"
    return SourceError(reason, f"{path}: {error.strerror}")
