"""Lines of one stream into records ready to send, by the same reading that the metrics have.

A record is made when the next one begins or when it has been quiet, so it is whole: a traceback is
one record, the pieces of a container's long line are one line. Nothing is left out: what grows too
long is sent in parts.
"""

from __future__ import annotations

import re
from operator import itemgetter

from msgspec import Struct, field
from msgspec.structs import replace

from exporter.engine.joining import LONGEST_LINE, Lane, Step, step
from exporter.forward.records import Gathered, Own, Recorder, own
from exporter.forward.shapes import Made, Origin
from parsers import cri, docker_json
from parsers.cleaning import clean
from parsers.envelopes import Envelope
from parsers.exceptions import PYTHON_HEAD

MOST_BYTES = 1 << 18
MOST_LINES = 1000
QUIET_SECONDS = 1.0
# A private key is one secret over many lines: they stay together, so that it is seen as one.
_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY")
_KEY_ENDS = "-----END "
_KEY_LINE = re.compile(r"\s*(?:[A-Za-z0-9+/=]{0,80}|[A-Z][A-Za-z-]{1,40}: .{0,200})\s*")
_KEY_LINES = 200
_KEY_SECONDS = 60.0


class _Track(Struct):
    """One lane of a stream: what the reading keeps of it, and the record that is open.

    `pieces_at` is where a line begins whose pieces come one by one, `touched` when the last of them
    was read. `key_lines` is how many more may belong to a private key. `newest` is the record that
    lines without a head belong to, also when it was handed on.
    """

    origin: Origin
    own: Own
    lane: Lane = field(default_factory=Lane)
    open: Gathered | None = None
    newest: Gathered | None = None
    pieces_at: int | None = None
    touched: float = 0.0
    key_lines: int = 0

    @property
    def since(self) -> int | None:
        """The offset of what it has not handed out yet."""
        if self.open is not None:
            return self.open.start
        return self.pieces_at

    def quiet(self, now: float) -> float:
        """For how many seconds nothing was added to the open record."""
        return now - self.open.touched if self.open is not None else 0.0


