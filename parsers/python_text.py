"""Python's logging as text: a time, a level and a logger's name, in the usual orders.

`2026-11-20 23:58:45,970 INFO celery.apps.worker [-] message` (the brackets hold a request's id and
may be missing), and `2026-11-20 23:58:45,970 - app.jobs - INFO - message`.
"""

from __future__ import annotations

import re
from typing import Any

from parsers import Record
from parsers.heads import TIME
from parsers.levels import level

_BRACKETS = re.compile(
    rf"({TIME}) ([A-Z]{{3,11}}) {{1,8}}+([A-Za-z_][\w.-]{{0,200}}+) \[([^\]\s]{{0,200}})\](?: |\Z)",
    re.ASCII,
)
_DASHES = re.compile(
    rf"({TIME}) - ([^\s]{{1,200}}+) {{1,40}}+- ([A-Z]{{3,11}}) {{1,8}}+- ?", re.ASCII
)
_BARE = re.compile(
    rf"({TIME}) ([A-Z]{{3,11}}) {{1,8}}+([A-Za-z_]\w{{0,100}}+(?:\.\w{{1,100}}+){{1,20}}+):? ",
    re.ASCII,
)
_PAIR = re.compile(r" [A-Za-z_][A-Za-z0-9_.-]*+=")


def parse(line: str) -> Record | None:
    """Read a line; `logger` and, where it is printed, `request_id` are its fields."""
    if found := _BRACKETS.match(line):
        time, spelled, logger, request = found.groups()
        return _record(
            line[found.end() :], time, spelled, {"logger": logger, "request_id": request}
        )
    if found := _DASHES.match(line):
        time, logger, spelled = found.groups()
        return _record(line[found.end() :], time, spelled, {"logger": logger})
    found = _BARE.match(line)
    # With nothing but a dot to tell a name from a first word, pairs say it is key-value.
    if found and not _PAIR.search(line, found.end() - 1):
        time, spelled, logger = found.groups()
        return _record(line[found.end() :], time, spelled, {"logger": logger})
    return None


def _record(message: str, time: str, spelled: str, fields: dict[str, Any]) -> Record | None:
    known = level(spelled)
    if not known:
        return None
    return Record(format="python_text", message=message, level=known, time=time, fields=fields)
