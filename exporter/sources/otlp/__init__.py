"""Logs that applications push by OTLP over HTTP: each record becomes a line, and is counted.

Nothing is kept: a sender hears of success when its lines have been counted, and sends again what
it did not hear of. So a record counts at least once, and is outside of the promise of exactly once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.clock import Clock
from exporter.model import Cursor, Sink
from exporter.sources.otlp.inbox import Inbox, Parcel
from exporter.sources.portions import Portions
from exporter.turns import Turn

OFF = "Nothing is received here: no application has a source otlp."
QUIET = 5.0  # seconds after which a source that is sent nothing counts as looked at


@dataclass(frozen=True, slots=True)
class Otlp:
    """`otlp: {shop-api: web}`: the sender's `service.name`, and the label `service`."""

    otlp: Mapping[str, str]
    inbox: Inbox = field(default_factory=Inbox, compare=False, repr=False, metadata={"inner": True})

    def __post_init__(self) -> None:
        if not self.otlp:
            raise ValueError(
                "names no sender; give its service.name and a service: {shop-api: web}"
            )
        if not all(self.otlp.values()):
            raise ValueError("a service has no name; give one: {shop-api: web}")

    @property
    def name(self) -> str:
        """The label `source`."""
        return "otlp"

    @property
    def finite(self) -> bool:
        """Somebody may always send more."""
        return False

    @property
    def interval(self) -> None:
        """It tells by itself."""
        return None

    async def run(self, sink: Sink, clock: Clock) -> None:
        """Feed the sink with what is sent, until cancelled."""
        cursors = {one: Cursor(f"otlp:{one}", one, "otlp") for one in self.otlp.values()}
        for cursor in cursors.values():
            sink.open(self.name, cursor)
            sink.lag(cursor, 0, None)
        with self.inbox.attended():
            while True:
                sink.looked(self.name)
                parcel = await self.inbox.next(QUIET)
                if parcel is not None:
                    await _count(parcel, cursors, sink, clock)


async def _count(parcel: Parcel, cursors: Mapping[str, Cursor], sink: Sink, clock: Clock) -> None:
    """Feed all of it, and tell the sender; a part may have been counted where that fails."""
    with parcel.opened():
        for service, data in parcel.lines.items():
            cursor, at, portions, turn = cursors[service], 0, Portions(), Turn(sink.turns)
            while at < len(data):
                await turn.pause()
                with turn:
                    at = portions.feed(sink, cursor, data, at)
            await asyncio.sleep(0)  # who pushes parcel after parcel is not alone
            sink.lag(cursor, 0, clock.now())
