"""gunicorn's format: `[2026-02-11 07:00:02 +0000] [9] [INFO] message`, access lines within.

benoitc/gunicorn: gunicorn/glogging.py, error_fmt and access_log_format.
"""

from __future__ import annotations

import re
from typing import Any

from parsers import Record
from parsers.access import combined
from parsers.levels import level

_HEAD = re.compile(
    r"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4})\] \[(\d{1,10})\] \[([A-Z]{3,11})\](?: |\Z)",
    re.ASCII,
)


def parse(line: str) -> Record | None:
    """Read a line of the arbiter or a worker; the message of an access line is "access"."""
    found = _HEAD.match(line)
    known = level(found[3]) if found else None
    if not found or not known:
        return None
    message = line[found.end() :]
    fields: dict[str, Any] = {"pid": found[2]}
    if access := combined(message):
        message = "access"
        fields |= access[1]
    return Record(format="gunicorn", message=message, level=known, time=found[1], fields=fields)
