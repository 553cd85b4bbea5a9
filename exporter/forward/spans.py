"""Which trace, span and request a record belongs to, by the fields that say so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

TRACE_KEYS = ("trace_id", "traceId", "traceID", "trace.id", "otelTraceID", "TraceId", "TraceID")
SPAN_KEYS = ("span_id", "spanId", "spanID", "span.id", "otelSpanID", "SpanId", "SpanID")
FLAG_KEYS = ("trace_flags", "traceFlags", "trace.flags", "TraceFlags")
PARENT_KEYS = ("traceparent", "trace_parent", "traceParent")
REQUEST_KEYS = (
    "request_id", "requestId", "requestID", "req_id", "reqId", "request.id", "req.id",
    "x_request_id", "x-request-id", "RequestId", "RequestID", "correlation_id", "correlationId",
)  # fmt: skip

_TRACE = re.compile(r"[0-9a-fA-F]{32}")
_SPAN = re.compile(r"[0-9a-fA-F]{16}")
_FLAGS = re.compile(r"[0-9a-fA-F]{2}")
# W3C Trace Context: version, trace, span, flags; later versions may append more.
_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_TELLING = frozenset((*TRACE_KEYS, *PARENT_KEYS, "dd.trace_id"))
_NAMING = frozenset(REQUEST_KEYS)
_NOTHING = (None, "", "-", 0)
_DATADOG = re.compile(r"[0-9]{1,20}")


class Context(Struct, frozen=True):
    """Where a record belongs; empty where it does not tell. `keys` are the fields that told."""

    trace: bytes = b""
    span: bytes = b""
    flags: int = 0
    keys: tuple[str, ...] = ()


NOWHERE = Context()


def context(fields: Mapping[str, Any]) -> Context:
    """The trace and span of a record: only what is valid hexadecimal and not all zeros.

    A `traceparent` is asked last, and Datadog's decimal ids (`dd.trace_id`) after it. A span
    without its trace is none.
    """
    if _TELLING.isdisjoint(fields):  # most records' case, and this is asked for each
        return NOWHERE
    key, trace = _first(fields, TRACE_KEYS, _TRACE)
    if key:
        span_key, span = _first(fields, SPAN_KEYS, _SPAN)
        flags_key, flags = _flags(fields)
        return Context(trace, span, flags, tuple(filter(None, (key, span_key, flags_key))))
    for key in PARENT_KEYS:
        value = fields.get(key)
        found = _PARENT.fullmatch(value) if isinstance(value, str) else None
        if found and (trace := _bytes(found[1])) and (span := _bytes(found[2])):
            return Context(trace, span, int(found[3], 16), (key,))
    return _datadog(fields) if "dd.trace_id" in fields else NOWHERE


def request(fields: Mapping[str, Any]) -> tuple[str, str]:
    """The first field that names the request, and its value; empty where none does."""
    if _NAMING.isdisjoint(fields):
        return "", ""
    for key in REQUEST_KEYS:
        value = fields.get(key)
        if value not in _NOTHING and isinstance(value, str | int) and not isinstance(value, bool):
            return key, str(value)
    return "", ""


def _first(
    fields: Mapping[str, Any], keys: tuple[str, ...], shape: re.Pattern[str]
) -> tuple[str, bytes]:
    for key in keys:
        value = fields.get(key)
        if isinstance(value, str) and shape.fullmatch(value) and (found := _bytes(value)):
            return key, found
    return "", b""


def _flags(fields: Mapping[str, Any]) -> tuple[str, int]:
    for key in FLAG_KEYS:
        value = fields.get(key)
        if isinstance(value, str) and _FLAGS.fullmatch(value):
            return key, int(value, 16)
        if isinstance(value, int) and 0 <= value < 256:
            return key, int(value)
    return "", 0


def _datadog(fields: Mapping[str, Any]) -> Context:
    """Decimal numbers of 64 bits; a trace may also be the whole 128 bits in hexadecimal."""
    raw = fields["dd.trace_id"]
    hexadecimal = isinstance(raw, str) and _TRACE.fullmatch(raw)
    trace = _bytes(str(raw)) if hexadecimal else _decimal(raw, 16)
    span = _decimal(fields.get("dd.span_id"), 8)
    if not trace:
        return NOWHERE
    return Context(trace, span, 0, ("dd.trace_id", "dd.span_id") if span else ("dd.trace_id",))


def _decimal(raw: object, size: int) -> bytes:
    if isinstance(raw, bool) or not _DATADOG.fullmatch(str(raw)):
        return b""
    number = int(str(raw))
    return number.to_bytes(size, "big") if 0 < number < 1 << 64 else b""


def _bytes(spelled: str) -> bytes:
    found = bytes.fromhex(spelled)
    return found if any(found) else b""
