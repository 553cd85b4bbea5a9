"""Formats and envelopes: the text of one line in, a record out. Knows nothing of exporter/.

A format is one module with `parse(line: str) -> Record | None`; None means "not a line of mine".
`parsers.reading.read` asks the formats in order, so a stream may change its format at every line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

LEVELS = ("trace", "debug", "info", "warning", "error", "critical")


@dataclass(slots=True)
class Record:
    """What one line says.

    `format` is the parser's module name; `level` one of LEVELS or None; `time` the raw spelling
    (text, or a number: seconds, milli-, micro- or nanoseconds by size), see `parsers.times`.
    `fields` maps names to values as the line spelled them: text for key-value formats, JSON values
    for JSON with nested objects under dotted names.
    `exception` is the type of an exception that the line itself carries, `exception_text` its last
    line ("ValueError: bad value"). `reason` says why a line is not fully understood.
    `message_follows`: a head whose message stands on the next line (.NET's two-line console).
    """

    format: str
    message: str = ""
    level: str | None = None
    time: str | float | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    exception: str | None = None
    exception_text: str | None = None
    reason: str | None = None
    message_follows: bool = False
