"""Time as an argument: a clock is asked, never assumed, so that replay and tests can set it."""

from __future__ import annotations

import time
from typing import Protocol

from msgspec import Struct


class Clock(Protocol):
    """Tells the time in seconds since 1970 (UTC)."""

    def now(self) -> float:
        """Seconds since 1970, UTC."""


class WallClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        return time.time()


class SetClock(Struct):
    """A clock that stands still until it is moved: for replay (the records' own time) and tests."""

    at: float = 0.0

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        return self.at

    def advance(self, seconds: float) -> None:
        """Move forward."""
        self.at += seconds

    def reach(self, at: float) -> None:
        """Move forward to `at`; a clock never goes back."""
        self.at = max(self.at, at)
