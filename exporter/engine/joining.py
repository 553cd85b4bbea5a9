"""Lines into records: which line begins one, which belongs to the one before.

The head of a record counts at once; what follows is attached when it comes. Whether an exception
is counted depends on the bytes alone, never on the time at which they arrive, so that a restart in
the middle of a traceback changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from parsers import Record
from parsers.exceptions import PYTHON_HEAD, exception_type, is_exception_line
from parsers.reading import read

BARE_ERROR = "Error"  # Bun prints "error: message" for one of no other type
LONGEST_LINE = 1 << 20  # more of a line is passed over
# A traceback's message may go on over lines that nothing marks; it ends here at the latest.
UNMARKED_LINES = 20
_UNHANDLED = "Unhandled exception. "  # what .NET prints before the exception that ends a process
_LONGEST_SAVED = 1 << 14


@dataclass(slots=True)
class Open:
    """The newest record of a lane, to which the next line may belong.

    `line` is its head. `trace` is "python" between a traceback's head and its exception line,
    "after" behind that. `counted` is the exception type that this record has counted already,
    `candidate` what it will count when a line of the form "    at ..." shows that the head was an
    exception. `message` is the one that stood on its own line.
    """

    line: str
    trace: str = ""
    counted: str | None = None
    candidate: str | None = None
    awaits_message: bool = False
    message: str | None = None
    chained: bool = False
    unmarked: int = UNMARKED_LINES
    _record: Record | None = field(default=None, repr=False)

    @classmethod
    def of(cls, line: str, record: Record) -> Open:
        """The state behind a head and what it says."""
        return cls(
            line,
            trace="python" if record.message == PYTHON_HEAD else "",
            counted=record.exception,
            candidate=None if record.exception else _candidate(record),
            awaits_message=record.message_follows,
            _record=record,
        )

    @property
    def claims(self) -> bool:
        """Whether lines that look like records of their own may belong to this one."""
        return bool(self.trace or self.counted)

    @property
    def ends(self) -> bool:
        """Whether nothing but a traceback may still belong to this record."""
        return not (self.claims or self.candidate or self.awaits_message)

    @property
    def record(self) -> Record:
        """What the head says, read when somebody asks."""
        if self._record is None:
            self._record = read(self.line)
            if self.message is not None:
                self._record.message = self.message
        return self._record

    def dump(self) -> dict[str, Any]:
        """Plain values for the saved state."""
        names = (name for name in self.__dataclass_fields__ if name != "_record")
        saved = {name: getattr(self, name) for name in names}
        return {**saved, "line": self.line[:_LONGEST_SAVED]}


@dataclass(slots=True)
class Lane:
    """What is known of one stream of lines (stdout and stderr of a container are two lanes).

    `head` holds the newest head as bytes where a fast path read it: such a record has no exception
    and awaits nothing. `partial` is the beginning of a line that an envelope has cut; `passing`:
    the rest of a too long one is passed over. `since` is the envelope's time of the newest head.
    """

    head: bytes | None = None
    open: Open | None = None
    partial: bytes = b""
    passing: bool = False
    since: float | None = None  # seconds since 1970

    def took(self, head: bytes, since: float | None) -> None:
        """Note the head that a fast path has read."""
        self.head, self.open, self.since = head, None, since

    def whole(self, piece: bytes, *, partial: bool) -> bytes | None:
        """Put a piece of a line to those before it: the line, once it is whole or too long."""
        if self.passing:
            self.passing = partial
            return None
        text = self.partial + piece
        too_long = len(text) >= LONGEST_LINE
        self.partial = text if partial and not too_long else b""
        self.passing = partial and too_long
        return None if self.partial else text[:LONGEST_LINE]

    def dump(self) -> dict[str, Any] | None:
        """Plain values for the saved state; None when there is nothing to keep."""
        one = self.open
        if self.head is not None:
            one = Open(self.head[:_LONGEST_SAVED].decode("utf-8", "replace"))
        if one is None and not self.partial and not self.passing:
            return None
        return {
            "partial": self.partial,
            "passing": self.passing,
            "since": self.since,
            "open": one.dump() if one is not None else None,
        }

    @classmethod
    def load(cls, saved: dict[str, Any]) -> Lane:
        """Take up what `dump` gave."""
        one = saved["open"]
        return cls(
            open=Open(**one) if one is not None else None,
            partial=saved["partial"],
            passing=saved["passing"],
            since=saved["since"],
        )


@dataclass(slots=True)
class Step:
    """What one line does: begin a record, complete its message, bring an exception to count.

    `one` is the record that the line begins or belongs to.
    """

    one: Open
    begins: bool = False
    message: bool = False
    exception: str | None = None
    exception_line: str = ""

    @property
    def record(self) -> Record:
        """The record that the line begins or belongs to."""
        return self.one.record


def step(lane: Lane, line: str) -> Step | None:
    """Take the next line of a lane; None where it moves nothing."""
    if lane.head is not None:
        # What the fast paths take expects no more lines: only a traceback may still belong to it.
        if line.startswith(PYTHON_HEAD):
            lane.open = Open(lane.head.decode("utf-8", "replace"), trace="python")
            lane.head = None
            return None
        return _head(lane, line) if begins(line) else None
    one = lane.open
    if not line or line.isspace():
        return None
    if one is None:
        return _head(lane, line)
    if line[0] in " \t":
        return _indented(one, line)
    if line.startswith(PYTHON_HEAD):
        one.chained = one.chained or one.trace == "after"
        one.trace = "python"
        return None
    if one.trace == "python" and is_exception_line(line):
        return _python_end(one, line)
    if (one.trace or (line == "}" and one.counted)) and _unmarked(one, line):
        return None
    return _head(lane, line)


def begins(line: str) -> bool:
    """Whether a clean line begins a record, unless an earlier one claims it."""
    return bool(line.strip()) and line[0] not in " \t" and not line.startswith(PYTHON_HEAD)


def _head(lane: Lane, line: str) -> Step:
    record = read(line)
    lane.head, lane.open = None, Open.of(line, record)
    return Step(
        lane.open,
        begins=True,
        message=not record.message_follows,
        exception=record.exception,
        exception_line=record.exception_text or "",
    )


def _indented(one: Open, line: str) -> Step | None:
    inside = line.strip()
    if one.awaits_message:
        one.awaits_message = False
        one.message = one.record.message = inside
        return Step(one, message=True)
    if one.counted is not None:
        return None
    if one.candidate:
        if inside.startswith("at "):
            return _count(one, one.candidate, one.record.message)
    elif one.message is not None and is_exception_line(inside):
        return _count(one, exception_type(inside), inside)
    return None


def _python_end(one: Open, line: str) -> Step | None:
    one.trace = "after"
    one.unmarked = UNMARKED_LINES
    found = exception_type(line)
    if one.chained or found == one.counted:
        # A chain is one traceback; JSON modes print the traceback of their record once more.
        return None
    return _count(one, found, line)


def _count(one: Open, kind: str | None, text: str) -> Step:
    one.counted = kind
    return Step(one, exception=kind, exception_line=text)


def _unmarked(one: Open, line: str) -> bool:
    if one.unmarked <= 0 or read(line).format != "text":
        return False
    one.unmarked -= 1
    return True


def _candidate(record: Record) -> str | None:
    """The exception that a head spells, should frames follow it (Node, Bun, .NET)."""
    if record.format not in ("text", "prefixed"):
        return None
    found = exception_type(record.message.removeprefix(_UNHANDLED))
    if found is None and record.format == "prefixed" and record.level == "error":
        return BARE_ERROR
    return found
