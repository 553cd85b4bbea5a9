"""Entries into lines, each of them once: pieces joined, repetitions dropped. Pure.

A place in a stream is the time that the daemon gave an entry, in nanoseconds, and how many lines
of that very time have been counted. Inside a stream times only grow, unless the daemon repeats
itself or the wall clock was set back; across the two streams they do not.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from exporter.sources.docker.frames import LONGEST_LINE, Entry

SECOND = 1_000_000_000  # nanoseconds
# How far two streams of a container may be out of order: a writer waits for the log's lock, and
# for the disk behind it, between taking the time and writing the entry.
SLACK = 10 * SECOND
RECENT = 1 << 14  # lines of a stream, at the most, among which a repetition is looked for
FEW = 1 << 8  # as many, however old; beyond them those of the last minute
MINUTE = 60 * SECOND
ALL = 1 << 60  # whatever else has the same time was counted as well
ROOM = LONGEST_LINE - 100  # of a line, beside what stands before it
STAMP = re.compile(
    rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)(?: |(?=\r?\n)|\Z)"
)

Plain = str | int | float | bool | None


@dataclass(slots=True)
class Track:
    """One stream: its place, the line that is not whole yet, and the times of its newest lines.

    `at` and `count` are the place. `open_at` is the time of an unfinished line, 0 where there is
    none. `repeating`: what comes is what came before, up to the place (`unknown`: over another
    connection); `passed` lines of the place's own time have come by since. `last` stands for the
    end of the newest line. `since` and `base` are where the connection was asked to begin, and the
    place at that time.
    """

    name: bytes
    at: int = 0
    count: int = 0
    open_at: int = 0
    repeating: bool = False
    unknown: bool = False
    passed: int = 0
    last: int | None = None
    since: int = 0
    base: int = 0
    _open_stamp: bytes = b""
    _pieces: list[bytes] = field(default_factory=list)
    _size: int = 0
    _recent: array[int] = field(default_factory=lambda: array("q"))
    _room: int = 2 * FEW

    def again(self, since: int) -> None:
        """From now on the daemon sends anew what it has since then, unfinished lines too."""
        self._drop()
        self.since, self.base = since, self.at
        self.repeating = self.unknown = self.at > 0
        self.passed = 0
        del self._recent[:]

    def caught_up(self) -> None:
        """What is sent from now on may begin with lines that have just come, and no others."""
        self.repeating, self.unknown, self.passed = self.at > 0, False, 0

    def take(self, at: int, stamp: bytes, text: bytes) -> list[bytes]:
        """The lines that an entry of this time, spelled `stamp`, completes."""
        lines: list[bytes] = []
        if self.open_at and self.open_at != at:
            if self._known(at):  # said again from before it, so it comes again as well
                self._drop()
            else:
                lines = self.close()
        whole, text = text.endswith(b"\n"), text.removesuffix(b"\n")
        if whole and not self.open_at:
            return lines + self._line(at, stamp, text[:ROOM], text)
        if self._size < ROOM:
            self._pieces.append(text[: ROOM - self._size])
            self._size += len(self._pieces[-1])
        self.open_at, self._open_stamp = at, stamp
        return lines + self.close(text) if whole else lines

    def close(self, end: bytes | None = None) -> list[bytes]:
        """The unfinished line as it is, or with its last piece; nothing where none is new."""
        if not self.open_at:
            return []
        at, stamp, text = self.open_at, self._open_stamp, b"".join(self._pieces)
        self._drop()
        return self._line(at, stamp, text, text if end is None else end)

    def _line(self, at: int, stamp: bytes, text: bytes, end: bytes) -> list[bytes]:
        """A whole line, if it is new; `end` is its last piece, which may come again alone."""
        if not self._new(at, hash(end)):
            return []
        head = b"%b %b F " % (stamp, self.name)
        return [head + one + b"\n" for one in text.split(b"\n")]

    def _new(self, at: int, last: int) -> bool:
        """Whether a line of this time was not counted before; if so, the place moves to it."""
        if at < self.at:
            if self.repeating and self.unknown:
                self._note(at)
                return False
            if self._known(at):  # a rotation was read twice
                self.repeating, self.unknown, self.passed = True, False, 0
                return False
            if self.since <= at <= self.base:  # counted over an earlier connection
                return False
            if at > max(self.base, self.at - SLACK):  # one that was left out before
                insort(self._recent, at)
                return True
            del self._recent[:]  # the wall clock was set back
        elif at == self.at and self.repeating:
            self._note(at)
            self.passed += 1
            self.repeating, self.last = self.passed < self.count, last
            return False
        elif at == self.at and last == self.last:
            return False
        self.count = self.count + 1 if at == self.at else 1
        self.at, self.last, self.repeating = at, last, False
        self._note(at)
        return True

    def _note(self, at: int) -> None:
        """A line of this time has come over this connection, so it can be repeated on it."""
        if not self._recent or at > self._recent[-1]:
            self._recent.append(at)
            if len(self._recent) > self._room:
                old = bisect_left(self._recent, at - MINUTE)
                size = len(self._recent)
                del self._recent[: max(min(old, size - FEW), size - RECENT)]
                self._room = 2 * max(FEW, len(self._recent))

    def _drop(self) -> None:
        self._pieces, self._size, self.open_at = [], 0, 0

    def _known(self, at: int) -> bool:
        found = bisect_left(self._recent, at)
        return found < len(self._recent) and self._recent[found] == at


class Tracks:
    """The two streams of a container, and where its log is to be read from."""

    def __init__(self) -> None:
        self.stdout, self.stderr = Track(b"stdout"), Track(b"stderr")
        self.live = 0
        self._second, self._nanos, self._spelled = b"", 0, b""

    @property
    def both(self) -> tuple[Track, Track]:
        """The two."""
        return self.stdout, self.stderr

    @property
    def newest(self) -> int:
        """The time of the newest line that was counted, in nanoseconds since 1970; 0 of none."""
        return max(self.stdout.at, self.stderr.at)

    @property
    def unfinished(self) -> bool:
        """Whether a line has begun to come."""
        return any(one.open_at for one in self.both)

    def since(self) -> int:
        """From which time on the daemon may have what was not counted; 0 for all of it."""
        floor = self.newest - SLACK
        points = [max(one.at, floor, 0) for one in self.both]
        return min(points + [one.open_at for one in self.both if one.open_at])

    def again(self, live: int) -> None:
        """The log is read anew; what is stamped after `live` was not written before."""
        self.live, since = live, self.since()
        for one in self.both:
            one.again(since)

    def caught_up(self) -> None:
        """The log was read to its end; what is followed may begin a little before that."""
        for one in self.both:
            one.caught_up()

    def take(self, entries: Iterable[Entry]) -> list[bytes]:
        """The lines that these complete, as `STAMP STREAM F TEXT`, the form of the CRI."""
        lines: list[bytes] = []
        for stream, payload in entries:
            track = self.stderr if stream == "stderr" else self.stdout
            at, spelled, text = self._stamped(payload, track)
            if at > self.live:
                self.stdout.repeating = self.stderr.repeating = False
            lines += track.take(at, spelled, text)
        return lines

    def close(self) -> list[bytes]:
        """The half lines that the streams end in; nothing more will be put to them."""
        return [line for one in self.both for line in one.close()]

    def start_behind(self, entries: Iterable[Entry]) -> None:
        """Take the newest entry for counted, with all before it; an unfinished line is not."""
        for _, payload in entries:
            at, _, text = self._stamped(payload, self.stdout)
            for one in self.both:
                one.at, one.count = at - (not text.endswith(b"\n")), ALL

    def dump(self) -> dict[str, Plain]:
        """The places, as plain values."""
        place: dict[str, Plain] = {}
        for one in self.both:
            if one.at or one.open_at:
                name = one.name.decode()
                place |= {name: one.at, f"{name}_n": one.count, f"{name}_open": one.open_at}
        return place

    def load(self, place: Mapping[str, Plain]) -> None:
        """Take up what `dump` gave."""
        for one in self.both:
            name = one.name.decode()
            values = (place.get(f"{name}{end}") for end in ("", "_n", "_open"))
            one.at, one.count, one.open_at = (int(value or 0) for value in values)

    def _stamped(self, payload: bytes, track: Track) -> tuple[int, bytes, bytes]:
        """The time of an entry, how it is spelled, and its text.

        An entry without a time is as old as the one before.
        """
        found = STAMP.match(payload)
        if found is None or not self._turn_to(found[1], found[3]):
            at = track.open_at or track.at or 1
            return at, b"%b.%09dZ" % (_second(at // SECOND), at % SECOND), payload
        fraction = (found[2] or b"").ljust(9, b"0")
        return self._nanos + int(fraction), self._spelled + fraction + b"Z", payload[found.end() :]

    def _turn_to(self, second: bytes, zone: bytes) -> bool:
        """Know this second by number and in UTC; False for one that the calendar lacks."""
        if second + zone != self._second:
            try:
                moment = datetime.fromisoformat((second + zone).decode())
                number = max(1, int(moment.timestamp()))
            except (ValueError, OverflowError):
                return False
            self._second, self._nanos = second + zone, number * SECOND
            self._spelled = _second(number) + b"."
        return True


def _second(number: int) -> bytes:
    return datetime.fromtimestamp(number, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
