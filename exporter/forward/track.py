"""How far a stream was read, handed on and acknowledged, and what of that a restart needs. Pure.

Positions only grow, while an offset starts again where a file is written anew: a position is the
offset and what lay before it. The log itself is the buffer, so a restart begins to read where
everything before was acknowledged; a source finds that by the place it left there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from exporter.model import Cursor

Place = dict[str, str | int | float | bool | None]

MOST_CHECKPOINTS = 256
CLOSE_SECONDS = 1.0  # marks as close together are one
CLOSE_SHARE = 0.05  # or as close as this share of what the oldest one has waited
EXACT = "file"  # the one stream whose offsets are the same bytes whenever they are read


class Share(Struct, eq=False):
    """What a batch has of one stream: everything before `end` is in it or was before it."""

    end: int
    done: bool = False


class Checkpoint(Struct, frozen=True):
    """A position to which the source can return, and what it needs for that."""

    at: int
    offset: int
    place: Place | None


class Mark(Struct):
    """What lies before `end` was there at `since` (seconds since 1970)."""

    end: int
    since: float


class Track(Struct, eq=False):
    """One stream: `cursor` is its source's own, the rest are positions.

    `read` is behind what was fed, `made` behind the lines of which records are made, `handed`
    behind the records that are whole, `acked` behind what was acknowledged. Before `skip`
    everything was acknowledged in an earlier run. `waiting` bytes are unread. `over`: the source
    has finished with it. `cut`: the rest of a line that is too long is passed over.
    """

    source: str
    cursor: Cursor
    read: int
    acked: int
    handed: int
    made: int
    skip: int = 0
    base: int = 0
    waiting: int = 0
    over: bool = False
    cut: bool = False
    waited_since: float | None = None
    _shares: deque[Share] = field(default_factory=deque)
    _checkpoints: deque[Checkpoint] = field(default_factory=deque)
    _marks: deque[Mark] = field(default_factory=deque)

    @classmethod
    def begin(cls, source: str, cursor: Cursor) -> Track:
        """A stream that is read from where its cursor is."""
        at = cursor.offset
        track = cls(source, cursor, at, at, at, at)
        track.meet_place()
        return track

    @classmethod
    def load(cls, row: Mapping[str, Any]) -> Track:
        """Take up what `dump` gave."""
        keys = ("key", "service", "stream", "offset", "place")
        track = cls.begin(row["source"], Cursor(*(row[key] for key in keys)))
        track.skip = track.acked = track.handed = track.made = track.read + row["ahead"]
        track.waited_since = row["since"]
        return track

    def dump(self) -> dict[str, Any]:
        """Plain values for the saved state."""
        if self.acked >= self.read:
            point = Checkpoint(self.read, self.cursor.offset, self.cursor.place)
        else:
            point = self._checkpoints[0]
        return {
            "source": self.source,
            "key": self.cursor.key,
            "service": self.cursor.service,
            "stream": self.cursor.stream,
            "offset": point.offset,
            "place": point.place,
            "ahead": self.acked - point.at if self.cursor.stream == EXACT else 0,
            "since": self._marks[0].since if self._marks else self.waited_since,
        }

    def take_over(self, cursor: Cursor) -> None:
        """The source has opened the stream again, with a cursor of its own."""
        self.cursor, self.over = cursor, False

    def fed(self, size: int) -> None:
        """So many bytes were taken in; the cursor moves with them."""
        self.cursor.offset += size
        self.read += size
        self.waiting = max(0, self.waiting - size)

    def meet_place(self) -> None:
        """Note where the source stands; to be called before it feeds, and never amid a step."""
        points, place, offset = self._checkpoints, self.cursor.place, self.cursor.offset
        if points and points[-1].place is place and points[-1].at - points[-1].offset == self.base:
            return
        if points and points[-1].at == self.read:
            points.pop()
        elif len(points) >= MOST_CHECKPOINTS:
            self._checkpoints = points = deque(list(points)[::2])
        points.append(Checkpoint(self.read, offset, place))

    def move(self, offset: int) -> None:
        """The source goes on elsewhere: a file was emptied or written anew."""
        self.read = max(self.read, self.acked)
        self.skip = 0
        self.cut = False
        self.base = self.read - offset
        self.cursor.offset = offset

    def share(self) -> Share:
        """A part of a batch, behind those of the batches before."""
        share = Share(self.acked)
        self._shares.append(share)
        return share

    def settle(self) -> None:
        """Move what is acknowledged as far as there is no gap."""
        shares = self._shares
        while shares and shares[0].done:
            self.acked = max(self.acked, shares.popleft().end)
        if not shares:
            self.acked = max(self.acked, self.handed)
        while len(self._checkpoints) > 1 and self._checkpoints[1].at <= self.acked:
            self._checkpoints.popleft()
        while self._marks and self._marks[0].end <= self.acked:
            self._marks.popleft()

    @property
    def settled(self) -> bool:
        """Whether everything that was read is acknowledged."""
        return not self._shares and self.acked >= self.read

    def look(self, waiting: int, now: float) -> None:
        """So many bytes wait unread."""
        self.waiting = waiting
        self.mark(now)

    def mark(self, now: float) -> None:
        """Note until where there is something now."""
        end, marks = self.read + self.waiting, self._marks
        if end <= self.acked:
            self.waited_since = None
            return
        if not marks:
            since = now if self.waited_since is None else min(now, self.waited_since)
            marks.append(Mark(end, since))
            self.waited_since = None
        elif end > marks[-1].end:
            apart = max(CLOSE_SECONDS, CLOSE_SHARE * (now - marks[0].since))
            if now - marks[-1].since < apart:
                marks[-1].end = end
            else:
                marks.append(Mark(end, now))

    def lag_bytes(self) -> int:
        """What is not acknowledged, read or not."""
        return max(0, self.read + self.waiting - self.acked)

    def lag_seconds(self, now: float) -> float:
        """How long the oldest of it has waited."""
        return max(0.0, now - self._marks[0].since) if self._marks else 0.0
