"""One application's shard: its series, cursors and open records, which change and save together.

`app` is on every series, so nothing crosses shards. Feeding a chunk and moving its cursor is one
synchronous step; between two steps a shard can be copied and is always consistent.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from exporter.clock import Clock
from exporter.engine.counting import Stream
from exporter.engine.feeding import Engine, Uncounted
from exporter.engine.plan import Plan
from exporter.foreign import Foreign
from exporter.model import Cursor, Family, Snapshot
from exporter.registry import Registry
from exporter.shard.reading import Reading
from exporter.turns import Turns
from exporter.windows import Drains

CATCHING_UP_SECONDS = 60.0
WITHHELD_SECONDS = 600.0
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Shard:
    """The sink of one application's sources. `version` counts its changes.

    `uid` names this installation for as long as its state lives. `sampler` is shown what has been
    counted: service, chunk, end, and the time. `turns` are shared with the other applications.
    """

    app: str
    registry: Registry
    plan: Plan
    zone: tzinfo
    clock: Clock
    families: Mapping[str, Family]
    drains: Drains = field(default_factory=Drains)
    uid: str = ""
    version: int = 0
    replaying: bool = False
    sampler: Callable[[str, bytes, int, float], None] | None = None
    turns: Turns = field(default_factory=Turns)
    engine: Engine = field(init=False)
    foreign: Foreign = field(init=False)
    _readings: dict[str, Reading] = field(default_factory=dict)
    _saved: dict[str, Reading] = field(default_factory=dict)
    _looked: dict[str, float] = field(default_factory=dict)
    _late: set[str] = field(default_factory=set)
    quiet_until: float = -math.inf
    _declared: dict[str, None] = field(default_factory=dict)
    _notes: dict[str, dict[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.foreign = Foreign(self.registry)
        self.engine = Engine(
            self.plan, self.registry, self.drains, self.zone, replaying=self.replaying
        )

    # -- what sources do ----------------------------------------------------------------------

    def cursors(self, source: str) -> list[Cursor]:
        """The cursors that an earlier run, or an earlier opening, left of this source."""
        known = {**self._saved, **self._readings}
        return [one.cursor for one in known.values() if one.source == source]

    def open(self, source: str, cursor: Cursor) -> None:
        """Take a stream up, where it was left or anew."""
        now = self.clock.now()
        cursor.service = cursor.service.encode("utf-8", "replace").decode()  # it becomes a label
        saved = self._saved.pop(cursor.key, None) or self._readings.get(cursor.key)
        stream = saved.stream if saved else Stream(cursor.key, cursor.service, cursor.stream)
        stream.service, stream.name = cursor.service, cursor.stream
        level_at = saved.level_at if saved else self._level_at(source, cursor.service, now)
        passed = source in self._looked  # what comes later was not there at the start
        self._readings[cursor.key] = Reading(source, cursor, stream, level_at, passed=passed)
        if cursor.stream:  # else it is only to be remembered, and counts nothing
            self.engine.service(cursor.service, now)
        self.version += 1

    def _level_at(self, source: str, service: str, now: float) -> float:
        """When a new stream was level: it may be the next file of one that is behind."""
        begun = source not in self._looked
        return min(
            (
                one.level_at
                for one in self._readings.values()
                if one.source == source and one.cursor.service == service
                if one.waiting or (begun and one.waiting is None)
            ),
            default=now,
        )

    @property
    def full(self) -> bool:
        """It never is."""
        return False

    async def room(self) -> None:
        """There always is."""

    def feed(self, cursor: Cursor, chunk: bytes) -> int:
        """Count the whole lines of `chunk` and move the cursor past them; bytes consumed."""
        reading, now = self._readings[cursor.key], self.clock.now()
        try:
            consumed = self.engine.feed(reading.stream, chunk, now)
        except Uncounted as error:  # told, but no line may hold up those that follow
            consumed = error.consumed
            log.exception("%s: lines of %s could not be counted", self.app, reading.source)
            self.failed(reading.source, "unexpected")
        if reading.lag(now) > CATCHING_UP_SECONDS:
            self._late.add(cursor.service)
        if consumed:
            cursor.offset += consumed
            self.version += 1
            if self.sampler is not None:
                self.sampler(cursor.service, chunk, consumed, now)
        return consumed

    def finish(self, cursor: Cursor, rest: bytes = b"") -> None:
        """Count the half line `rest` that the stream ended in, and forget the stream."""
        reading = self._readings.pop(cursor.key, None)
        self._saved.pop(cursor.key, None)
        if reading is not None:
            self.engine.finish(reading.stream, rest, self.clock.now())
            self.version += 1

    def move(self, cursor: Cursor, offset: int) -> None:
        """Put the cursor elsewhere; what was half read there is given up."""
        cursor.offset = offset
        reading = self._readings.get(cursor.key)
        if reading is not None:
            reading.stream.give_up()
        self.version += 1

    def lost(self, cursor: Cursor, count: int, reason: str) -> None:
        """Account for bytes known to be gone unread."""
        reading = self._readings.get(cursor.key)
        source = reading.source if reading else ""
        family = self.families["sidewatch_log_lost_bytes_total"]
        self.registry.inc(family, (source, reason), self.clock.now(), count)
        self.version += 1

    def lag(self, cursor: Cursor, count: int, newest: float | None) -> None:
        """Note how much waits unread in a stream, and when its newest byte was appended."""
        reading = self._readings.get(cursor.key)
        if reading is not None:
            reading.told(self.clock.now(), count, newest)

    def looked(self, source: str) -> None:
        """Note that a source was looked at without a failure, new lines or not."""
        self._looked[source] = self.clock.now()

    def failed(self, source: str, reason: str) -> None:
        """Count that a part of a source could not be read."""
        family = self.families["sidewatch_source_failures_total"]
        self.registry.inc(family, (source, reason), self.clock.now())
        self.version += 1

    def rest(self) -> None:
        """The sources have stopped: until when they were level is worth a save."""
        self.version += 1

    def source_state(self, source: str, *, up: bool, failure: str | None = None) -> None:
        """Note that a source runs, or why it does not."""
        now = self.clock.now()
        self.registry.put(self.families["sidewatch_source_up"], (source,), now, float(up))
        if failure is not None:
            family = self.families["sidewatch_source_failures_total"]
            self.registry.inc(family, (source, failure), now)
            self.version += 1

    def put(self, metric: str, labels: Mapping[str, str], value: float) -> None:
        """Set a gauge that is asked for, not read in a log."""
        self.foreign.put(*self._cell(metric, labels), self.clock.now(), value)

    def drop(self, metric: str, labels: Mapping[str, str]) -> None:
        """Show what was put or counted no more until it is told again."""
        self.foreign.drop(*self._cell(metric, labels))

    def add(self, metric: str, labels: Mapping[str, str], by: float = 1.0) -> None:
        """Add to a counter of our own."""
        self.registry.inc(*self._cell(metric, labels), self.clock.now(), by)
        self.version += 1

    def event(self, service: str, name: str, at: float) -> None:
        """Count what has happened and stamp it, as a line of a log would be that says it."""
        labels, now = {"service": service, "event": name, "impact": "page"}, self.clock.now()
        self.add("watched_events_total", labels)
        for metric, stamp in (
            ("watched_event_read_timestamp_seconds", now),
            ("watched_event_last_timestamp_seconds", at),
        ):
            index = self.registry.cell(*self._cell(metric, labels), now).index
            self.registry.values[index] = max(stamp, self.registry.values[index])

    def count(self, metric: str, labels: Mapping[str, str], raw: float, epoch: str = "") -> None:
        """Accumulate a total that another counts."""
        self.foreign.count(*self._cell(metric, labels), self.clock.now(), raw, epoch)
        self.version += 1

    def _cell(self, metric: str, labels: Mapping[str, str]) -> tuple[Family, tuple[str, ...]]:
        family = self.families[metric]
        return family, tuple(labels[name] for name in family.labels)

    def recall(self, source: str) -> Mapping[str, float]:
        """What a source has last asked to have remembered."""
        return self._notes.get(source, {})

    def remember(self, source: str, notes: Mapping[str, float]) -> None:
        """Keep a few numbers of a source across restarts."""
        if self._notes.get(source) != notes:
            self._notes[source] = dict(notes)
            self.version += 1

    def deploy(self, service: str, *, settled: bool) -> None:
        """Open the quiet window of a deploy, or let it end after the catch-up."""
        now = self.clock.now()
        if not settled:
            self.drains.replaced(service, now)
            self.version += 1
        elif self.drains.settled(service, now):
            self.version += 1

    def unfinished(self, source: str) -> str | None:
        """What this source has yet to do before it has passed the end that it saw at its start."""
        if source not in self._looked:
            return "not looked at yet"
        ahead = [one for one in self._readings.values() if one.source == source and not one.passed]
        waiting = sum(one.waiting or 0 for one in ahead)
        return f"{waiting} bytes behind" if waiting else None

    # -- what is shown ------------------------------------------------------------------------

    def snapshot(self, *, final: bool = False) -> Snapshot:
        """The shard's series as they may be shown now."""
        now = max(self.clock.now(), self.engine.moment.now if self.replaying else -math.inf)
        withheld = self._catch_up(now)
        self._show_lag(now)
        self._show_drains(now)
        self._show_dropped(now)
        late, self._late = self._late, set()
        return self.registry.snapshot(now, withheld=withheld, late=late, final=final)

    def _catch_up(self, now: float) -> set[str]:
        """The services whose series are withheld, since what they show would be of hours ago."""
        withheld = set()
        for one in self._readings.values():
            if one.lag(now) <= CATCHING_UP_SECONDS:
                one.behind_since = math.nan
            elif math.isnan(one.behind_since):
                one.behind_since = now
            if now - one.behind_since < WITHHELD_SECONDS:
                withheld.add(one.cursor.service)
        return withheld

    def _show_lag(self, now: float) -> None:
        put, families = self.registry.put, self.families
        sources: dict[str, list[Reading]] = {}
        newest: dict[str, float] = {}
        for one in self._readings.values():
            sources.setdefault(one.source, []).append(one)
            if not math.isnan(one.newest):
                service = one.cursor.service
                newest[service] = max(one.newest, newest.get(service, one.newest))
        for source, readings in sources.items():
            seconds = max(one.lag(now) for one in readings)
            behind = any(one.lag(now) > CATCHING_UP_SECONDS for one in readings)
            waiting = sum(one.waiting or 0 for one in readings)
            put(families["sidewatch_source_lag_bytes"], (source,), now, waiting)
            put(families["sidewatch_source_lag_seconds"], (source,), now, seconds)
            put(families["sidewatch_source_catching_up"], (source,), now, float(behind))
        for source, at in self._looked.items():
            put(families["sidewatch_source_last_success_timestamp_seconds"], (source,), now, at)
        for service, at in newest.items():
            put(families["watched_log_newest_timestamp_seconds"], (service,), now, at)

    def _show_drains(self, now: float) -> None:
        self.drains.turn(now)
        put, families = self.registry.put, self.families
        declared = now < self.quiet_until
        if declared:
            self._declared |= dict.fromkeys(("", *self._services()))
        for service in {**self._declared, **self.drains.services, **self.drains.deploys}:
            quiet = float(declared or self.drains.quiet(service))
            put(families["watched_quiet_window"], (service,), now, quiet)
        for service, drain in self.drains.services.items():
            draining = drain.draining()
            put(families["watched_draining"], (service,), now, float(draining))
            deadline = families["watched_drain_deadline_timestamp_seconds"]
            if draining:
                put(deadline, (service,), now, drain.deadline)
            else:
                self.registry.drop(deadline, (service,))

    def _services(self) -> set[str]:
        """The services that any series of this application is about."""
        found = {one.cursor.service for one in self._readings.values() if one.cursor.stream}
        for metric, labels in self.foreign.gauges():
            names = self.families[metric].labels
            if "service" in names:
                found.add(labels[names.index("service")])
        return found

    def _show_dropped(self, now: float) -> None:
        family = self.families["sidewatch_series_dropped_total"]
        for (metric, label), count in list(self.registry.dropped.items()):
            self.registry.put(family, (metric, label), now, count)

    # -- saving -------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """Everything that a restart needs, as plain values."""
        now = self.clock.now()
        return {
            "app": self.app,
            "uid": self.uid,
            "registry": self.registry.dump(),
            "foreign": self.foreign.dump(self.clock.now()),
            "drains": self.drains.dump(),
            "notes": {source: dict(notes) for source, notes in self._notes.items()},
            "readings": [
                [
                    one.source,
                    one.cursor.key,
                    one.cursor.service,
                    one.cursor.stream,
                    one.cursor.offset,
                    one.cursor.place,
                    now if one.waiting == 0 else one.level_at,
                    one.stream.dump(),
                ]
                for one in (*self._readings.values(), *self._saved.values())
            ],
        }

    def load(self, state: dict[str, Any]) -> list[str]:
        """Take up what `dump` gave, before any source opens; families left behind as changed."""
        self.uid = state["uid"]
        left = self.registry.load(state["registry"], self.families, self.clock.now())
        self.foreign.load(state.get("foreign", {}), self.families)
        self.drains = self.engine.drains = Drains.load(state["drains"])
        self._notes = state.get("notes", {})
        for source, key, service, name, offset, place, level_at, saved in state["readings"]:
            stream = Stream(key, service, name)
            stream.load(saved)
            cursor = Cursor(key, service, name, offset, place)
            self._saved[key] = Reading(source, cursor, stream, level_at)
        return left

    def inherit(self, pass_on: Callable[[Iterable[Reading]], None]) -> None:
        """Let what was saved for a source that is gone be given to another."""
        pass_on(self._saved.values())
