"""A few lines out of many, for people to look at: errors by what they say, lines nobody understood.

Taken from what has just been counted, never held back for it: of each second and service 64 KiB at
the most, with a few exact readings. So all of a trickle is looked at, and a flood costs no more.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator

import re2
from msgspec import Struct, field

from exporter.engine.joining import Lane, Step, step
from exporter.redact import Redactor
from parsers import Record, cri, docker_json
from parsers.cleaning import clean
from parsers.exceptions import PYTHON_HEAD
from parsers.jsonlines import document
from parsers.reading import read

APART_SECONDS = 1.0
WINDOW = 64 << 10
LONGEST_LINE = 16 << 10
LONGEST_TEXT = 2000
LONGEST_TITLE = 300
MOST_MARKED = 10  # lines that may tell of an error, a second and service
MOST_LINES = 40  # of a record, or looked at for one that nobody understood
MOST_GROUPS = 40
MOST_UNPARSED = 20
MOST_SERVICES = 500
ERRORS = ("error", "critical")
MARKS = re2.compile(
    rb'"?(?:level|severity)\\?"?[:=] ?\\?"?(?:[56]0|[Ee]rr|[Ff]at|[Cc]rit)'
    rb"|ERROR|FATAL|CRITICAL|PANIC|Traceback|^(?:fail|crit): |\n(?:fail|crit): |\[error\]|\[crit\]"
    rb"|^error: |\nerror: |[A-Z][a-z]+(?:Error|Exception)\b"
)
VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|\b[0-9a-fA-F-]{8,}\b|\d+")


class ErrorGroup(Struct):
    """Errors that say the same but for numbers, ids and what they quote; all of it redacted.

    `seen` counts those that were looked at, so it is a lower bound. Times are when it was read.
    `mark` is what they have in common: no other group of the service has it.
    """

    service: str
    level: str
    title: str
    text: str
    first: float
    last: float
    seen: int = 1
    mark: str = ""


class Unparsed(Struct, frozen=True):
    """A line in no known format, redacted, and why it was none."""

    service: str
    text: str
    reason: str
    at: float


class _Second(Struct):
    """What may still be looked at of a service in the second that began then."""

    began: float
    room: int = WINDOW
    marked: int = MOST_MARKED
    puzzled: bool = False  # lines that nobody understood have been looked for


class Samples(Struct):
    """Those of one application. `unparsed` counts a service's lines in no known format by now."""

    redactor: Callable[[], Redactor]
    unparsed: Callable[[str], float]
    errors: OrderedDict[tuple[str, str, str], ErrorGroup] = field(default_factory=OrderedDict)
    lines: deque[Unparsed] = field(default_factory=lambda: deque(maxlen=MOST_UNPARSED))
    _seconds: dict[str, _Second] = field(default_factory=dict)
    _counted: dict[str, float] = field(default_factory=dict)

    def look(self, service: str, chunk: bytes, end: int, now: float) -> None:
        """Look at what was counted last: `chunk` up to `end`."""
        second = self._second(service, now)
        if not end or (second.room < WINDOW and second.room < end):
            return  # what does not fit is not cut: the end of a record would pass for one
        start = max(0, end - second.room)
        second.room -= end - start
        start = chunk.find(b"\n", start, end) + 1 if start else 0
        window = chunk[start:end]
        at = 0
        while second.marked and (marked := _marked(window, at)) is not None:
            second.marked -= 1
            at = self._error(service, window, marked, now)
        count = self.unparsed(service)
        if count > self._counted.get(service, 0.0) and not second.puzzled:
            second.puzzled = True
            self._not_understood(service, window, now)
        self._counted[service] = count

    def clear(self) -> None:
        """Forget all: other things are to be hidden from now on."""
        self.errors.clear()
        self.lines.clear()

    def _second(self, service: str, now: float) -> _Second:
        known = self._seconds.get(service)
        if known is not None and 0 <= now - known.began < APART_SECONDS:
            return known
        if len(self._seconds) >= MOST_SERVICES:
            self._seconds.clear()
            self._counted.clear()
        self._seconds[service] = fresh = _Second(now)
        return fresh

    def _error(self, service: str, window: bytes, at: int, now: float) -> int:
        """Keep the record that begins here, if it is an error; where it ends."""
        lane, whole = Lane(), list[str]()
        begun = raised = None
        for line, end in _texts(window, at):
            found = step(lane, clean(line))
            if begun is not None and found is not None and found.begins:
                break
            begun = begun or found
            if found is not None and (raised is None or found.exception is not None):
                raised = found
            whole.append(line)
            at = end
        if raised is not None and (raised.record.level in ERRORS or raised.exception is not None):
            self._add(service, raised, whole, now)
        return at

    def _add(self, service: str, raised: Step, lines: list[str], now: float) -> None:
        hiding, kind = self.redactor(), raised.exception or ""
        said = hiding.text(read(hiding.text(lines[0])).message)
        if said == PYTHON_HEAD:
            said = hiding.text(raised.exception_line)
        title = said if kind in said else f"{kind}: {said}"
        title = title.strip()[:LONGEST_TITLE]
        text = hiding.text("\n".join([_spelled_out(lines[0], hiding), *lines[1:]]))[:LONGEST_TEXT]
        key = (service, kind, VARYING.sub("#", title))
        group = self.errors.get(key)
        if group is None:
            level = raised.record.level or "error"
            mark = "/".join(key[1:])
            self.errors[key] = ErrorGroup(service, level, title, text, now, now, mark=mark)
        else:
            group.title, group.text, group.last = title, text, now
            group.seen += 1
        self.errors.move_to_end(key)
        while len(self.errors) > MOST_GROUPS:
            self.errors.popitem(last=False)

    def _not_understood(self, service: str, window: bytes, now: float) -> None:
        """Best of what stands behind a record that is understood: before, it may be part of one."""
        lane, before, found = Lane(), list[tuple[Record, str]](), list[tuple[Record, str]]()
        understood = False
        for line, _ in _texts(window, 0):
            one = step(lane, clean(line))
            if one is None or not one.begins:
                continue
            if one.record.format != "text":
                understood = True
            else:
                (found if understood else before).append((one.record, line))
        hiding = self.redactor()
        for record, line in (found or before)[:3]:
            text = hiding.text(_spelled_out(line, hiding))[:LONGEST_TITLE]
            if all((service, text) != (known.service, known.text) for known in self.lines):
                reason = record.reason or "no known format"
                self.lines.append(Unparsed(service, text, reason, now))


def _spelled_out(line: str, hiding: Redactor) -> str:
    """The line; of an object that holds a secret what is left, since escapes can hide its name."""
    found = document(line)
    if found is None:
        return line
    clean = hiding.fields(found)
    if clean == found:
        return line
    return line[: line.find("{")] + json.dumps(clean, ensure_ascii=False)


def _marked(window: bytes, at: int) -> int | None:
    """Where the next line begins that may tell of an error."""
    found = MARKS.search(window, at)
    if found is None:
        return None
    # A mark may begin with the end of the line before.
    return max(at, window.rfind(b"\n", 0, found.end() - 1) + 1)


def _texts(window: bytes, at: int) -> Iterator[tuple[str, int]]:
    """The lines from here on, out of their envelopes, each with its end."""
    for _ in range(MOST_LINES):
        end = window.find(b"\n", at) + 1
        if not end:
            return
        raw = window[at : min(end - 1, at + LONGEST_LINE)].rstrip(b"\r")
        envelope = docker_json.unwrap(raw) or cri.unwrap(raw)
        text = envelope.text if envelope else raw
        yield text.rstrip(b"\n").decode("utf-8", "replace"), end
        at = end
