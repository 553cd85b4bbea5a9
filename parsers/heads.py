"""Heads: the level and the time that a line may open with, in either order."""

from __future__ import annotations

import re
from typing import NamedTuple

from parsers.levels import level

TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"

_BRACKETED = re.compile(r"\[([A-Za-z]{3,13})\](?: ++|\Z)")
_BARE = re.compile(r"([A-Z]{3,13})(?: ++|\Z)")
_TIME = re.compile(rf"({TIME})(?: ++|\Z)", re.ASCII)


class Head(NamedTuple):
    """A line's head: `end` is where the rest begins, 0 when the line has no head."""

    level: str | None
    bracketed: bool
    time: str | None
    end: int


def read_head(line: str) -> Head:
    """Take the level (`[INFO]`, or a bare upper-case `INFO`) and the ISO time off the front."""
    name, bracketed, end = _level_at(line, 0)
    time, end = _time_at(line, end)
    if time and not name:
        name, bracketed, end = _level_at(line, end)
    return Head(name, bracketed, time, end)


def _level_at(line: str, at: int) -> tuple[str | None, bool, int]:
    bracketed = line.startswith("[", at)
    found = (_BRACKETED if bracketed else _BARE).match(line, at)
    name = level(found[1]) if found else None
    return (name, bracketed, found.end()) if found and name else (None, False, at)


def _time_at(line: str, at: int) -> tuple[str | None, int]:
    found = _TIME.match(line, at)
    return (found[1], found.end()) if found else (None, at)
