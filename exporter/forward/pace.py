"""When the next request may be sent: after failures later and later, never sooner than asked."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from msgspec import Struct

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 60.0
MOST_ASKED_SECONDS = 3600.0  # a receiver that asks for more is asked again after this


class Pace(Struct):
    """One for all requests to a destination: what keeps one of them waiting keeps all."""

    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    _until: float = 0.0
    _pause: float = FIRST_SECONDS

    async def wait(self) -> None:
        """Wait until a request may be sent."""
        while (left := self._until - self.now()) > 0:
            await self.sleep(left)

    def well(self) -> None:
        """A request was taken."""
        self._pause = FIRST_SECONDS

    def ill(self, asked: float | None = None) -> None:
        """A request was not taken: pause twice as long as the last time, or as long as `asked`.

        Requests that were under way together count as one. Those who wait elsewhere should not all
        come back at once, so it is a little longer than asked, or somewhat shorter than it might.
        """
        now = self.now()
        if asked is not None:
            pause = min(asked, MOST_ASKED_SECONDS) * random.uniform(1.0, 1.1)  # noqa: S311 - jitter
            self._until = max(self._until, now + pause)
        elif now >= self._until:
            self._until = now + self._pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
            self._pause = min(2 * self._pause, LONGEST_SECONDS)
