"""Gathered lines as the OpenTelemetry log data model wants a record: redacted, in protobuf.

https://opentelemetry.io/docs/specs/otel/logs/data-model/
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import tzinfo
from types import MappingProxyType
from typing import Any, Literal, Protocol

from msgspec import Struct, field
from msgspec.structs import replace
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber

from exporter.forward.failures import from_fields, from_lines
from exporter.forward.places import medium
from exporter.forward.shapes import Origin
from exporter.forward.spans import context, request
from exporter.forward.values import any_value, pairs, typed
from parsers import Record
from parsers.jsonlines import LEVEL_KEYS, MESSAGE_KEYS, TIME_KEYS, document
from parsers.levels import level
from parsers.reading import read
from parsers.times import nanoseconds

# message: what the line says; its other fields are attributes. json: the whole object as it stands.
# raw: the lines as text. The last two repeat nothing as attributes.
Body = Literal["message", "json", "raw"]

SEVERITIES: Mapping[str, tuple[SeverityNumber.ValueType, str]] = MappingProxyType(
    {
        "trace": (SeverityNumber.SEVERITY_NUMBER_TRACE, "TRACE"),
        "debug": (SeverityNumber.SEVERITY_NUMBER_DEBUG, "DEBUG"),
        "info": (SeverityNumber.SEVERITY_NUMBER_INFO, "INFO"),
        "warning": (SeverityNumber.SEVERITY_NUMBER_WARN, "WARN"),
        "error": (SeverityNumber.SEVERITY_NUMBER_ERROR, "ERROR"),
        "critical": (SeverityNumber.SEVERITY_NUMBER_FATAL, "FATAL"),
    }
)
_ACCESS = ("access", ("nginx", "gunicorn", "uvicorn"))  # a message that no line spells
_INT64 = 1 << 63


class Redacting(Protocol):
    """What takes secrets out, and counts them by rule."""

    def text(self, text: str) -> str:
        """A text without its secrets."""

    def fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Fields, nested ones too, without their secrets."""


class Gathered(Struct):
    """The lines of one record, cleaned, as far as they have come; or one of its later parts.

    `start` is the offset at which the first of them begins. `observed` is when it was read,
    `touched` when the last one was; `since` the runtime's own time of the first. The head takes
    `head` lines (none in a later part, two where its message stands on its own). `trace_at` is the
    line in which a traceback begins, `exception` its type. `cut`: of a line only the beginning.
    """

    record: Record
    start: int
    observed: float
    touched: float
    since: str | None = None
    part: int = 1
    head: int = 1
    lines: list[str] = field(default_factory=list)
    size: int = 0
    trace_at: int | None = None
    exception: str | None = None
    cut: bool = False

    @property
    def said(self) -> list[str]:
        """The lines below the head, and above a traceback."""
        return self.lines[self.head : self._traced]

    @property
    def traced(self) -> list[str]:
        """The lines of a traceback, where it is one."""
        return self.lines[self._traced :]

    @property
    def _traced(self) -> int:
        if self.exception is None or self.trace_at is None:
            return len(self.lines)
        return self.trace_at


class Own(Struct, frozen=True):
    """What every record of a stream says of it: attributes, serialized once.

    Protobuf joins what is written one behind the other.
    """

    names: tuple[str, ...]
    data: bytes


def own(origin: Origin) -> Own:
    """What the records of a stream say of it."""
    found = medium(origin)
    return Own(tuple(found), LogRecord(attributes=pairs(found)).SerializeToString())


