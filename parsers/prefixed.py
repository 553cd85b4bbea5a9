"""A level in front of a colon: `error: text`, as sshd, Bun and many command lines print it."""

from __future__ import annotations

import re

from parsers import Record
from parsers.levels import level

_HEAD = re.compile(r"([A-Z]{3,11}|[A-Za-z][a-z]{2,10}): ++")


def parse(line: str) -> Record | None:
    """Read a line whose first word is a level, in upper, lower or title case."""
    found = _HEAD.match(line)
    known = level(found[1]) if found else None
    if not found or not known:
        return None
    return Record(format="prefixed", message=line[found.end() :], level=known)
