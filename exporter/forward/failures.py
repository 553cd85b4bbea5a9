"""exception.type, exception.message and exception.stacktrace, from fields or printed lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parsers.exceptions import exception_line
from parsers.jsonlines import EXCEPTION_KEYS

_STACKS = ("stack", "stacktrace", "stack_trace", "traceback")


def from_lines(kind: str, printed: str) -> tuple[str, dict[str, Any]]:
    """The line that names the exception, and attributes, of a traceback as it was printed."""
    summary = exception_line(printed) or ""
    return summary, {
        "exception.type": kind,
        "exception.message": _behind(kind, summary),
        "exception.stacktrace": printed,
    }


def from_fields(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Attributes of the exception that a line carries in fields; takes those out of `fields`."""
    for key in EXCEPTION_KEYS:
        text = fields.get(key)
        if isinstance(text, str) and text:
            del fields[key]
            return _from_text(kind, text)
        if any(f"{key}.{part}" in fields for part in ("type", "name", "message", "stack")):
            return _from_object(kind, key, fields)
    return {"exception.type": kind}


def _from_text(kind: str, text: str) -> dict[str, Any]:
    summary = exception_line(text) or ""
    found = {"exception.type": kind, "exception.message": _behind(kind, summary) or summary}
    if "\n" in text.strip():
        found["exception.stacktrace"] = text
    elif not summary:
        found["exception.message"] = text
    return found


def _from_object(kind: str, key: str, fields: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"exception.type": kind}
    for name in ("type", "name"):
        if fields.get(f"{key}.{name}") == kind:
            del fields[f"{key}.{name}"]
    message = fields.get(f"{key}.message")
    if isinstance(message, str):
        found["exception.message"] = fields.pop(f"{key}.message")
    stack = next((f"{key}.{name}" for name in _STACKS if _is_text(fields, f"{key}.{name}")), None)
    if stack is not None:
        found["exception.stacktrace"] = fields.pop(stack)
    return found


def _is_text(fields: Mapping[str, Any], key: str) -> bool:
    return isinstance(fields.get(key), str)


def _behind(kind: str, summary: str) -> str | None:
    """What a line says of an exception behind its type; None where it says nothing."""
    _, colon, message = summary.partition(": ")
    named = summary.startswith(kind) or kind in summary.partition(": ")[0]
    return message if named and colon and message else None
