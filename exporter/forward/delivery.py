"""Batches to one destination: sent until they are answered, and acknowledged in order."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct, field

from exporter.forward.pace import Pace
from exporter.forward.settings import Batch as Limits
from exporter.forward.shapes import Made, Outcome, Sender
from exporter.forward.telling import Telling
from exporter.forward.track import Share, Track

TOO_LARGE = "too_large"
MOST_RECORDS = 1 << 14  # that are added and not delivered
# How often a batch that is refused as a whole is cut in two: enough to find one bad record among
# the most that a batch can hold, twice.
MOST_CUTS = 32
SAY_SECONDS = 60.0  # between two lines of our own log about the same thing
LONGEST_SAMPLE = 300

log = logging.getLogger(__name__)


class Batch(Struct):
    """Records of one request, and what they are of each stream."""

    records: list[Made] = field(default_factory=list)
    size: int = 0
    shares: dict[Track, Share] = field(default_factory=dict)


class Delivery(Struct):
    """The way of records to a receiver: `settled` is told of the streams that got further.

    `sample` makes one record readable, for the log, of what was refused.
    """

    name: str
    sender: Sender
    pace: Pace
    limits: Limits
    telling: Telling
    settled: Callable[[int, Iterable[Track]], None]
    sample: Callable[[Made], str]
    _outstanding: int = 0
    _most: int = 0
    _next: Batch = field(default_factory=Batch)
    _ready: asyncio.Queue[Batch] = field(default_factory=asyncio.Queue)
    _timer: asyncio.TimerHandle | None = None
    _said: dict[str, float] = field(default_factory=dict)
    _idle: asyncio.Event = field(default_factory=asyncio.Event)
    _room: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._most = self.limits.bytes
        self._count(0)

    # -- putting together -----------------------------------------------------------------------

    def add(self, made: Made, track: Track, end: int) -> None:
        """Send this record with others; once it is acknowledged, all before `end` is."""
        batch = self._next
        if batch.records and batch.size + len(made.body) > self._most:
            self.close()
            batch = self._next
        share = batch.shares.get(track)
        if share is None:
            share = batch.shares[track] = track.share()
        share.end = end
        batch.records.append(made)
        batch.size += len(made.body)
        self._count(1)
        if len(batch.records) >= self.limits.records or batch.size >= self._most:
            self.close()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self.limits.delay, self.close)

    def close(self) -> None:
        """Let what has come so far go."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._next.records:
            self._ready.put_nowait(self._next)
            self._next = Batch()

    # -- sending --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send one batch after another, until cancelled; several of these may run."""
        while True:
            batch = await self._ready.get()
            await self._deliver(batch)
            self._count(-len(batch.records))
            for share in batch.shares.values():
                share.done = True
            self.settled(batch.size, batch.shares)

    async def room(self) -> None:
        """Wait until some of what was added is delivered, if that is much."""
        await self._room.wait()

    async def idle(self) -> None:
        """Wait until everything that was added is delivered."""
        await self._idle.wait()

    def _count(self, more: int) -> None:
        """So many records more are under way, or less."""
        self._outstanding += more
        for event, there in ((self._idle, 0), (self._room, MOST_RECORDS - 1)):
            if self._outstanding <= there:
                event.set()
            else:
                event.clear()

    async def _deliver(self, batch: Batch) -> None:
        """Have every record taken, or refused for good."""
        parts, cuts = [batch.records], MOST_CUTS
        while parts:
            part = parts.pop()
            outcome = await self._answer(part)
            large = outcome.reason == TOO_LARGE
            if outcome.verdict != "refused":
                self._taken(part, outcome)
            elif len(part) > 1 and (large or cuts > 0):
                cuts -= not large
                half = len(part) // 2
                parts += [part[half:], part[:half]]
                if large:
                    self._most = max(1, min(self._most, sum(len(one.body) for one in part) // 2))
            else:
                self._refused(part, outcome)

    async def _answer(self, part: Sequence[Made]) -> Outcome:
        """What the receiver says of these records, however often they have to be sent for it."""
        while True:
            await self.pace.wait()
            outcome = await self._send(part)
            self.telling.answered(outcome)
            if outcome.verdict in ("accepted", "partial"):
                self.pace.well()
                return outcome
            if outcome.verdict == "refused":
                return outcome
            self.pace.ill(outcome.retry_after)
            text = "%s: %s (%s); it is tried again until it works"
            self._say(outcome.verdict, text, self.name, outcome.text, outcome.verdict)

    async def _send(self, part: Sequence[Made]) -> Outcome:
        """What the sender says; a mistake in it must not end what sends."""
        try:
            return await self.sender.send(part)
        except Exception as error:
            log.debug("%s: %r", self.name, error, exc_info=error)
            return Outcome("failed", "unexpected", repr(error))

    def _taken(self, part: Sequence[Made], outcome: Outcome) -> None:
        counts = Counter(one.origin.source for one in part)
        if outcome.rejected:
            # Which ones is not told: they are counted for the source that has most of them.
            source, most = counts.most_common(1)[0]
            rejected = min(outcome.rejected, len(part))
            counts[source] = max(0, most - rejected)
            self.telling.rejected(source, "partial", rejected)
            text = "%s: %d of %d records were rejected: %s"
            self._say("partial", text, self.name, rejected, len(part), outcome.text)
        self.telling.acknowledged(counts)

    def _refused(self, part: Sequence[Made], outcome: Outcome) -> None:
        # A receiver that refuses whatever it is sent should not get through a whole log fast.
        self.pace.ill()
        for source, count in Counter(one.origin.source for one in part).items():
            self.telling.rejected(source, "refused", count)
        text = "%s: %d records were refused and are left out: %s; one of them, of %s: %s"
        sample = self.sample(part[0])[:LONGEST_SAMPLE]
        self._say(
            "refused", text, self.name, len(part), outcome.text, part[0].origin.source, sample
        )

    def unforeseen(self, source: str, error: Exception) -> None:
        """Say that a line could not be made a record, but not what it holds."""
        name = type(error).__name__
        self._say("unforeseen", "%s: a line of %s cannot be sent: %s", self.name, source, name)

    def _say(self, about: str, text: str, *words: object) -> None:
        """Log it, but not more often than once a minute."""
        now = asyncio.get_running_loop().time()
        if now - self._said.get(about, -SAY_SECONDS) >= SAY_SECONDS:
            self._said[about] = now
            log.warning(text, *words)
