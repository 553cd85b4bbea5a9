"""An application's probes at work: each is asked on its own clock, and told of on the board."""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import msgspec
from msgspec import Struct

from exporter.clock import Clock
from exporter.model import Board
from exporter.sources.probes.certificates import Trusts
from exporter.sources.probes.checks import Check, Probes, fresh_seconds
from exporter.sources.probes.examine import Exam, exam, examine
from exporter.sources.probes.gate import Gate
from exporter.sources.probes.memory import Memory
from exporter.sources.probes.resolver import Resolver, system_lookup
from exporter.sources.probes.verdict import REASONS, Latch, ProbeError, Result
from exporter.sources.worker import Worker

FIRST_SECONDS = 2.0  # within which the first questions are spread
APART_SECONDS = 0.005  # and how far apart at the least: together once, they stay so for minutes
JITTER = 0.05  # of an interval, so that many probes do not ask at once for ever
STEP_SECONDS = 1.0  # how often it is looked whether something has become old

NOT_AFTER = "watched_tls_not_after_timestamp_seconds"

Key = tuple[str, tuple[tuple[str, str], ...]]
Values = Mapping[Key, float]

log = logging.getLogger(__name__)


class Shown(Struct):
    """Values on the board, and until when they may stay there untold."""

    values: set[Key] = msgspec.field(default_factory=set)
    until: float = math.inf

    def show(self, board: Board, values: Values, until: float) -> None:
        """Put these in the place of those before."""
        for key in self.values - values.keys():
            board.drop(key[0], dict(key[1]))
        for (metric, labels), value in values.items():
            board.put(metric, dict(labels), value)
        self.values, self.until = set(values), until


class Lane(Struct):
    """One check: what it showed, and how it fared last (None: it was not asked yet).

    `since` is when it began to fail, in seconds since 1970.
    """

    check: Check
    exam: Exam
    latch: Latch | None
    verdict: Shown = msgspec.field(default_factory=Shown)
    points: Shown = msgspec.field(default_factory=Shown)
    dates: Shown = msgspec.field(default_factory=Shown)
    good: bool | None = None
    since: float | None = None

    def parts(self) -> Iterable[Shown]:
        """All that it shows."""
        return self.verdict, self.points, self.dates


def new_lane(check: Check, one: Exam, *, started: bool = False) -> Lane:
    """A check that was not asked yet; `started` is what is remembered of its start."""
    return Lane(check, one, Latch(started) if check.kind == "startup" else None)


