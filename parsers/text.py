"""Text: the last resort, for lines of no known format."""

from __future__ import annotations

from parsers import Record

UNKNOWN = "no known format"


def parse(line: str) -> Record:
    """Keep the line as the message."""
    return Record(format="text", message=line, reason=UNKNOWN)
