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

# A traceback's message may go on over lines that nothing marks; it ends here at the latest.
UNMARKED_LINES = 20
_UNHANDLED = "Unhandled exception. "  # what .NET prints before the exception that ends a process


@dataclass(slots=True)
class Open:
    """The newest record of a lane, to which the next line may belong.

    `trace` is "python" between a traceback's head and its exception line, "after" behind that.
    `counted` is the exception type that this record has counted already, `candidate` what it will
    count when a line of the form "    at ..." shows that the head was an exception.
    """

    record: Record
    trace: str = ""
    counted: str | None = None
    candidate: str | None = None
    awaits_message: bool = False
    chained: bool = False
    unmarked: int = UNMARKED_LINES


@dataclass(slots=True)
class Lane:
    """What is known of one stream of lines (stdout and stderr of a container are two lanes).

    `head` holds the newest head as bytes where the fast path read it; `open_record` makes the
    `Open` of it when a line asks. `partial` is the beginning of a line that an envelope has cut.
    """

    head: bytes | None = None
    open: Open | None = None
    partial: bytes = b""
    since: float | None = None  # the envelope's time of the newest head, since 1970

    def open_record(self) -> Open | None:
        """The newest record, read from its head where that is still bytes."""
        if self.head is not None:
            self.open = opened(read(self.head.decode("utf-8", "replace")))
            self.head = None
        return self.open

    def dump(self) -> dict[str, Any] | None:
        """Plain values for the saved state; None when there is nothing to keep."""
        one = self.open_record()
        if one is None and not self.partial:
            return None
        saved: dict[str, Any] = {"partial": self.partial, "since": self.since}
        if one is not None:
            record = one.record
            saved["open"] = {
                "format": record.format,
                "level": record.level,
                "time": record.time,
                "message": record.message[:4096],
                "fields": record.fields if one.awaits_message else {},
                "trace": one.trace,
                "counted": one.counted,
                "candidate": one.candidate,
                "awaits_message": one.awaits_message,
                "chained": one.chained,
                "unmarked": one.unmarked,
            }
        return saved

    @classmethod
    def load(cls, saved: dict[str, Any]) -> Lane:
        """Take up what `dump` gave."""
        lane = cls(partial=saved["partial"], since=saved["since"])
        one = saved.get("open")
        if one is not None:
            record = Record(
                one.pop("format"),
                one.pop("message"),
                one.pop("level"),
                one.pop("time"),
                one.pop("fields"),
            )
            lane.open = Open(record, **one)
        return lane


@dataclass(slots=True)
class Step:
    """What one line does: begin a record, complete its message, bring an exception to count."""

    record: Record
    begins: bool = False
    message: bool = False
    exception: str | None = None
    exception_line: str = ""
    continues: str | None = field(default=None, repr=False)


def opened(record: Record) -> Open:
    """The state behind a head."""
    return Open(
        record,
        trace="python" if record.message == PYTHON_HEAD else "",
        counted=record.exception,
        candidate=None if record.exception else _candidate(record),
        awaits_message=record.message_follows,
    )


def step(lane: Lane, line: str) -> Step | None:
    """Take the next line of a lane; None where it moves nothing."""
    if lane.head is not None and not line.startswith(PYTHON_HEAD):
        # What the fast paths take expects no more lines: only a traceback makes it worth reading.
        return _head(lane, line) if line and line[0] not in " \t" and line.strip() else None
    one = lane.open_record()
    if one is None:
        return _head(lane, line) if line.strip() else None
    if not line or line.isspace():
        return Step(one.record, continues=line)
    if line[0] in " \t":
        return _indented(one, line)
    if line.startswith(PYTHON_HEAD):
        one.chained = one.chained or one.trace == "after"
        one.trace = "python"
        return Step(one.record, continues=line)
    if one.trace == "python" and is_exception_line(line):
        return _python_end(one, line)
    if (one.trace or (line == "}" and one.counted)) and _unmarked(one, line):
        return Step(one.record, continues=line)
    return _head(lane, line)


def _head(lane: Lane, line: str) -> Step:
    record = read(line)
    lane.head, lane.open = None, opened(record)
    return Step(
        record,
        begins=True,
        message=not record.message_follows,
        exception=record.exception,
        exception_line=record.exception_text or "",
    )


def _indented(one: Open, line: str) -> Step:
    inside = line.strip()
    if one.awaits_message:
        one.awaits_message = False
        one.record.message = inside
        return Step(one.record, message=True, continues=line)
    if one.counted is None and one.candidate and inside.startswith("at "):
        return _count(one, one.candidate, one.record.message, line)
    if one.counted is None and one.record.format == "dotnet" and is_exception_line(inside):
        return _count(one, exception_type(inside), inside, line)
    return Step(one.record, continues=line)


def _python_end(one: Open, line: str) -> Step:
    one.trace = "after"
    one.unmarked = UNMARKED_LINES
    found = exception_type(line)
    if one.chained or found == one.counted:
        # A chain is one traceback; JSON modes print the traceback of their record once more.
        return Step(one.record, continues=line)
    return _count(one, found, line, line)


def _count(one: Open, kind: str | None, text: str, line: str) -> Step:
    one.counted = kind
    return Step(one.record, exception=kind, exception_line=text, continues=line)


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
        return "Error"  # Bun prints "error: message" for a plain Error
    return found
