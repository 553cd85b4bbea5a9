"""How much is fed at once: portions of a stream that take about as long.

A line costs some tenth of a microsecond or some hundred of them, and counting holds the event loop.
"""

from __future__ import annotations

from msgspec import Struct

from exporter.model import Cursor, Sink
from exporter.turns import SHARE

FIRST = 1 << 13  # bytes of a stream of which nothing is known: 0.02 s where lines are dear
LEAST, MOST = 1 << 10, 1 << 20  # bytes
FASTER = 4  # times as much, after a portion that took a fraction of its share


class Portions(Struct):
    """The pace of one stream: how many bytes a portion of it has, by how long the last ones took.

    A line is never cut, so a portion may have more.
    """

    size: int = FIRST

    def feed(self, sink: Sink, cursor: Cursor, data: bytes, start: int) -> int:
        """Feed the portion of `data` that begins at `start`; where it ends.

        Its whole lines are counted, half a line at the very end of `data` is left.
        """
        end, now = self._end(data, start), sink.turns.now
        began = now()
        sink.feed(cursor, data[start:end])
        seconds = now() - began
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
