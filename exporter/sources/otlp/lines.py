"""A log record -> the line that the engine reads.

A record without a severity is a line that nobody has read yet, as a collector passes it on: its
text is taken as it is. So is a text that is a JSON object already. Everything else becomes a JSON
line of time, level, message, attributes and trace.

https://opentelemetry.io/docs/specs/otel/logs/data-model/
"""

from __future__ import annotations

import base64
import json
import math
from datetime import UTC, datetime
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

LEVELS = ("trace", "debug", "info", "warning", "error", "critical")
OF_EACH = 4  # severity numbers: TRACE to TRACE4 are 1 to 4
STACK, KIND, MESSAGE = "exception.stacktrace", "exception.type", "exception.message"


def line(record: LogRecord) -> str:
    """One line, or the several of a text as it is; empty where a record says nothing."""
    body = _value(record.body)
    level = _level(record)
    if isinstance(body, str) and (level is None or _is_object(body)):
        return body.strip("\r\n")
    fields = {one.key: _value(one.value) for one in record.attributes}
    if body is None and not fields and not record.event_name:
        return ""
    fields |= _failure(fields)
    if isinstance(body, dict):
        fields |= body
    own: dict[str, Any] = {"time": _time(record), "level": level}
    if record.event_name:
        own["event_name"] = record.event_name
    if body is not None and not isinstance(body, dict):
        own["msg"] = body if isinstance(body, str) else _json(body)
    if record.trace_id:
        own |= {"trace_id": record.trace_id.hex(), "span_id": record.span_id.hex()}
    return _json({**fields, **{key: one for key, one in own.items() if one is not None}})


def _level(record: LogRecord) -> str | None:
    """By its number, else as it is spelled."""
    number = record.severity_number
    if 1 <= number <= OF_EACH * len(LEVELS):
        return LEVELS[(number - 1) // OF_EACH]
    return record.severity_text or None


def _time(record: LogRecord) -> str | None:
    nanoseconds = record.time_unix_nano or record.observed_time_unix_nano
    if not nanoseconds:
        return None
    seconds, rest = divmod(nanoseconds, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"


def _failure(fields: dict[str, Any]) -> dict[str, Any]:
    """An exception where readers of JSON lines look for it."""
    if not (fields.get(KIND) or fields.get(STACK)):
        return {}
    told = {"type": KIND, "message": MESSAGE, "stack": STACK}
    return {"exception": {key: fields[name] for key, name in told.items() if fields.get(name)}}


def _is_object(text: str) -> bool:
    """Whether a text is one JSON object; it is read only where it looks like one."""
    text = text.strip()
    if not (text.startswith("{") and text.endswith("}")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return "\n" not in text


def _value(value: AnyValue) -> Any:
    """As JSON has it; bytes in base64."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    if kind == "kvlist_value":
        return _mapping(value.kvlist_value)
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    found = getattr(value, kind)
    return str(found) if isinstance(found, float) and not math.isfinite(found) else found


def _mapping(pairs: KeyValueList) -> dict[str, Any]:
    return {one.key: _value(one.value) for one in pairs.values}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
