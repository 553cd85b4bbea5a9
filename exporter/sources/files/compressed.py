"""Compressed files read as what they hold: bytes from a position on, in bounded memory."""

from __future__ import annotations

import bz2
import gzip
import os
import zlib
from typing import BinaryIO, Protocol

STEP = 1 << 18


class Body(Protocol):
    """What can be read of a file, plain or compressed. Raises OSError where it cannot be read."""

    def at(self, start: int, size: int) -> bytes:
        """Up to `size` bytes from `start` on; fewer only where they end."""

    def stat(self) -> os.stat_result:
        """Of the file on disk, whatever its name is by now."""

    def close(self) -> None:
        """Let go of it."""


class Plain:
    """A file as it is.

    `prompt` tells that its file system says what would have to be waited for (preadv2(2),
    RWF_NOWAIT). ext4, XFS and Btrfs do; there the inode of an open file is in memory, so that
    `stat` reads no disk either. It may have to wait for a lock.
    """

    def __init__(self, path: str) -> None:
        # Not blocking, should the name have become that of a pipe nobody writes to.
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self.at_once(0, 1)
            self.prompt = True
        except BlockingIOError:
            self.prompt = True
        except (OSError, AttributeError):  # another file system, or another system
            self.prompt = False

    def at(self, start: int, size: int) -> bytes:
        """Up to `size` bytes from `start` on; fewer only where they end."""
        return os.pread(self._fd, size, start)

    def at_once(self, start: int, size: int) -> bytes:
        """So many bytes, from what the kernel has at hand. Raises BlockingIOError for less."""
        data = bytearray(size)
        if os.preadv(self._fd, [data], start, os.RWF_NOWAIT) < size:
            raise BlockingIOError
        return bytes(data)

    def stat(self) -> os.stat_result:
        """Of the file on disk, whatever its name is by now."""
        return os.fstat(self._fd)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._fd)


class Packed:
    """A compressed file, unpacked as it is read: onward is cheap, back means from the beginning.

    `complete` tells that its end was reached, `damage` what is wrong with it: a file that is still
    being compressed, or a broken one, gives what it has.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = open(path, "rb")  # noqa: SIM115  # closed by close()
        self._begin()

    def _begin(self) -> None:
        self._file.seek(0)
        self._stream, self._errors = _unpacking(self._path, self._file)
        self._start, self._held = 0, b""
        self.complete = False
        self.damage: str | None = None

    def at(self, start: int, size: int) -> bytes:
        """Up to `size` bytes from `start` on; fewer only where they end."""
        if start < self._start:
            self._begin()
        while self._start + len(self._held) < start + size and self._more():
            self._drop(start)
        self._drop(start)
        return self._held[start - self._start :][:size]

    def stat(self) -> os.stat_result:
        """Of the file on disk, whatever its name is by now."""
        return os.fstat(self._file.fileno())

    def close(self) -> None:
        """Let go of it."""
        self._file.close()

    def promised(self) -> int | None:
        """The size before compression modulo 2**32, where the format ends in it (RFC 1952)."""
        if not self._path.endswith(".gz") or self.stat().st_size < 18:
            return None
        return int.from_bytes(os.pread(self._file.fileno(), 4, self.stat().st_size - 4), "little")

    def _more(self) -> bool:
        if self.complete or self.damage:
            return False
        try:
            more = self._stream.read1(STEP)
        except self._errors as error:
            self.damage = str(error) or type(error).__name__
            return False
        self.complete = not more
        self._held += more
        return bool(more)

    def _drop(self, start: int) -> None:
        """Forget what lies before `start`."""
        cut = min(max(0, start - self._start), len(self._held))
        if cut:
            self._start += cut
            self._held = self._held[cut:]


class _Unpacked(Protocol):
    """What the libraries' readers have in common."""

    def read1(self, size: int = -1, /) -> bytes:
        """Some bytes; nothing at the end. Unlike `read` it gives what comes before an error."""


def _unpacking(path: str, file: BinaryIO) -> tuple[_Unpacked, tuple[type[Exception], ...]]:
    """A reader, and what it raises where the file is not what its name says."""
    if path.endswith(".bz2"):
        return bz2.BZ2File(file), (OSError, EOFError)
    if path.endswith(".zst"):
        import zstandard

        unpacking = zstandard.ZstdDecompressor()
        reader = unpacking.stream_reader(file, read_across_frames=True, closefd=False)
        return reader, (OSError, zstandard.ZstdError)
    return gzip.GzipFile(fileobj=file, mode="rb"), (OSError, EOFError, zlib.error)
