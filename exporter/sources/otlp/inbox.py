"""Where what was sent waits to be counted: bounded, and taken back by whoever does not wait on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from msgspec import Struct, field

MOST_BYTES = 32 << 20


class Full(Exception):  # noqa: N818 - no error: the sender is to come again
    """More waits than may."""


class Unattended(Exception):  # noqa: N818 - as above
    """Nobody counts just now."""


class Parcel(Struct, eq=False):
    """Lines by service, each with its newline. `counted` is settled when they are."""

    lines: Mapping[str, bytes]
    counted: asyncio.Future[None]

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(map(len, self.lines.values()))

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Settle it: done, or cancelled where what happens in here does not come to its end."""
        try:
            yield
            if not self.counted.done():
                self.counted.set_result(None)
        finally:
            self.counted.cancel()


class Inbox(Struct):
    """A bounded queue of parcels."""

    _waiting: deque[Parcel] = field(default_factory=deque)
    _size: int = 0
    _attended: bool = False
    _filled: asyncio.Event = field(default_factory=asyncio.Event)

    async def deliver(self, lines: Mapping[str, bytes]) -> None:
        """Wait until these lines are counted. Raises Full, and Unattended where they will not be.

        Who stops waiting takes back what nobody has begun to count.
        """
        if not self._attended:
            raise Unattended
        parcel = Parcel(lines, asyncio.get_running_loop().create_future())
        if self._waiting and self._size + parcel.size > MOST_BYTES:
            raise Full
        self._waiting.append(parcel)
        self._size += parcel.size
        self._filled.set()
        try:
            await asyncio.wait([parcel.counted])
            if parcel.counted.cancelled():
                raise Unattended
        finally:
            if parcel in self._waiting:
                self._waiting.remove(parcel)
                self._size -= parcel.size

    @contextmanager
    def attended(self) -> Iterator[None]:
        """While somebody counts; who waits afterwards is told at once."""
        self._attended = True
        try:
            yield
        finally:
            self._attended = False
            for parcel in self._waiting:
                parcel.counted.cancel()

    async def next(self, seconds: float) -> Parcel | None:
        """The oldest parcel, or None when for a while none came."""
        try:
            async with asyncio.timeout(seconds):
                while not self._waiting:
                    self._filled.clear()
                    await self._filled.wait()
        except TimeoutError:
            return None
        parcel = self._waiting.popleft()
        self._size -= parcel.size
        return parcel
