"""JSON lines: one object a line, as pino, Python's JSON formatters and .NET's console print it.

Also with something in front of the brace (`web_1 | {...}`), which is kept as the field `prefix`.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from parsers import Record
from parsers.exceptions import LONGEST_LINE, exception_line, exception_type, type_name
from parsers.heads import read_head
from parsers.levels import level

MESSAGE_KEYS = ("msg", "message", "Message", "event")
LEVEL_KEYS = ("level", "severity", "LogLevel", "lvl", "levelname")
TIME_KEYS = ("time", "timestamp", "ts", "@timestamp", "Timestamp")
EXCEPTION_KEYS = ("err", "error", "exception", "exc", "exc_info", "Exception")

MALFORMED = "malformed json"

_LONGEST_PREFIX = 256
# Bounds of the dotted names: without them a deep object, or a wide one under a long name, would
# grow to a multiple of its line. What lies deeper stays an object under its dotted name.
_DEEPEST = 16
_LONGEST_NAME = 128
# Any escape, or a whole surrogate pair, so that what is left over as half a pair is found alone.
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u[dD][89a-fA-F]..|.)", re.DOTALL)
_HALF_PAIR = 6


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _whole(text: str) -> int | str:
    """An integer, or its text where it has more digits than Python is willing to convert."""
    try:
        return int(text)
    except ValueError:
        return text


# Not strict: a raw tab in a string is a formatter's mistake and no reason to lose the line.
_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=lambda _: None, strict=False)
_PATIENT = json.JSONDecoder(
    parse_float=_finite, parse_int=_whole, parse_constant=lambda _: None, strict=False
)


def parse(line: str) -> Record | None:
    """Read an object; None for anything else, also for one that is cut off or too deep."""
    text = line.strip()
    brace = text.find("{", 0, _LONGEST_PREFIX + 1)
    if brace < 0 or not text.endswith("}"):
        return None
    prefix = text[:brace]
    if prefix and not _may_be_prefix(prefix):
        return None
    try:
        found = _decode(text[brace:])
        record = _record(found) if found is not None else None
    except RecursionError:
        return None
    if record is None or not prefix:
        return record
    if not _looks_like_a_record(record, found or {}):
        return None
    record.fields.setdefault("prefix", prefix.strip())
    return record


def document(line: str) -> dict[str, Any] | None:
    """The object of a line that `parse` takes, nested as it stands there."""
    text = line.strip()
    try:
        return _decode(text[text.find("{") :])
    except RecursionError:
        return None


def scalar(text: str) -> Any:
    """What `parse` makes of one value, as it is spelled in a line that `parse` takes."""
    return (_decode(f'{{"":{text}}}') or {}).get("")


def is_malformed(line: str) -> bool:
    """Whether a line that `parse` refused set out to be an object."""
    return line.lstrip().startswith("{")


def _may_be_prefix(prefix: str) -> bool:
    """A name, a time, a tag; but no level head, no pair and no string that the brace belongs to."""
    return not ("=" in prefix or '"' in prefix or "'" in prefix or read_head(prefix).level)


def _looks_like_a_record(record: Record, document: dict[str, Any]) -> bool:
    """Two of level, time and message: `Upstream said: {"message": "no"}` is a text that quotes."""
    has_message = any(key in document for key in MESSAGE_KEYS)
    return has_message + (record.level is not None) + (record.time is not None) >= 2


def _decode(text: str) -> dict[str, Any] | None:
    if "\\ud" in text or "\\uD" in text:
        text = _ESCAPE.sub(_whole_pair, text)
    try:
        document = _DECODER.decode(text)
    except json.JSONDecodeError:
        return None
    except ValueError:  # an integer of thousands of digits
        document = _PATIENT.decode(text)
    return document if isinstance(document, dict) else None


def _whole_pair(found: re.Match[str]) -> str:
    return "\\ufffd" if len(found[0]) == _HALF_PAIR else found[0]


def _record(document: dict[str, Any]) -> Record:
    exception, exception_text = _exception(document)
    return Record(
        format="jsonlines",
        message=_message(document),
        level=next((known for key in LEVEL_KEYS if (known := level(document.get(key)))), None),
        time=next((raw for key in TIME_KEYS if _is_time(raw := document.get(key))), None),
        fields=_dotted(document),
        exception=exception,
        exception_text=exception_text,
    )


def _message(document: dict[str, Any]) -> str:
    raw = next((raw for key in MESSAGE_KEYS if (raw := document.get(key)) is not None), "")
    if isinstance(raw, str):
        return raw
    return json.dumps(raw, ensure_ascii=False, separators=(",", ":"))


def _is_time(raw: object) -> bool:
    return isinstance(raw, str | int | float) and not isinstance(raw, bool)


def _dotted(document: dict[str, Any]) -> dict[str, Any]:
    """All values under dotted names, the shallow ones first: a key `a.b` wins over `b` in `a`."""
    fields: dict[str, Any] = {}
    layer = [("", document)]
    for _ in range(_DEEPEST):
        layer = _take_layer(layer, fields)
        if not layer:
            return fields
    for prefix, nested in layer:
        fields.setdefault(prefix[:-1], nested)
    return fields


def _take_layer(
    layer: list[tuple[str, dict[str, Any]]], fields: dict[str, Any]
) -> list[tuple[str, dict[str, Any]]]:
    """Put the values of these objects into `fields`; the objects one layer deeper."""
    deeper = []
    for prefix, nested in layer:
        for key, value in nested.items():
            name = prefix + key
            if value and type(value) is dict and len(name) <= _LONGEST_NAME:
                deeper.append((f"{name}.", value))
            elif name not in fields:
                fields[name] = value
    return deeper


def _exception(document: dict[str, Any]) -> tuple[str | None, str | None]:
    """The type and the last line of the first key that holds an exception."""
    for key in EXCEPTION_KEYS:
        raw = document.get(key)
        found: tuple[str | None, str | None] = (None, None)
        if isinstance(raw, dict):
            found = _of_object(raw)
        elif isinstance(raw, str) and raw:
            found = (exception_type(raw), exception_line(raw))
        if found[0]:
            return found
    return None, None


def _of_object(error: dict[str, Any]) -> tuple[str | None, str | None]:
    """An error object, as pino prints it: its type, and `type: first line of the message`."""
    for name in (error.get("type"), error.get("name")):
        if isinstance(name, str) and (kind := type_name(name)):
            message = error.get("message")
            first = message.partition("\n")[0] if isinstance(message, str) else ""
            return kind, f"{kind}: {first}"[:LONGEST_LINE] if first else kind
    stack = error.get("stack")
    return (
        (exception_type(stack), exception_line(stack)) if isinstance(stack, str) else (None, None)
    )