@dataclass(slots=True)
class Round:
    """The state of the source at work. `now` is a clock that never goes back."""

    settings: Probes
    board: Board
    clock: Clock
    source: str
    now: Callable[[], float] = field(default_factory=lambda: asyncio.get_running_loop().time)
    resolver: Resolver = field(default_factory=lambda: Resolver(system_lookup))
    trusts: Trusts = field(default_factory=Trusts)
    dice: random.Random = field(default_factory=random.Random)
    memory: Memory = field(init=False)
    _gate: Gate = field(init=False)

    def __post_init__(self) -> None:
        self.memory = Memory(self.board, self.source)
        self._gate = Gate(self.settings.concurrency)

    async def run(self) -> None:
        """Ask until cancelled."""
        labels = {"source": self.source}
        self.board.put("sidewatch_source_interval_seconds", labels, self.settings.interval)
        self.memory.keep(self.settings.checks)
        workers = [Worker(f"probe {check.name}") for check in self.settings.checks]
        lanes = [self._lane(*each) for each in zip(self.settings.checks, workers, strict=True)]
        try:
            async with asyncio.TaskGroup() as group:
                for lane in lanes:
                    group.create_task(self._keep(lane))
                group.create_task(self._expire(lanes))
        finally:
            for worker in workers:
                worker.close()
            for shown in (part for lane in lanes for part in lane.parts()):
                shown.show(self.board, {}, math.inf)  # nobody tells it any more

    def _lane(self, check: Check, worker: Worker) -> Lane:
        one = exam(check, self.clock, self.resolver, worker, self.trusts)
        return new_lane(check, one, started=self.memory.started(check))

    async def _keep(self, lane: Lane) -> None:
        """Ask one check for ever."""
        interval = lane.check.interval
        first = first_within(len(self.settings.checks), interval)
        await asyncio.sleep(self.dice.uniform(0.0, first))
        while True:
            due = self.now() + interval * self.dice.uniform(1 - JITTER, 1 + JITTER)
            async with self._gate.place(failing=lane.good is False):
                result = await examine(lane.exam, lane.check.timeout, self.now)
            self.tell(lane, result)
            await asyncio.sleep(max(0.0, due - self.now()))

    async def _expire(self, lanes: list[Lane]) -> None:
        while True:
            self.expire(lanes)
            await asyncio.sleep(STEP_SECONDS)

    # -- telling ------------------------------------------------------------------------------

    def expire(self, lanes: Iterable[Lane]) -> None:
        """Drop what could not be told again: three intervals old is unknown."""
        now = self.now()
        for shown in (part for lane in lanes for part in lane.parts()):
            if shown.values and now >= shown.until:
                shown.show(self.board, {}, math.inf)

    def tell(self, lane: Lane, result: Result) -> None:
        """Show a result. What no body said this time stays for three intervals."""
        check, failure = lane.check, result.failure
        until = self.now() + fresh_seconds(check)
        lane.verdict.show(self.board, self._verdict(lane, result), until)
        self._count(lane, failure)
        if result.points is not None:
            points = {
                _key(point.metric, {**point.labels, "probe": check.name}): point.value
                for point in result.points
            }
            lane.points.show(self.board, points, until)
        if result.not_after is not None and check.dates:
            labels = {"probe": check.name, "file": "", "vhost": ""}
            lane.dates.show(self.board, {_key(NOT_AFTER, labels): result.not_after}, until)
        self._say(lane, failure)
        lane.good = failure is None
        self.board.looked(self.source)

    def _verdict(self, lane: Lane, result: Result) -> dict[Key, float]:
        """Whether it is well, since when it is not and why, and how long each phase took."""
        labels, failure = {"probe": lane.check.name, "kind": lane.check.kind}, result.failure
        well = failure is None if lane.latch is None else lane.latch.turn(failure)
        values = {_key("watched_probe_success", labels): float(well)}
        for phase, seconds in result.phases.took.items():
            values[_key("watched_probe_duration_seconds", {**labels, "phase": phase})] = seconds
        for reason in REASONS:
            failing = not well and failure is not None and reason == failure.reason
            values[_key("watched_probe_failing", {**labels, "reason": reason})] = float(failing)
        lane.since = None if well else self._since(lane)
        self.memory.fails(lane.check, lane.since, self.clock.now())
        if lane.latch is not None:
            self.memory.starts(lane.check, started=lane.latch.started)
        if lane.since is not None:
            values[_key("watched_probe_failing_since_timestamp_seconds", labels)] = lane.since
        return values

    def _since(self, lane: Lane) -> float:
        """When this failure began: before a restart, if it was so then; never in the future."""
        now = self.clock.now()
        before = self.memory.failing_since(lane.check, now) if lane.good is None else None
        return min(lane.since or before or now, now)

    def _count(self, lane: Lane, failure: ProbeError | None) -> None:
        """Count a failure; every reason is counted from the first answer on."""
        labels = {"probe": lane.check.name, "kind": lane.check.kind}
        for reason in REASONS:
            by = float(failure is not None and failure.reason == reason)
            if by or lane.good is None:
                self.board.add("watched_probe_failures_total", {**labels, "reason": reason}, by)

    def _say(self, lane: Lane, failure: ProbeError | None) -> None:
        """Log what has changed."""
        if (failure is not None) == (lane.good is False):
            return
        who = f"probe {lane.check.name} ({lane.check.kind}) at {lane.check.target}"
        if failure is not None:
            log.warning("%s: %s: %s", who, failure.reason, failure)
        else:
            log.info("%s: is well again", who)


def first_within(count: int, interval: float) -> float:
    """Within how many seconds a probe is first asked, of so many."""
    return min(interval, max(FIRST_SECONDS, count * APART_SECONDS))


def _key(metric: str, labels: Mapping[str, str]) -> Key:
    return metric, tuple(sorted(labels.items()))
