"""The bytes of a log's answer into entries: `STAMP TEXT`, each with its stream. Pure.

Without a terminal every entry is a frame: one byte of stream, three of nothing, four of length
(big-endian), then so many bytes (docs.docker.com/reference/api/engine, "Attach to a container").
With one there are no frames, only the entries one behind the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from struct import Struct
from typing import Protocol

from exporter.errors import SourceError

HEADER = Struct(">B3sI")
STREAMS = {0: "stdout", 1: "stdout", 2: "stderr"}
SYSTEM_ERROR = 3  # the daemon's own word, amid the stream
LONGEST_FRAME = 2 << 20  # the daemon cuts entries at 16 KiB, no driver above 1 MiB
LONGEST_LINE = 1 << 20
STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ")

Entry = tuple[str, bytes]


class Cutter(Protocol):
    """Takes an answer in pieces of any size and gives its entries, with their newlines.

    `amid`: an entry has begun whose end only a daemon that hangs keeps back.
    """

    @property
    def amid(self) -> bool:
        """See above."""

    def take(self, data: bytes) -> list[Entry]:
        """The entries that are whole with these bytes. Raises SourceError."""

    def rest(self) -> list[Entry]:
        """What there is of an entry that has no end, when nothing more will come."""


class Frames:
    """Entries in frames, of two streams."""

    def __init__(self) -> None:
        self._held = b""

    @property
    def amid(self) -> bool:
        """A daemon writes a frame in one go."""
        return bool(self._held)

    def take(self, data: bytes) -> list[Entry]:
        """The entries that are whole with these bytes. Raises SourceError."""
        held, at, found = self._held + data, 0, list[Entry]()
        while len(held) - at >= HEADER.size:
            kind, nothing, size = HEADER.unpack_from(held, at)
            if kind > SYSTEM_ERROR or nothing != b"\0\0\0" or size > LONGEST_FRAME:
                raise SourceError("garbled", f"a log of frames has {held[at : at + 8]!r} in it")
            end = at + HEADER.size + size
            if end > len(held):
                break
            payload, at = held[at + HEADER.size : end], end
            if kind == SYSTEM_ERROR:
                text = payload[:200].decode("utf-8", "replace").strip()
                raise SourceError("daemon", f"the daemon broke off: {text}")
            found.append((STREAMS[kind], payload))
        self._held = held[at:]
        return found

    def rest(self) -> list[Entry]:
        """Half a frame is nothing: it comes again whole."""
        return []


class Terminal:
    """Entries of a container with a terminal, whose two streams are one.

    An entry that ends in no newline, a piece of a long line or the last words of a run, runs into
    the stamp of the next: a line is cut at each stamp in it that is not older than its own. One
    that the application wrote itself is older than the daemon's.
    """

    def __init__(self) -> None:
        self._held = b""
        self._passing = False

    @property
    def amid(self) -> bool:
        """A line may be half written for as long as its writer likes."""
        return False

    def take(self, data: bytes) -> list[Entry]:
        """The entries up to the last newline in these bytes."""
        *lines, rest = data.split(b"\n")
        if not lines:
            self._hold(rest)
            return []
        if not self._passing:
            lines[0] = self._held + lines[0]
        else:
            lines[0] = self._held
        self._held, self._passing = b"", False
        self._hold(rest)
        return [one for line in lines for one in _cut(line.rstrip(b"\r") + b"\n")]

    def rest(self) -> list[Entry]:
        """The line that was not ended."""
        held, self._held, self._passing = self._held, b"", False
        return list(_cut(held)) if held else []

    def _hold(self, rest: bytes) -> None:
        """Keep a line's beginning; what is longer than any line that is read is passed over."""
        if self._passing:
            return
        self._held += rest
        if len(self._held) > LONGEST_FRAME:
            self._held, self._passing = self._held[:LONGEST_LINE], True


def _cut(line: bytes) -> Iterator[Entry]:
    first = STAMP.match(line)
    if first is None:
        yield "stdout", line
        return
    begin = 0
    for stamp in STAMP.finditer(line, first.end()):
        if stamp[0] >= first[0]:
            yield "stdout", line[begin : stamp.start()]
            begin = stamp.start()
    yield "stdout", line[begin:]
