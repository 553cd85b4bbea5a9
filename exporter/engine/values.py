"""What a field's value means as a number and as a label's text; one reading for every format."""

from __future__ import annotations

import math
from typing import Any

_WHOLE = 1e15  # below it a float holds every whole number exactly
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

    1 and 1.0 are one spelling, since formats differ in how they print a whole number.
    """
    if value.__class__ is str:
        return str(value)
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return str(value) if abs(value) < 10**300 else None
    if isinstance(value, float):
        if value.is_integer() and abs(value) < _WHOLE:
            return str(int(value))
        return repr(value) if math.isfinite(value) else None
    return None
