"""Rotations of a log, step by step, with a pause between steps in which a kill may come.

What is exact, and when: a line that nobody can read any more cannot be counted. So a file is
emptied or deleted without a copy only after the reader has passed its end and saved that, which is
what `/metrics` shows; the same holds before the oldest rotated file is deleted. Where there is a
copy (copytruncate, compression) or the file lives on under another name, nothing is waited for;
only, as logrotate's manual warns of copytruncate, no line is written between copy and truncation.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.support.writing import Log

KEPT = 4


@dataclass(frozen=True)
class Rotator:
    """`pause` is called between steps, `passed` returns when all of a log is counted and saved."""

    dice: Random
    pause: Callable[[], None]
    passed: Callable[[Log], None]

    def rotate(self, log: Log) -> str:
        """Rotate in one of the ways; which one it was."""
        ways = {self.rename: 5, self.compress: 4}
        if log.envelope == "file":  # neither Docker nor a kubelet does these
            ways |= {self.copytruncate: 3, self.empty: 1, self.recreate: 1}
        way = self.dice.choices(list(ways), list(ways.values()))[0]
        self._prune(log)
        way(log)
        return way.__name__

    def rename(self, log: Log) -> None:
        """Rename, and write on into the renamed file for as long as it is held open."""
        log.file  # noqa: B018  # opened before its name is gone, as a writer has it
        log.path.rename(self._next(log))
        self.pause()
        if self.dice.random() < 0.5:
            log.write(3)
            self.pause()
        log.complete()  # what belongs to a record stands in the file that began it
        log.reopen()
        log.write()
        self.pause()

    def compress(self, log: Log) -> None:
        """Compress the newest rotated file, as gzip does: the copy grows, then the file goes."""
        plain = [path for path in rotated(log) if path.suffix != ".gz"]
        if not plain:
            return self.rename(log)
        source = plain[-1]
        packed = gzip.compress(source.read_bytes(), compresslevel=1)
        half = self.dice.randrange(len(packed))
        copy = source.with_name(source.name + ".gz")
        with copy.open("ab", buffering=0) as file:
            for part in (packed[:half], packed[half:]):
                file.write(part)
                self.pause()
        times = source.stat()
        os.utime(copy, ns=(times.st_atime_ns, times.st_mtime_ns))
        source.unlink()
        self.pause()
        return None

    def copytruncate(self, log: Log) -> None:
        """Copy in two halves, then truncate; what follows may be less or more than there was."""
        log.complete()
        whole = log.path.read_bytes()
        half = self.dice.randrange(len(whole) + 1)
        with self._next(log).open("wb", buffering=0) as file:
            for part in (whole[:half], whole[half:]):
                file.write(part)
                self.pause()
        os.truncate(log.path, 0)
        self._begin_anew(log, len(whole))

    def empty(self, log: Log) -> None:
        """Empty it, with no copy."""
        log.complete()
        self.passed(log)
        size = log.path.stat().st_size
        os.truncate(log.path, 0)
        self._begin_anew(log, size)

    def recreate(self, log: Log) -> None:
        """Delete it; a new file takes its name, and often its inode."""
        log.complete()
        self.passed(log)
        size = log.path.stat().st_size
        log.reopen()
        log.path.unlink()
        self._begin_anew(log, size)

    def _begin_anew(self, log: Log, size: int) -> None:
        """Nothing, a little, or more than there was before anyone looks again."""
        least = self.dice.choice([0, 1, size + 1])
        if self.dice.random() < 0.5:
            self.pause()
        while os.fstat(log.file.fileno()).st_size < least:
            log.write(10)
        self.pause()

    def _prune(self, log: Log) -> None:
        old = rotated(log)[:-KEPT]
        if old:
            log.complete()
            self.passed(log)
        for path in old:
            path.unlink()
            self.pause()

    def _next(self, log: Log) -> Path:
        """Where the live file goes: numbered names shift, a kubelet's names have the time."""
        log.generation += 1
        if log.envelope == "cri":
            return log.path.with_name(f"{log.path.name}.20261120-{log.generation:06d}")
        for path in rotated(log):
            name, number, *end = path.name.removeprefix(log.path.name).split(".")
            shifted = ".".join([log.path.name + name, str(int(number) + 1), *end])
            path.rename(path.with_name(shifted))
            self.pause()
        return log.path.with_name(f"{log.path.name}.1")


def rotated(log: Log) -> list[Path]:
    """The rotated files of a log, the oldest first."""
    found = log.path.parent.glob(f"{log.path.name}.*")
    if log.envelope == "cri":
        return sorted(found)
    return sorted(found, key=lambda path: -int(path.name.removeprefix(log.path.name).split(".")[1]))
