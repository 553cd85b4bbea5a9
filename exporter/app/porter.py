"""Opens the push input to the first that sends: until then, nobody carries what reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct, field

from exporter.server import Reply, Sent
from exporter.sources.otlp import OFF
from exporter.sources.worker import Worker

if TYPE_CHECKING:
    from exporter.app.receiving import Receiver


class Porter(Struct):
    """Takes what is sent. `open` makes the receiver, and may load what it needs.

    `wanted` says whether anybody is to be received by now; `told` hears of each refusal's status.
    """

    wanted: Callable[[], bool]
    open: Callable[[], Receiver]
    told: Callable[[int], None]
    _receiver: Receiver | None = None
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def receive(self, sent: Sent) -> Reply:
        """Hand it to the receiver."""
        if not self.wanted():
            self.told(404)
            return Reply(404, OFF.encode())
        async with self._opening:
            receiver = self._receiver = self._receiver or await self._open()
        return await receiver.receive(sent)

    def close(self) -> None:
        """End the receiver, if there is one."""
        if self._receiver is not None:
            self._receiver.close()

    async def _open(self) -> Receiver:
        worker = Worker("opening")  # beside the loop, for the libraries take their time
        try:
            return await worker.do(self.open)
        finally:
            worker.close()
