"""A stream that is being read, and how far its reader is behind."""

from __future__ import annotations

import math
from dataclasses import dataclass

from exporter.engine.counting import Stream
from exporter.model import Cursor


@dataclass(slots=True)
class Reading:
    """A stream being read: its cursor, what the engine keeps of it, and how far it lags.

    No byte that is unread came before `level_at`; `behind_since` is when it fell more than a minute
    behind (NaN: it is not). `waiting` bytes are unread, None until the source tells; `passed`, that
    it has been at its end since it was opened. `newest` is when its newest byte was appended.
    """

    source: str
    cursor: Cursor
    stream: Stream
    level_at: float
    waiting: int | None = None
    passed: bool = False
    newest: float = math.nan
    behind_since: float = math.nan
    _seen_at: float = math.nan
    _seen_to: int = 0

    def lag(self, now: float) -> float:
        """How many seconds the oldest unread byte has waited, at most."""
        return max(0.0, now - self.level_at) if self.waiting else 0.0

    def told(self, now: float, waiting: int, newest: float | None) -> None:
        """Take what a look found: so many bytes unread, the newest one appended then.

        Who reads as fast as is written may never be at the end, and is not behind for that: once
        all is read that was there at an earlier look, what is unread came after that look.
        """
        if newest is not None:
            self.newest = newest
        end = self.cursor.offset + waiting
        if not waiting or self.waiting == 0:  # what waits now came after the last look
            self.level_at = now
            self._seen_at, self._seen_to = now, end
        elif self.cursor.offset >= self._seen_to or end < self._seen_to:
            if end >= self._seen_to and not math.isnan(self._seen_at):
                seen = self._seen_at if math.isnan(self.newest) else min(self._seen_at, self.newest)
                self.level_at = max(self.level_at, seen)
            self._seen_at, self._seen_to = now, end
        self.waiting = waiting
        self.passed = self.passed or not waiting
