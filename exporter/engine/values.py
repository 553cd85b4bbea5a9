"""What a field's value means as a number and as a label's text; one reading for every format."""

from __future__ import annotations

import math
from typing import Any

_LONGEST = 10**300  # more digits than that are no label
_NUMERIC = frozenset("0123456789+-.eE")


def number(value: Any) -> float | None:
    """The finite number that a value is or spells, else None. True is no number."""
    if value.__class__ is float or value.__class__ is int:
        try:
            found = float(value)
        except OverflowError:
            return None
    elif isinstance(value, str) and value and _NUMERIC.issuperset(value):
        try:
            found = float(value)
        except ValueError:
            return None
    else:
        return None
    return found if math.isfinite(found) else None


def text(value: Any) -> str | None:
    """A value as a label shows it; None for what a label cannot show (null, lists, objects).

    Equal numbers are one spelling, since formats differ in how they print a whole one.
    """
    if value.__class__ is str:
        return str(value)
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, float):
        if not value.is_integer():
            return repr(value) if math.isfinite(value) else None
        value = int(value)
    if isinstance(value, int):
        return str(value) if abs(value) < _LONGEST else None
    return None
