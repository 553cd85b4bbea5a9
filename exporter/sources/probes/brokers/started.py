"""When a broker was started, by the seconds that it has been up: through steps of our clock.

What it lost in a restart is told by a start that has changed. A clock that is set right after a
boot, or stood still while the machine slept, changes no start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from exporter.sources.probes.readings import Point

SLACK_SECONDS = 10.0  # an answer may take as long as its deadline


class Started(Struct):
    """What was known at the last look; `looked` is of a clock that never goes back."""

    at: float | None = None
    up: float = 0.0
    looked: float = 0.0

    def turn(self, at: float, now: float, looked: float) -> float:
        """When it was started, which by our clock was at `at`: in seconds since 1970."""
        up = now - at
        runs_on = up >= self.up + looked - self.looked - SLACK_SECONDS
        if self.at is None or not runs_on or abs(at - self.at) <= SLACK_SECONDS:
            self.at = at
        self.up, self.looked = up, looked
        return self.at


def steady(started: Started, points: Iterable[Point], now: float) -> Iterator[Point]:
    """These starts, as far as they are none of our clock's making."""
    looked = asyncio.get_running_loop().time()
    for point in points:
        yield replace(point, value=started.turn(point.value, now, looked))
