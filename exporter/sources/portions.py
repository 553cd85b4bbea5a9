"""How much is fed at once: portions of a stream that take about as long, with turns for others.

A line costs some tenth of a microsecond or some hundred of them, and counting holds the event loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from exporter.model import Cursor, Sink

SHARE = 0.01  # seconds that may pass before others have their turn
FIRST = 1 << 13  # bytes of a stream of which nothing is known: 0.02 s where lines are dear
LEAST, MOST = 1 << 10, 1 << 20  # bytes
FASTER = 4  # times as much, after a portion that took a fraction of its share


@dataclass(slots=True)
class Turn:
    """How long a source has fed since others had their turn, in seconds."""

    spent: float = 0.0

    @property
    def due(self) -> bool:
        """Whether it is others' turn."""
        return self.spent >= SHARE

    async def pause(self, sink: Sink) -> None:
        """Let others run, where it is time."""
        if self.due:
            await sink.turn()
            self.spent = 0.0


@dataclass(slots=True)
class Portions:
    """The pace of one stream: how many bytes a portion of it has, by how long the last ones took.

    A line is never cut, so a portion may have more.
    """

    size: int = FIRST

    def feed(
        self,
        sink: Sink,
        cursor: Cursor,
        data: bytes,
        start: int,
        turn: Turn,
        now: Callable[[], float] = time.perf_counter,
    ) -> int:
        """Feed the portion of `data` that begins at `start`; where it ends.

        Its whole lines are counted, half a line at the very end of `data` is left.
        """
        end = self._end(data, start)
        began = now()
        sink.feed(cursor, data[start:end])
        seconds = now() - began
        turn.spent += seconds
        self._learn(end - start, seconds)
        return end

    def _end(self, data: bytes, start: int) -> int:
        """Behind a newline, or where all of it ends."""
        if len(data) - start <= self.size:
            return len(data)
        within = data.rfind(b"\n", start, start + self.size) + 1
        return within or data.find(b"\n", start + self.size) + 1 or len(data)

    def _learn(self, size: int, seconds: float) -> None:
        if seconds > SHARE:
            self.size = max(LEAST, int(size * SHARE / seconds))
        elif seconds < SHARE / FASTER and size >= self.size // 2:
            self.size = min(MOST, self.size * FASTER)
