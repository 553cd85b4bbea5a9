"""Declared quiet windows: until when an operator works on an application, in a file of the state.

The command writes it and whoever watches reads it, so that neither has to know where the other is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exporter import notes

FILE = "maintenance.json"
LONGEST_SECONDS = 24 * 3600.0


def read(folder: Path, now: float) -> dict[str, float]:
    """Until when each application is worked on, in seconds since 1970. Raises StateError.

    One that would be open for longer than any may be was declared by a clock that was wrong.
    """
    longest = now + LONGEST_SECONDS
    return {app: until for app, until in _all(folder).items() if now < until <= longest}


def _all(folder: Path) -> dict[str, float]:
    return notes.read(folder / FILE, "list of windows", _windows) or {}


def _windows(found: Any) -> dict[str, float]:
    return {str(app): _moment(until) for app, until in found.items()}


def _moment(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(value)
    return float(value)


def write(folder: Path, windows: Mapping[str, float]) -> None:
    """Replace what is declared, at once. Raises StateError."""
    notes.write(folder / FILE, dict(windows))
