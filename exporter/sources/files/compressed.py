"""Compressed files read as what they hold: bytes from a position on, in bounded memory."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import zlib
from typing import BinaryIO, Protocol, cast

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
    """A file as it is."""

    def __init__(self, path: str) -> None:
        # Not blocking, should the name have become that of a pipe nobody writes to.
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def at(self, start: int, size: int) -> bytes:
        """Up to `size` bytes from `start` on; fewer only where they end."""
        return os.pread(self._fd, size, start)

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
        self._stream = _unpacking(self._path, self._file)
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
            more = self._stream.read(STEP)
        except (OSError, EOFError, zlib.error, ValueError) as error:
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


def _unpacking(path: str, file: BinaryIO) -> BinaryIO:
    if path.endswith(".bz2"):
        return cast(BinaryIO, bz2.BZ2File(file))
    if path.endswith(".zst"):
        return cast(BinaryIO, _Zstandard(file))
    return cast(BinaryIO, gzip.GzipFile(fileobj=file, mode="rb"))


class _Zstandard(io.RawIOBase):
    """The library's reader with the errors of the others: it ends silently where a file is cut."""

    def __init__(self, file: BinaryIO) -> None:
        import zstandard

        super().__init__()
        self._error = zstandard.ZstdError
        self._reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)

    def read(self, size: int = -1) -> bytes:
        try:
            return self._reader.read(size)
        except self._error as error:
            raise EOFError(str(error)) from error
