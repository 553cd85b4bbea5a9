"""Globs in, files out: a look at the directories, without opening a file."""

from __future__ import annotations

import fnmatch
import os
import re
import stat
from collections.abc import Callable, Iterator
from functools import partial

from msgspec import Struct, field

from exporter.sources.files.identity import Ident
from exporter.sources.files.names import is_rotated, live_name

MAGIC = re.compile(r"[*?\[]")
NOT_THERE = (FileNotFoundError, NotADirectoryError)
Part = str | Callable[[str], bool]


class Seen(Struct, frozen=True):
    """A regular file as a look saw it; `path` may be a link to it, `mtime` is in seconds."""

    path: str
    ident: Ident
    size: int
    mtime: float


class Found(Struct):
    """What one look saw: each file once, by whatever names; the directories; what was refused."""

    files: dict[Ident, Seen] = field(default_factory=dict)
    directories: dict[str, Ident] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


class Finder:
    """Looks for the files of some globs, and for the rotated ones beside them.

    A glob fits a rotated file by the name under which it was written: `server.log` finds
    `server.log.1` and `server.log-20261120.gz` as well, also beside the target of a link. `*` and
    `?` pass over names that begin with a dot; `**` stands for any directories and does not follow
    links to them. A pattern to exclude without a slash is held against the file's name, else
    against the whole path.
    """

    def __init__(self, files: tuple[str, ...], exclude: tuple[str, ...] = ()) -> None:
        self._globs = [_parts(os.path.abspath(glob)) for glob in files]
        self._exclude = [_excluding(glob) for glob in exclude]

    def find(self) -> Found:
        """Look."""
        look = _Look()
        named = [one for parts in self._globs for one in look.walk("/", parts)]
        named = [one for one in named if not any(excluded(one[0]) for excluded in self._exclude)]
        behind = [one for path, entry in named for one in look.behind(path, entry)]
        for path, entry in [*sorted(named, key=_live_first), *sorted(behind, key=_live_first)]:
            if (seen := look.see(path, entry)) is not None:
                look.found.files.setdefault(seen.ident, seen)
        return look.found

    def concerns(self, name: str) -> bool:
        """Whether a file or directory of this name, wherever it is, can matter to the globs."""
        live = live_name(name)
        return any(
            _fits(part, name) or _fits(part, live) for parts in self._globs for part in parts
        )

    def fits(self, path: str) -> bool:
        """Whether a file of this path is one of the globs', without looking for it."""
        folder, name = os.path.split(path)
        if any(excluded(path) for excluded in self._exclude):
            return False
        spelled = {path, os.path.join(folder, live_name(name))}
        return any(_path_fits(one, parts) for one in spelled for parts in self._globs)


def locate(path: str, ident: Ident) -> Seen | None:
    """Where a file is that no glob finds any more: where it was, or beside that renamed freely."""
    if ident_of(path) != ident:
        path = _find_inode(os.path.dirname(path), ident) or path
    try:
        status = os.stat(path)
    except OSError:
        return None
    here = status.st_dev, status.st_ino
    return Seen(path, ident, status.st_size, status.st_mtime) if here == ident else None


def _find_inode(directory: str, ident: Ident) -> str | None:
    """The path of this file in the directory, by whatever name."""
    try:
        with os.scandir(directory) as entries:
            near = [entry.path for entry in entries if entry.inode() == ident[1]]
    except OSError:
        return None
    return next((path for path in near if ident_of(path) == ident), None)


def ident_of(path: str) -> Ident | None:
    """Device and inode of what the path leads to; None when that is nothing."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


Named = tuple[str, "os.DirEntry[str] | None"]


class _Look:
    """One look: each directory is listed once, however many globs lead into it."""

    def __init__(self) -> None:
        self.found = Found()
        self._listed: dict[str, list[os.DirEntry[str]]] = {}

    def walk(self, directory: str, parts: tuple[Part, ...]) -> Iterator[Named]:
        part, rest = parts[0], parts[1:]
        if part == "**":
            yield from self.walk(directory, rest or (_any,))
            for entry in self._list(directory):
                if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                    yield from self.walk(entry.path, parts)
        elif not rest:
            yield from self._leaves(directory, part)
        elif isinstance(part, str):
            yield from self.walk(os.path.join(directory, part), rest)
        else:
            for entry in self._list(directory):
                if _fits(part, entry.name) and entry.is_dir():
                    yield from self.walk(entry.path, rest)

    def behind(self, path: str, entry: os.DirEntry[str] | None) -> Iterator[Named]:
        """The files that a link leads to: its target, and the rotated ones beside that."""
        if entry is not None and entry.is_symlink():
            yield from self._leaves(*os.path.split(os.path.realpath(path)))

    def _leaves(self, directory: str, part: Part) -> Iterator[Named]:
        entries = self._list(directory)
        for entry in entries:
            if _fits(part, entry.name) or _fits(part, live_name(entry.name)):
                yield entry.path, entry
        if isinstance(part, str) and directory in self.found.refused:
            # A directory may be closed to listing and its files still open to reading.
            yield os.path.join(directory, part), None

    def _list(self, directory: str) -> list[os.DirEntry[str]]:
        if directory in self._listed:
            return self._listed[directory]
        entries: list[os.DirEntry[str]] = []
        try:
            with os.scandir(directory) as listing:
                entries.extend(listing)
            status = os.stat(directory)
            self.found.directories[directory] = (status.st_dev, status.st_ino)
        except NOT_THERE:
            pass
        except OSError as error:
            self.found.refused[directory] = error.strerror or str(error)
        self._listed[directory] = entries
        return entries

    def see(self, path: str, entry: os.DirEntry[str] | None) -> Seen | None:
        try:
            status = entry.stat() if entry is not None else os.stat(path)
        except NOT_THERE:
            return None
        except OSError as error:
            self.found.refused[path] = error.strerror or str(error)
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        return Seen(path, (status.st_dev, status.st_ino), status.st_size, status.st_mtime)


def _live_first(named: Named) -> tuple[bool, str]:
    """Of several names of one file the one that is written to counts; rotated ones come later."""
    return is_rotated(named[0]), named[0]


def _parts(path: str) -> tuple[Part, ...]:
    return tuple(_part(part) for part in path.split("/")[1:])


def _part(text: str) -> Part:
    if text == "**" or not MAGIC.search(text):
        return text
    match = re.compile(fnmatch.translate(text)).match
    hidden = text.startswith(".")
    return lambda name: match(name) is not None and (hidden or not name.startswith("."))


def _fits(part: Part, name: str) -> bool:
    if isinstance(part, str):
        return part in (name, "**")
    return part(name)


def _any(name: str) -> bool:
    return not name.startswith(".")


def _excluding(glob: str) -> Callable[[str], bool]:
    if "/" in glob:
        return partial(_path_fits, parts=_parts(os.path.abspath(glob)))
    match = re.compile(fnmatch.translate(glob)).match
    return lambda path: match(os.path.basename(path)) is not None


def _path_fits(path: str, parts: tuple[Part, ...]) -> bool:
    return _names_fit(tuple(path.split("/")[1:]), parts)


def _names_fit(names: tuple[str, ...], parts: tuple[Part, ...]) -> bool:
    if not parts:
        return not names
    if parts[0] == "**":
        skipped = range(len(names) + 1) if parts[1:] else range(len(names), len(names) + 1)
        return any(_names_fit(names[n:], parts[1:]) for n in skipped)
    return bool(names) and _fits(parts[0], names[0]) and _names_fit(names[1:], parts[1:])