class Assembler:
    """Makes records of the lines of one stream."""

    def __init__(self, origin: Origin, recorder: Recorder) -> None:
        self._origin = origin
        self._recorder = recorder
        self._end = 0
        self._tracks: dict[str, _Track] = {}

    def handed(self, end: int) -> int:
        """Everything before this offset has been handed on, if all lines before `end` were taken.

        It is where the oldest record begins that is still open.
        """
        waiting = [one.since for one in self._tracks.values() if one.since is not None]
        return min(end, *waiting) if waiting else end

    def take(self, raw: bytes, end: int, now: float) -> list[Made]:
        """Take the next line, without its line feed; the records that it completes.

        `end` is the offset behind it and `now` the time of reading. A line of the greatest length
        that is read counts as cut.
        """
        start, self._end = max(0, end - len(raw) - 1), end
        found = _unwrap(raw)
        if found is None:
            track = self._track(self._origin.stream)
            return self._text(track, raw, start, now, cut=len(raw) >= LONGEST_LINE)
        track = self._track(found.stream)
        if track.pieces_at is None:
            track.pieces_at = start
        text = track.lane.whole(found.text, partial=found.partial)
        track.touched = now
        if text is None:
            if not track.lane.partial:  # the rest of a line whose beginning is handed on already
                track.pieces_at = None
            return []
        begun, track.pieces_at = track.pieces_at, None
        cut = len(text) == LONGEST_LINE
        made = []
        for each in text.split(b"\n"):
            made += self._text(track, each, begun, now, since=found.time, cut=cut)
        return made

    def flush(self, now: float | None) -> list[Made]:
        """The records to which nothing was added for a second; all of them at None.

        At None the stream is over, and the piece of a line that it may end in counts as one.
        """
        if now is None:
            return self._finish()
        waiting = [(one.open.start, one) for one in self._tracks.values() if one.open is not None]
        made = []
        for _, track in sorted(waiting, key=itemgetter(0)):
            if track.quiet(now) >= (_KEY_SECONDS if track.key_lines else QUIET_SECONDS):
                made += self._close(track, self._end)
        return made

    def _finish(self) -> list[Made]:
        made = []
        for track in self._tracks.values():
            rest, track.lane.partial = track.lane.partial, b""
            begun, track.pieces_at = track.pieces_at, None
            if rest and begun is not None:
                made += self._text(track, rest, begun, track.touched)
        waiting = [one for one in self._tracks.values() if one.open is not None]
        for track in waiting:
            made += self._close(track, self._end)
        return made

    def _track(self, stream: str) -> _Track:
        track = self._tracks.get(stream)
        if track is None:
            origin = replace(self._origin, stream=stream)
            track = self._tracks[stream] = _Track(origin, own(origin))
        return track

    def _text(
        self,
        track: _Track,
        raw: bytes,
        start: int,
        now: float,
        *,
        since: str | None = None,
        cut: bool = False,
    ) -> list[Made]:
        """Take a line out of its envelope."""
        line = clean(raw[:LONGEST_LINE].decode("utf-8", "replace"))
        found = None if self._goes_on(track, line) else step(track.lane, line)
        made: list[Made] = []
        if found is not None and found.begins:
            made += self._close(track, start)
            track.open = track.newest = Gathered(
                found.record, start, now, now, since, exception=found.exception
            )
        elif track.open is None:
            if track.newest is None or not line.strip():
                return []
            self._go_on(track, start, now)
        elif _is_full(track.open, line) and not track.key_lines:
            made += self._close(track, start)
            self._go_on(track, start, now)
        if track.open is not None:
            track.open.cut = track.open.cut or cut
            _add(track.open, line, found, now)
        if _KEY_BEGINS.search(line) and _KEY_ENDS not in line:
            track.key_lines = _KEY_LINES
        return made

    def _goes_on(self, track: _Track, line: str) -> bool:
        """Whether it is one more line of a private key."""
        ends = _KEY_ENDS in line
        if not track.key_lines or track.open is None or not (ends or _KEY_LINE.fullmatch(line)):
            track.key_lines = 0
            return False
        track.key_lines = 0 if ends else track.key_lines - 1
        return True

    def _go_on(self, track: _Track, start: int, now: float) -> None:
        """Begin another part of the newest record."""
        last = track.newest
        if last is not None:
            track.open = track.newest = Gathered(
                last.record, start, now, now, last.since, part=last.part + 1, head=0
            )

    def _close(self, track: _Track, until: int) -> list[Made]:
        """The open record of a lane, made; what begins at `until` is not in it."""
        one, track.open = track.open, None
        if one is None:
            return []
        while len(one.lines) > 1 and not one.lines[-1].strip():
            one.lines.pop()
        body = self._recorder.encode(one, track.own)
        return [Made(track.origin, body, self.handed(until), one.record.level)]


def _unwrap(raw: bytes) -> Envelope | None:
    if raw[:1] == b"{":
        return docker_json.unwrap(raw) if b'"log"' in raw else None
    return cri.unwrap(raw) if raw[:1].isdigit() else None


def _is_full(one: Gathered, line: str) -> bool:
    return len(one.lines) >= MOST_LINES or one.size + len(line) > MOST_BYTES


def _add(one: Gathered, line: str, found: Step | None, now: float) -> None:
    """Put a line to its record, with what it says of an exception."""
    one.lines.append(line)
    one.size += len(line)
    one.touched = now
    at = len(one.lines) - 1
    if line.startswith(PYTHON_HEAD) and one.trace_at is None:
        one.trace_at = at
    if found is None:
        return
    if found.message and not found.begins:
        one.head = at + 1
    if found.exception is not None and not found.begins:
        one.exception = found.exception
        if one.trace_at is None:
            one.trace_at = 0 if found.exception_line == one.record.message and at else at
