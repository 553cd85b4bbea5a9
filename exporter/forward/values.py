"""Python's values as OpenTelemetry's AnyValue, and which words of a text format are numbers."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

# Each level of ours is up to three of protobuf's, whose readers give up below a hundred.
_DEEPEST = 16
_INT64 = 1 << 63
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
# The last word of a name that tells a quantity. Names of things (`version=1.10`, `commit=1234567`,
# `user_id=007`) look like numbers now and then, and a field whose type changes breaks an index.
_TIMES = frozenset(
    (
        "duration", "elapsed", "latency", "took", "wait", "uptime", "age", "ratio", "rate",
        "percent", "seconds", "secs", "sec", "s", "ms", "us", "ns", "millis", "micros", "nanos",
        "milliseconds", "microseconds", "nanoseconds", "minutes", "hours",
    )
)  # fmt: skip
_COUNTS = frozenset(
    (
        "count", "total", "size", "bytes", "length", "status", "attempt", "attempts", "retries",
        "lines", "rows", "port", "pid", "limit", "offset", "remaining", "depth", "workers",
        "errors", "failures",
    )
)  # fmt: skip


def any_value(value: Any, depth: int = 0) -> AnyValue:
    """A JSON value in its own type; None is the empty value.

    What int64 cannot hold, and what lies too deep, is its text.
    """
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        fits = -_INT64 <= value < _INT64
        return AnyValue(int_value=value) if fits else AnyValue(string_value=_digits(value))
    if isinstance(value, float):
        fits = math.isfinite(value)
        return AnyValue(double_value=value) if fits else AnyValue(string_value=str(value))
    if value is None:
        return AnyValue()
    if depth >= _DEEPEST:
        return AnyValue(string_value=_as_json(value))
    if isinstance(value, Mapping):
        pairs = [KeyValue(key=key, value=any_value(one, depth + 1)) for key, one in value.items()]
        return AnyValue(kvlist_value=KeyValueList(values=pairs))
    return AnyValue(array_value=ArrayValue(values=[any_value(one, depth + 1) for one in value]))


def pairs(fields: Mapping[str, Any]) -> list[KeyValue]:
    """Attributes; those without a name or without a value are left out."""
    return [
        KeyValue(
            key=key,
            value=AnyValue(string_value=value) if value.__class__ is str else any_value(value),
        )
        for key, value in fields.items()
        if key and value is not None
    ]


def quantity(name: str, spelled: str) -> str | int | float:
    """A word of a text format as a number, if its name tells a quantity and it surely is one.

    What tells a time or a share is always a double; a count is an int where it is whole.
    """
    tells = _tells(name)
    if tells is _COUNTS and _WHOLE.fullmatch(spelled):
        return int(spelled)
    if tells is not None and _DECIMAL.fullmatch(spelled):
        return float(spelled)
    return spelled


@lru_cache(maxsize=4096)
def _tells(name: str) -> frozenset[str] | None:
    """Whether a name tells a time or a share, or a count, by its last word."""
    words = _WORDS.findall(name)
    last = words[-1].lower() if words else ""
    return next((kind for kind in (_TIMES, _COUNTS) if last in kind), None)


def typed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a text format, those that tell quantities as numbers."""
    return {
        name: quantity(name, value) if isinstance(value, str) else value
        for name, value in fields.items()
    }


def _digits(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # more of them than Python is willing to print
        return hex(value)


def _as_json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (RecursionError, ValueError):
        return "..."
