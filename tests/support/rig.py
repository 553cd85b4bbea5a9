"""Forwarding without a network: each line a record, and a receiver that does as it is told."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from exporter.clock import Clock, WallClock
from exporter.forward.choosing import Chooser
from exporter.forward.delivery import Delivery
from exporter.forward.forwarder import Forwarder
from exporter.forward.intake import Intake
from exporter.forward.pace import Pace
from exporter.forward.settings import Batch, Selection
from exporter.forward.shapes import Made, Origin, Outcome
from exporter.forward.telling import Telling
from exporter.forward.track import Track
from exporter.registry import Registry
from exporter.sources import LogSource

TAKEN = Outcome("accepted")
Answer = Callable[[Sequence[Made]], Outcome]


@dataclass
class Lines:
    """An assembler for which a line that begins with a space belongs to the record before."""

    origin: Origin
    _open: list[bytes] = field(default_factory=list)
    _begun: int = 0
    _at: int = 0

    def take(self, raw: bytes, end: int, now: float) -> list[Made]:
        del now
        if raw == b"poison":
            raise RuntimeError("nobody foresaw this")
        made = [] if raw.startswith(b" ") else self._close()
        if not self._open:
            self._begun = end - len(raw) - 1
        self._open.append(raw)
        self._at = end
        return made

    def flush(self, now: float | None) -> list[Made]:
        del now
        return self._close()

    def handed(self, end: int) -> int:
        return self._begun if self._open else end

    def _close(self) -> list[Made]:
        if not self._open:
            return []
        body, self._open = b"\n".join(self._open), []
        level = next((one for one in ("debug", "error") if one.encode() in body), None)
        return [Made(self.origin, body, self._at, level)]


@dataclass
class Receiver:
    """Keeps what it takes. `answers` are given in turn, then all is taken; `delay` holds each."""

    answers: list[Outcome | Answer] = field(default_factory=list)
    delay: float = 0.0
    dead: bool = False
    taken: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    requests: int = 0
    closed: bool = False
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, batch: Sequence[Made]) -> Outcome:
        self.requests += 1
        await asyncio.sleep(self.delay)
        if self.dead:
            return Outcome("failed", "refused", "nobody listens")
        answer = self.answers.pop(0) if self.answers else TAKEN
        outcome = answer if isinstance(answer, Outcome) else answer(batch)
        if outcome.verdict == "accepted":
            self.taken += [one.body.decode(errors="replace") for one in batch]
            self.seen.update(self.taken[-len(batch) :])
            self.came.set()
        return outcome

    async def close(self) -> None:
        self.closed = True

    async def until(self, count: int) -> None:
        """Wait for so many different records."""
        while len(self.seen) < count:
            self.came.clear()
            await self.came.wait()

    @property
    def doubles(self) -> int:
        """How many records came more than once."""
        return sum(count - 1 for count in Counter(self.taken).values())


@dataclass
class Rig:
    """A source on its way to a receiver; `stop` saves, as text, what a kill at that time leaves."""

    source: LogSource
    receiver: Receiver
    clock: Clock = field(default_factory=WallClock)
    batch: Batch = field(default_factory=lambda: Batch(10, 1 << 20, 0.02))
    selection: Selection = field(default_factory=Selection)
    window: int = 1 << 16
    concurrency: int = 2
    registry: Registry = field(default_factory=lambda: Registry((("app", "shop"),)))
    state: str = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Forwarder]:
        """Everything at work; what is saved at the end is what was acknowledged then."""
        forwarder = self.forwarder()
        if self.state:
            forwarder.intake.load(json.loads(self.state))
            forwarder.intake.inherit([self.source])
        intake = forwarder.intake
        work = [
            self.source.run(intake, self.clock),
            forwarder.make(),
            forwarder.flush(),
            *(forwarder.delivery.run() for _ in range(self.concurrency)),
        ]
        tasks = [asyncio.create_task(one) for one in work]
        try:
            yield forwarder
            assert not any(one.done() for one in tasks[1:])
        finally:
            self.state = json.dumps(intake.dump())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def forwarder(self) -> Forwarder:
        telling = Telling(self.registry, self.clock, "central")
        telling.declare([self.source.name], 300.0)
        intake = Intake("shop", self.clock, self.window, telling.lost)
        pace = Pace(asyncio.get_running_loop().time, lambda _: asyncio.sleep(0.01))
        delivery = Delivery(
            "shop to central",
            self.receiver,
            pace,
            self.batch,
            telling,
            intake.acknowledged,
            lambda made: made.body.decode(errors="replace"),
        )
        return Forwarder(intake, delivery, Chooser(self.selection), self.clock, self._assembler)

    def _assembler(self, track: Track) -> Lines:
        cursor = track.cursor
        return Lines(Origin("shop", cursor.service, cursor.stream, track.source))

    def told(self, name: str, *labels: str) -> float | None:
        """A number of `sidewatch_forward_*`."""
        return self.registry.value(f"sidewatch_forward_{name}", ("central", *labels))


def rows(state: str) -> list[dict[str, Any]]:
    """What was saved."""
    found: list[dict[str, Any]] = json.loads(state)
    return found