class Recorder(Struct, frozen=True):
    """Makes records. `zone` is that of times that name none."""

    redactor: Redacting
    zone: tzinfo
    body: Body = "message"

    def encode(self, one: Gathered, mine: Own) -> bytes:
        """A serialized LogRecord."""
        record = one.record
        time = _within(nanoseconds(record.time, self.zone))
        found = LogRecord(
            time_unix_nano=time or _within(nanoseconds(one.since, self.zone)),
            observed_time_unix_nano=round(one.observed * 1e6) * 1000,
        )
        if record.level is not None:
            found.severity_number, found.severity_text = _severity(record)
        if one.part > 1:
            body, attributes = self._rest(one)
        elif self.body == "raw":
            body, attributes = self._raw(one), self._request(record)
        elif record.format == "jsonlines" and (self.body == "json" or _is_silent(record)):
            body, attributes = self._whole(one)
        else:
            body, attributes = self._said(one, timed=time > 0)
        if one.part == 1 and (where := context(record.fields)).trace:
            found.trace_id, found.span_id, found.flags = where.trace, where.span, where.flags
        if one.cut:
            attributes["sidewatch.cut"] = True
        for name in mine.names:
            attributes.pop(name, None)
        found.body.CopyFrom(any_value(body))
        found.attributes.extend(pairs(attributes))
        return found.SerializeToString() + mine.data

    def _said(self, one: Gathered, *, timed: bool) -> tuple[str, dict[str, Any]]:
        """What it says, and as attributes all fields that are not told elsewhere."""
        one = self._unbetrayed(one)
        record = one.record
        told = {*context(record.fields).keys, *_told(record, timed=timed)}
        fields = {name: value for name, value in record.fields.items() if name not in told}
        attributes = self.redactor.fields(fields)
        if record.format != "jsonlines":
            attributes = typed(attributes)
        key, value = request(attributes)
        if key:
            del attributes[key]
            attributes["request.id"] = value
        if record.exception is not None:
            attributes |= from_fields(record.exception, attributes)
        summary = self._add_traced(one, attributes)
        if one.trace_at == 0 and summary:
            return summary, attributes
        return self.redactor.text("\n".join([_head(one), *one.said])), attributes

    def _unbetrayed(self, one: Gathered) -> Gathered:
        """The same, read anew where the whole line betrays a secret that no field alone does.

        In `Cookie: theme=dark; sid=...` the first word tells of all that follows.
        """
        record, head = one.record, one.lines[0]
        if record.format == "jsonlines" or record.message_follows or not record.fields:
            return one
        clean = self.redactor.text(head)
        return one if clean == head else replace(one, record=read(clean))

    def _raw(self, one: Gathered) -> str:
        """The lines as they stood; of an object that holds a secret, what is left of it."""
        lines = one.lines
        found = document(lines[0]) if one.record.format == "jsonlines" else None
        if found is not None:
            clean = self.redactor.fields(found)
            if clean != found:
                before = lines[0][: lines[0].find("{")]
                lines = [before + json.dumps(clean, ensure_ascii=False), *lines[1:]]
        return self.redactor.text("\n".join(lines))

    def _request(self, record: Record) -> dict[str, Any]:
        _, value = request(record.fields)
        return {"request.id": self.redactor.text(value)} if value else {}

    def _whole(self, one: Gathered) -> tuple[Any, dict[str, Any]]:
        """The object as the body; what was printed below it beside."""
        attributes = self._request(one.record)
        if prefix := one.record.fields.get("prefix"):
            attributes["prefix"] = self.redactor.text(str(prefix))
        self._add_traced(one, attributes)
        below = "\n".join(one.said)
        if below.strip():
            attributes["sidewatch.below"] = self.redactor.text(below)
        return self.redactor.fields(document(one.lines[0]) or {}), attributes

    def _rest(self, one: Gathered) -> tuple[Any, dict[str, Any]]:
        """A later part of a record that was too long, or paused."""
        attributes: dict[str, Any] = {"sidewatch.part": one.part}
        self._add_traced(one, attributes)
        attributes.pop("exception.stacktrace", None)  # it is in the body
        return self.redactor.text("\n".join(one.lines)), attributes

    def _add_traced(self, one: Gathered, attributes: dict[str, Any]) -> str:
        """Add a printed traceback as exception.*; the line that names it."""
        if one.exception is None or not one.traced:
            return ""
        printed = self.redactor.text("\n".join(one.traced))
        summary, found = from_lines(one.exception, printed)
        attributes |= found
        return summary


def _within(nanoseconds: int | None) -> int:
    """A time as protobuf holds it; 0 where there is none."""
    return nanoseconds if nanoseconds is not None and nanoseconds < _INT64 else 0


def _is_silent(record: Record) -> bool:
    return not record.message and record.exception is None


def _told(record: Record, *, timed: bool) -> list[str]:
    """The fields that became the message, the level and, if it was one, the time."""
    fields, known = record.fields, record.level
    told = [key for key in MESSAGE_KEYS if key in fields and fields[key] == record.message]
    if known is not None:
        told += [key for key in LEVEL_KEYS if key in fields and level(fields[key]) == known]
    if timed:
        told += [key for key in TIME_KEYS if key in fields and fields[key] == record.time]
    return told


def _head(one: Gathered) -> str:
    """What it says, if only by its exception; the line itself where it is fields and no more."""
    message, formats = _ACCESS
    record = one.record
    if record.message == message and record.format in formats:
        return one.lines[0]
    return record.message or record.exception_text or one.lines[0]


def _severity(record: Record) -> tuple[SeverityNumber.ValueType, str]:
    """Its number, and its text as the application spells it where that is kept."""
    number, name = SEVERITIES[record.level or ""]
    for key in LEVEL_KEYS:
        raw = record.fields.get(key)
        if raw.__class__ is str and raw.strip().isalpha() and level(raw) == record.level:
            return number, raw.strip()
    return number, name
