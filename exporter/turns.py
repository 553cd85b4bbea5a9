"""The event loop's time: all who feed lines share it, and a page or a probe comes in between.

Counting holds the loop. In a round of it two shares are fed at the most: one by the source whose
turn it is, one by all those together that came without waiting.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

SHARE = 0.01  # seconds


class Turns:
    """What the sources of all applications have in common; `now` is in seconds."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self.now = now
        self.whose: Turn | None = None
        self.spent = 0.0
        self._queue = asyncio.Lock()

    def spend(self, seconds: float) -> None:
        """Count what was fed without waiting; where that was a share, until the next round."""
        before, self.spent = self.spent, self.spent + seconds
        if before < SHARE <= self.spent:
            asyncio.get_running_loop().call_soon(self._renew)

    def _renew(self) -> None:
        self.spent = 0.0

    async def wait(self, turn: Turn) -> None:
        """Let others run; of all who wait here, one comes back in a round of the loop."""
        async with self._queue:
            await asyncio.sleep(0)
        self.whose = turn


class Turn:
    """One source's: `with turn:` counts the time of what is done in it, which awaits nothing.

    A source asks before each portion whether it is `due` to wait, or waits by `pause`.
    """

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._spent = 0.0
        self._began = 0.0

    @property
    def due(self) -> bool:
        """Whether it is others' turn."""
        turns = self._turns
        return (self._spent if turns.whose is self else turns.spent) >= SHARE

    async def pause(self) -> None:
        """Let others run, where it is their turn."""
        if self.due:
            await self._turns.wait(self)
            self._spent = 0.0

    def __enter__(self) -> None:
        self._began = self._turns.now()

    def __exit__(self, *_: object) -> None:
        seconds = self._turns.now() - self._began
        if self._turns.whose is self:
            self._spent += seconds
        else:
            self._turns.spend(seconds)
