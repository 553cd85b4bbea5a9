"""The push input: what is sent to /v1/logs, to the applications that are meant."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct, field

from exporter.app.house import House
from exporter.config import AppPlan
from exporter.server import Reply, Sent
from exporter.sources.otlp import OFF, Otlp
from exporter.sources.otlp.inbox import Full, Unattended
from exporter.sources.otlp.reading import (
    JSON,
    PROTOBUF,
    Export,
    Unreadable,
    read,
    response,
    status,
)
from exporter.sources.worker import Worker

COUNTING_SECONDS = 10.0
RETRY_SECONDS = 5
MOST_NAMES = 5  # of senders that nobody knows, in one answer
LONGEST_NAME = 60
UNGUARDED = "Whoever may send here has to be asked for a password or a certificate first."
BUSY = "Not counted in time. Send it again."


class Receiver(Struct):
    """Takes exports. `plans` are those in use; `safe` says whether strangers are kept away."""

    plans: Callable[[], Iterable[AppPlan]]
    safe: Callable[[], bool]
    house: House
    _worker: Worker = field(default_factory=lambda: Worker("otlp"))

    def close(self) -> None:
        """End the thread."""
        self._worker.close()

    async def receive(self, sent: Sent) -> Reply:
        """Success only when all has been counted."""
        reply = await self._reply(sent)
        self.house.received(reply.status)
        return reply

    async def _reply(self, sent: Sent) -> Reply:
        senders = self._senders()
        if not senders:
            return _refusal(sent, 404, OFF)
        if not self.safe():
            return _refusal(sent, 403, UNGUARDED)
        try:
            async with asyncio.timeout(COUNTING_SECONDS):
                export = await self._worker.do(
                    lambda: read(sent.content_type, sent.encoding, sent.body)
                )
                await self._deliver(export, senders)
        except Unreadable as error:
            return _refusal(sent, error.status, str(error))
        except Full:
            return _refusal(sent, 429, BUSY)
        except (TimeoutError, Unattended):
            return _refusal(sent, 503, BUSY)
        return self._taken(sent, export, senders)

    def _senders(self) -> Mapping[str, Otlp]:
        """Who is known, by service.name."""
        return {
            sender: placed.source
            for plan in self.plans()
            for placed in plan.logs
            if isinstance(placed.source, Otlp)
            for sender in placed.source.otlp
        }

    async def _deliver(self, export: Export, senders: Mapping[str, Otlp]) -> None:
        """To each source what is its own; where one does not take it, all is to come again."""
        parcels: dict[int, tuple[Otlp, dict[str, bytes]]] = {}
        for sender, data in export.lines.items():
            if data and sender in senders:
                source = senders[sender]
                _, lines = parcels.setdefault(id(source), (source, {}))
                service = source.otlp[sender]
                lines[service] = lines.get(service, b"") + data
        told = await asyncio.gather(
            *(source.inbox.deliver(lines) for source, lines in parcels.values()),
            return_exceptions=True,  # else those of the others would go on unseen
        )
        for one in told:
            if one is not None:
                raise one

    def _taken(self, sent: Sent, export: Export, senders: Mapping[str, Otlp]) -> Reply:
        strange = {name: count for name, count in export.counts.items() if name not in senders}
        rejected = sum(strange.values()) + export.empty
        self.house.received_records(sum(export.counts.values()) + export.empty - rejected, rejected)
        why = []
        if strange:
            names = ", ".join(repr(name[:LONGEST_NAME]) for name in [*strange][:MOST_NAMES])
            why.append(f"no application is configured for the service.name {names}")
        if export.empty:
            why.append(f"{export.empty} records say nothing")
        kind = JSON if sent.content_type == JSON else PROTOBUF
        return Reply(200, response(kind, rejected, "; ".join(why)), kind)


def _refusal(sent: Sent, code: int, text: str) -> Reply:
    kind = JSON if sent.content_type == JSON else PROTOBUF
    return Reply(code, status(kind, text), kind, RETRY_SECONDS if code in (429, 503) else None)
