"""A test alert that somebody asks for: its code and when it began, in a file of the state.

The command writes it, whoever watches shows it as a metric, and a shipped rule fires on that. So
each hop of a real alert is walked, from the scrape on. What nobody takes back ends by itself.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from exporter import notes
from exporter.errors import StateError

FILE = "test-alert.json"
LONGEST_SECONDS = 600.0


class Trial(Struct, frozen=True):
    """Its code, and when it began in seconds since 1970."""

    test: str
    began: float

    def runs(self, now: float) -> bool:
        """Whether it is still to be shown."""
        return abs(now - self.began) < LONGEST_SECONDS


def read(folder: Path) -> Trial | None:
    """The test that is asked for, if any. Raises StateError."""
    trial = notes.read(folder / FILE, "test alert", _trial)
    return trial if trial is not None and math.isfinite(trial.began) else None


def _trial(found: Any) -> Trial:
    return Trial(str(found["test"]), float(found["began"]))


def write(folder: Path, trial: Trial) -> None:
    """Ask for it, at once. Raises StateError."""
    notes.write(folder / FILE, asdict(trial))


def clear(folder: Path) -> None:
    """Take it back. Raises StateError."""
    path = folder / FILE
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StateError(f"{path}: cannot be removed: {error.strerror or error}") from error
