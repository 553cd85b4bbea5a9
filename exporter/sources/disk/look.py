"""The newest file that a glob finds: looked for one by one, however many there are.

Not `glob.iglob`: it lists a folder whole, and where links lead back to where they are it finds the
same files again and again, a thousand million times where two of them do.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from errno import ELOOP, ENOENT, ENOTDIR
from fnmatch import translate
from itertools import takewhile

from msgspec import Struct, field

from exporter.errors import SourceError

MOST_FILES = 100_000
MOST_ENTRIES = 1_000_000  # names that one look goes through
SKEW_SECONDS = 300.0  # how far a file server's clock may be ahead of ours
MAGIC = re.compile(r"[*?\[]")
ESCAPED = re.compile(r"\[([*?\[])\]")  # as `glob.escape` has them
NOT_THERE = frozenset({ENOENT, ENOTDIR, ELOOP})  # the last one: a link that leads to itself

Ident = tuple[int, int] | str
Part = str | Callable[[str], bool]


class File(Struct, frozen=True, order=True):
    """One file: when it was last written, in seconds since 1970, its path, and its size."""

    written: float
    path: str
    size: int


class Found(Struct):
    """What matched: how many files, the newest of them, and the one before."""

    count: int = 0
    newest: File | None = None
    before: File | None = None

    def add(self, file: File) -> None:
        """Take note of one more."""
        if self.newest is None or file > self.newest:
            self.newest, self.before = file, self.newest
        elif self.before is None or file > self.before:
            self.before = file


def newest(globs: tuple[str, ...], now: float) -> Found:
    """The newest regular file that matches one of the absolute globs. Raises SourceError.

    `**` stands for any folders, also those that links lead to; a file that has several names counts
    once. A folder that is not there has no files. One that may not be looked into is a failure if
    it is the one above all wildcards, or if no file was found elsewhere.
    """
    look = _Look(now)
    for glob in globs:
        parts = tuple(map(_part, glob.split("/")[1:]))
        plain = list(takewhile(lambda part: isinstance(part, str) and part != "**", parts[:-1]))
        look.base = "/".join(["", *map(str, plain)]) or "/"
        look.walk("/", parts)
    if look.found.newest is None:
        if look.refused is not None:
            raise look.refused
        if look.future is not None:
            raise SourceError(
                "clock", f"{look.future} was written in the future; whose clock is wrong?"
            )
    return look.found


class _Look(Struct):
    """One look, and what it has seen: `future` is a file that was written after `now`."""

    now: float
    base: str = "/"
    found: Found = field(default_factory=Found)
    future: str | None = None
    refused: SourceError | None = None
    entries: int = 0
    _files: set[Ident] = field(default_factory=set)

    def walk(self, folder: str, parts: tuple[Part, ...]) -> None:
        """See the files of a folder that match."""
        part, rest = parts[0], parts[1:]
        if part == "**":
            self._deep(folder, rest or (_shown,))
        elif isinstance(part, str):
            path = f"{folder.rstrip('/')}/{part}"
            if rest:
                self.walk(path, rest)
            else:
                self._see(path)
        else:
            for path in self._list(folder, part, folders=bool(rest)):
                if rest:
                    self.walk(path, rest)
                else:
                    self._see(path)

    def _deep(self, folder: str, parts: tuple[Part, ...]) -> None:
        """See them in a folder and in all below it, where links may lead in circles."""
        passed, ahead = set[Ident](), [folder]
        while ahead:
            folder = ahead.pop()
            try:
                here = _ident(folder, os.stat(folder))  # noqa: PTH116 - text is all there is
            except OSError as error:
                self._refuse(error, folder)
                continue
            if here not in passed:
                passed.add(here)
                self.walk(folder, parts)
                ahead += self._list(folder, _shown, folders=True)

    def _list(self, folder: str, fits: Callable[[str], bool], *, folders: bool) -> Iterator[str]:
        """The paths in a folder whose names fit, one by one."""
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    self.entries += 1
                    if self.entries > MOST_ENTRIES:
                        text = f"more than {MOST_ENTRIES} names to go through; give a narrower glob"
                        raise SourceError("files", text)
                    if fits(entry.name) and (not folders or _is_folder(entry)):
                        yield entry.path
        except OSError as error:
            self._refuse(error, folder)

    def _refuse(self, error: OSError, folder: str) -> None:
        if error.errno in NOT_THERE:
            return
        if folder == self.base:
            raise failure(error, folder) from None
        self.refused = self.refused or failure(error, folder)

    def _see(self, path: str) -> None:
        try:
            status = os.stat(path)  # noqa: PTH116 - over as many files as there are
        except OSError as error:
            if error.errno in NOT_THERE:
                return  # removed since it was listed, or a link to nothing
            raise failure(error, path) from None
        ident = _ident(path, status)
        if not stat.S_ISREG(status.st_mode) or ident in self._files:
            return
        self._files.add(ident)
        self.found.count += 1
        if self.found.count > MOST_FILES:
            raise SourceError("files", f"more than {MOST_FILES} files match")
        written = self._written(status)
        if written is None:
            self.future = path
        else:
            self.found.add(File(written, path, status.st_size))

    def _written(self, status: os.stat_result) -> float | None:
        """When it was last written; by the inode's own time where that is yet to come.

        A date in the future, as of an archive unpacked, would be the newest for years.
        """
        known = (status.st_mtime, status.st_ctime)
        return next((one for one in known if one <= self.now + SKEW_SECONDS), None)


def _ident(path: str, status: os.stat_result) -> Ident:
    """What it is by whatever name; its path on a file system that numbers nothing."""
    return (status.st_dev, status.st_ino) if status.st_ino else path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link to what cannot be seen


def _part(text: str) -> Part:
    if text == "**" or not MAGIC.search(ESCAPED.sub("", text)):
        return ESCAPED.sub(r"\1", text)
    match = re.compile(translate(text)).match
    hidden = text.startswith(".")
    return lambda name: match(name) is not None and (hidden or _shown(name))


def _shown(name: str) -> bool:
    return not name.startswith(".")


def failure(error: OSError, path: str) -> SourceError:
    """What the system said of a path, as a failure of the source."""
    reason = "permission" if isinstance(error, PermissionError) else "unreadable"
    return SourceError(reason, f"{path}: {error.strerror}")
