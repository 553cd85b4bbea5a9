"""The last hour of each probe's latency, a value a minute, in bounded memory."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from exporter.page.view import Plot

MINUTES = 60
MOST = 500
Key = tuple[str, str, str]


class History(Struct):
    """The slowest answer of each minute, by application, probe and kind."""

    _rings: dict[Key, deque[tuple[int, float | None]]] = field(default_factory=dict)

    def note(self, key: Key, seconds: float | None, now: float) -> None:
        """Take down what a probe took, or that it failed."""
        if key not in self._rings and len(self._rings) >= MOST:
            return
        ring = self._rings.setdefault(key, deque(maxlen=MINUTES))
        minute = int(now // 60)
        if ring and ring[-1][0] == minute:
            before = ring.pop()[1]
            known = [one for one in (before, seconds) if one is not None]
            seconds = max(known, default=None)
        ring.append((minute, seconds))

    def keep(self, keys: set[Key]) -> None:
        """Forget the probes that are no more."""
        for key in self._rings.keys() - keys:
            del self._rings[key]

    def hour(self, key: Key, now: float) -> Plot:
        """A value for each of the last sixty minutes."""
        known = dict(self._rings.get(key, ()))
        last = int(now // 60)
        return tuple(known.get(minute) for minute in range(last - MINUTES + 1, last + 1))
