"""How many probes are under way at once; those that fail leave room for those that do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Room for some; one place is never taken by those that failed the last time.

    Whatever becomes of the targets, a probe that was well waits for its kind alone.
    """

    def __init__(self, places: int) -> None:
        self._places = asyncio.Semaphore(places)
        self._failing = asyncio.Semaphore(places - 1)

    @asynccontextmanager
    async def place(self, *, failing: bool) -> AsyncIterator[None]:
        """Have a place, for as long as the block lasts."""
        if not failing:
            async with self._places:
                yield
            return
        async with self._failing, self._places:
            yield
