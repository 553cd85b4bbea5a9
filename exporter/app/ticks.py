"""Moments that all who look now and then have in common, so that one wake-up does for them all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class Ticks:
    """Counts from when it is made, so that many processes do not all wake at once.

    `now` is in seconds, as the event loop's.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began = now()

    def rest(self, interval: float) -> float:
        """Seconds to a whole number of intervals; half of one at least, should a look be long."""
        left = interval - (self._now() - self._began) % interval
        return left if left >= interval / 2 else left + interval

    async def wait(self, interval: float) -> None:
        """Sleep until then."""
        await asyncio.sleep(self.rest(interval))
