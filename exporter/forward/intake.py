"""Where sources feed lines that are to be forwarded: the other door beside an application's shard.

What is fed waits here, up to a bound, until it is made into records; so feeding is quick, and a
receiver that is dead costs no more than this much memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct, field

from exporter.clock import Clock
from exporter.forward.track import Track
from exporter.model import Cursor
from exporter.sources.files.heirs import pass_on
from exporter.turns import Turns

LONGEST_LINE = 1 << 20  # more of a line is passed over

Lost = Callable[[str, int, str], None]  # source, bytes, reason


class Piece(Struct, frozen=True):
    """Whole lines of a stream, of which the first begins at the position `at`.

    Behind them the stream has been read up to `end`. `last`: it is over there.
    """

    track: Track
    data: bytes
    at: int
    end: int
    last: bool = False


class Intake(Struct):
    """The sink of one application's sources on the way to one destination.

    `window` bounds the bytes that are held: fed and not acknowledged. `changed` counts what a
    restart would have to know.
    """

    app: str
    clock: Clock
    window: int
    lost_bytes: Lost
    tracks: dict[str, Track] = field(default_factory=dict)
    pieces: deque[Piece] = field(default_factory=deque)
    changed: int = 0
    turns: Turns = field(default_factory=Turns)
    _held: int = 0
    _saved: dict[str, Track] = field(default_factory=dict)
    _over: list[Track] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _room: asyncio.Event = field(default_factory=asyncio.Event)
    _made: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._room.set()
        self._made.set()

    # -- what sources do ----------------------------------------------------------------------

    def source_state(self, source: str, *, up: bool, failure: str | None = None) -> None:
        """Nothing: the shard tells how its own reading of this source fares."""

    def cursors(self, source: str) -> list[Cursor]:
        """Where this source has to go on."""
        known = {**self._saved, **self.tracks}
        return [one.cursor for one in known.values() if one.source == source and not one.over]

    def open(self, source: str, cursor: Cursor) -> None:
        """Take a stream up, where it was left or anew."""
        track = self._saved.pop(cursor.key, None) or self.tracks.get(cursor.key)
        if track is not None and track.over:
            self._over.append(track)  # another stream has its name by now
            track = None
        if track is None:
            track = Track.begin(source, cursor)
        track.take_over(cursor)
        self.tracks[cursor.key] = track
        self.changed += 1

    async def room(self) -> None:
        """Wait until there is some."""
        await self._room.wait()

    @property
    def full(self) -> bool:
        """Whether nothing more should be fed."""
        return self._held >= self.window

    def feed(self, cursor: Cursor, chunk: bytes) -> int:
        """Take in the whole lines of `chunk`; the rest must come again."""
        track = self.tracks[cursor.key]
        track.meet_place()
        size, start, data = _whole(track, chunk)
        if size:
            self._take(track, data, start, size)
            track.mark(self.clock.now())
        return size

    def finish(self, cursor: Cursor, rest: bytes = b"") -> None:
        """The stream has ended; the half line `rest` is its last."""
        track = self.tracks.get(cursor.key)
        if track is None:
            self._saved.pop(cursor.key, None)
            return
        track.over = True
        data = b"" if track.cut or not rest else rest[:LONGEST_LINE] + b"\n"
        self._take(track, data, 0, len(rest), last=True)
        track.look(0, self.clock.now())

    def move(self, cursor: Cursor, offset: int) -> None:
        """The stream goes on elsewhere."""
        self.tracks[cursor.key].move(offset)
        self.changed += 1

    def lost(self, cursor: Cursor, count: int, reason: str) -> None:
        """So many bytes are gone, and were never sent."""
        track = self.tracks.get(cursor.key)
        self.lost_bytes("" if track is None else track.source, count, reason)

    def lag(self, cursor: Cursor, count: int, newest: float | None) -> None:
        """So many bytes wait unread; when they came is noted here."""
        del newest
        track = self.tracks.get(cursor.key)
        if track is not None:
            track.look(count, self.clock.now())

    def looked(self, source: str) -> None:
        """Nothing: the shard tells that."""

    def failed(self, source: str, reason: str) -> None:
        """Nothing: the shard tells that."""

    # -- what the forwarder does --------------------------------------------------------------

    async def piece(self) -> Piece:
        """What was fed next; it is held until it is `done`."""
        while not self.pieces:
            self._news.clear()
            await self._news.wait()
        return self.pieces.popleft()

    def done(self, piece: Piece) -> None:
        """Records were made of this piece."""
        self.hold(-len(piece.data))
        if not self.pieces:
            self._made.set()

    async def made(self) -> None:
        """Wait until records were made of all that was fed."""
        await self._made.wait()

    def hold(self, size: int) -> None:
        """So many bytes more are held, or less."""
        self._held += size
        if self.full:
            self._room.clear()
        else:
            self._room.set()

    def acknowledged(self, size: int, tracks: Iterable[Track]) -> None:
        """So many bytes that were held, of these streams, are no longer."""
        self.hold(-size)
        self.settle(tracks)

    def settle(self, tracks: Iterable[Track]) -> None:
        """Move on what was acknowledged, and forget streams that are over with."""
        for track in tracks:
            before = track.acked
            track.settle()
            self.changed += track.acked != before
            if track.over and track.settled:
                self._forget(track)

    def _forget(self, track: Track) -> None:
        if self.tracks.get(track.cursor.key) is track:
            del self.tracks[track.cursor.key]
        elif track in self._over:
            self._over.remove(track)
        self.changed += 1

    def live(self) -> list[Track]:
        """The streams of which something is known, also those that are over."""
        return [*self._saved.values(), *self.tracks.values(), *self._over]

    def dump(self) -> list[dict[str, Any]]:
        """Plain values for the saved state; of what cannot be read again there are none."""
        known = (*self._saved.values(), *self.tracks.values())
        return [one.dump() for one in known if one.cursor.place is not None]

    def load(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take up what `dump` gave."""
        self._saved = {row["key"]: Track.load(row) for row in rows}

    def inherit(self, sources: Iterable[object]) -> None:
        """Give what was saved for a source that is gone to the one that has its files now."""
        pass_on(self._saved.values(), sources)

    def _take(
        self, track: Track, data: bytes, start: int, size: int, *, last: bool = False
    ) -> None:
        """Keep lines that begin `start` bytes on, of `size` that were read, but for those skipped.

        What is skipped was acknowledged in an earlier run.
        """
        at = track.read + start
        if track.over:  # nobody moves the cursor of a stream that ended
            track.read += size
        else:
            track.fed(size)
        done = min(len(data), max(0, track.skip - at))
        data = data[done:]
        if data or last or track.read > track.skip:
            self.pieces.append(Piece(track, data, at + done, track.read, last))
            self.hold(len(data))
            self._news.set()
            self._made.clear()


def _whole(track: Track, chunk: bytes) -> tuple[int, int, bytes]:
    """How much of a chunk is taken, where the lines in it begin, and they; one too long is cut."""
    start = 0
    if track.cut:
        start = chunk.find(b"\n") + 1
        if not start:
            return len(chunk), 0, b""
        track.cut = False
    end = chunk.rfind(b"\n") + 1
    if end > start or len(chunk) - end < LONGEST_LINE:
        return max(end, start), start, chunk[start:end]
    track.cut = True
    return len(chunk), end, chunk[end : end + LONGEST_LINE] + b"\n"
