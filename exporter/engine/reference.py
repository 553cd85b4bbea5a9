"""The reference engine, in Python: chunks of log in, series moved, bytes consumed out.

Between two calls of `feed` everything is consistent: what was consumed has been counted, once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from exporter.engine.exact import UNKNOWN, Exact
from exporter.engine.hot_json import JsonLines
from exporter.engine.hot_keyvalue import KeyValueLines
from exporter.engine.hot_text import KnownTexts
from exporter.engine.joining import LONGEST_LINE, Lane
from exporter.engine.moves import Moment, Mover
from exporter.engine.plan import Effect, Plan
from exporter.registry import Registry
from exporter.windows import Drains
from parsers import LEVELS, cri, docker_json
from parsers.cleaning import uncoloured
from parsers.times import seconds

_CONTINUING = (b"", b" ", b"\t")  # what begins lines that begin no record


@dataclass(slots=True)
class Stream:
    """One file, container or pipe: its lanes, and whether the rest of a too long line is due."""

    key: str
    service: str
    name: str
    lanes: dict[str, Lane] = field(default_factory=dict)
    discarding: bool = False

    def lane(self, name: str) -> Lane:
        """The lane of this name, made where it is new."""
        lane = self.lanes.get(name)
        if lane is None:
            lane = self.lanes[name] = Lane()
        return lane

    def dump(self) -> dict[str, Any]:
        """Plain values for the saved state."""
        lanes = {name: lane.dump() for name, lane in self.lanes.items()}
        return {
            "discarding": self.discarding,
            "lanes": {name: lane for name, lane in lanes.items() if lane is not None},
        }

    def load(self, saved: dict[str, Any]) -> None:
        """Take up what `dump` gave."""
        self.discarding = saved["discarding"]
        self.lanes = {name: Lane.load(lane) for name, lane in saved["lanes"].items()}


class Counting:
    """All that counts the lines of one service: exact reading, fast paths, the cells they share."""

    def __init__(self, plan: Plan, mover: Mover) -> None:
        self.plan = plan
        self.mover = mover
        self._records = Effect("count", plan.families["watched_log_records_total"], ())
        self.exact = Exact(plan, mover.service, "", mover.zone)
        self.json = JsonLines(plan, mover, self._record_cell)
        self.keyvalue = KeyValueLines(plan, mover, self._record_cell)
        self.texts = KnownTexts(plan, mover, self._record_cell)
        self.epoch = mover.registry.epoch
        self._declare()

    def turn_to(self, stream: str) -> None:
        """Count a stream's lines from now on; forget cells that may mean other series there."""
        moved = self.epoch != self.mover.registry.epoch
        if moved or stream != self.mover.part:
            self.epoch, self.mover.part = self.mover.registry.epoch, stream
            if moved:
                self.mover.forget()
            self.json.forget(streams_only=not moved)
            self.keyvalue.forget(streams_only=not moved)

    def lines(self, stream: str, count: int) -> None:
        """Count physical lines."""
        family = self.plan.families["watched_log_lines_total"]
        labels = (self.mover.service, stream)
        self.mover.registry.inc(family, labels, self.mover.moment.now, count, self.mover.service)

    def run(self, lane: Lane, lines: list[bytes], start: int) -> int:
        """Count lines from `start` on by the fast paths; the first that neither is sure of."""
        if lines[start][:1] in _CONTINUING:
            return start
        at = self.json.run(lines, start)
        one = lane.open
        if at == start and (one is None or one.trace != "python"):
            at = self.keyvalue.run(lines, start)
        if at == start and (one is None or not one.claims) and self.texts.take(lines[at]):
            at += 1
        if at > start:
            lane.took(lines[at - 1], self.mover.since)
        return at

    def inner(self, lane: Lane, text: bytes) -> None:
        """Count what an envelope carried."""
        for line in _bare(text.split(b"\n"), text):
            if not self.run(lane, [line], 0):
                self.one(lane, line)

    def one(self, lane: Lane, line: bytes) -> None:
        """Read one line exactly and do what it says."""
        step, updates = self.exact.read(lane, line.decode("utf-8", "replace"))
        if step is None:
            return
        if step.begins:
            lane.since = self.mover.since
        timed = any(update.effect.timed for update in updates)
        at = self.exact.time(step.record, lane.since) if timed else None
        for update in updates:
            self.mover.move(update, at)

    def _record_cell(self, level: str) -> int:
        return self.mover.index(self._records, (self.mover.service, level))

    def _declare(self) -> None:
        """Show at 0 what is known to exist: levels, events, and what the profile declares."""
        service, now = self.mover.service, self.mover.moment.now
        registry, families = self.mover.registry, self.plan.families
        for level in (*LEVELS, UNKNOWN):
            registry.declare(families["watched_log_records_total"], (service, level), now)
        registry.declare(families["watched_log_unparsed_total"], (service,), now)
        for event in {one.rule.event for one in self.plan.rules if one.rule.event}:
            registry.declare(
                families["watched_events_total"], (service, event.name, event.impact), now
            )
        for name, sets in self.plan.declared.items():
            for given in sets:
                labels = tuple({"service": service, **given}[key] for key in families[name].labels)
                registry.declare(families[name], labels, now)


class Engine:
    """Counts the logs of one application into its registry.

    `clock` is asked once a feed. `replaying`: the present follows the records' own times.
    """

    def __init__(
        self,
        plan: Plan,
        registry: Registry,
        drains: Drains,
        zone: tzinfo,
        *,
        replaying: bool = False,
    ) -> None:
        self.plan = plan
        self.registry = registry
        self.drains = drains
        self.moment = Moment(replaying=replaying)
        self._zone = zone
        self._services: dict[str, Counting] = {}

    def service(self, name: str, now: float) -> Counting:
        """What counts this service's lines; declares its series at the first asking."""
        counting = self._services.get(name)
        if counting is None:
            self.moment.reach(max(self.moment.now, now))
            mover = Mover(self.registry, self.drains, self.moment, name, self._zone)
            counting = self._services[name] = Counting(self.plan, mover)
        return counting

    def feed(self, stream: Stream, chunk: bytes, now: float) -> int:
        """Count the whole lines of `chunk`; the bytes consumed. The rest must come again."""
        if not self.moment.replaying:
            self.moment.reach(now)
        self.registry.windows.turn(self.moment.now, self.registry.values)
        counting = self.service(stream.service, now)
        counting.turn_to(stream.key)
        end = chunk.rfind(b"\n") + 1
        start = 0
        if stream.discarding:
            start = chunk.find(b"\n") + 1
            if not start:
                return len(chunk)
            stream.discarding = False
        if end > start:
            self._lines(stream, counting, chunk[start : end - 1])
        if len(chunk) - end < LONGEST_LINE:
            return end
        # A line that does not end in time is counted by its beginning, the rest is passed over.
        self._lines(stream, counting, chunk[end : end + LONGEST_LINE])
        stream.discarding = True
        return len(chunk)

    def finish(self, stream: Stream, rest: bytes, now: float) -> None:
        """The stream is over: count the half lines that it ends in."""
        if rest and not stream.discarding:
            self.feed(stream, rest + b"\n", now)
        counting = self.service(stream.service, now)
        for lane in stream.lanes.values():
            if lane.partial:
                counting.inner(lane, lane.partial)

    def _lines(self, stream: Stream, counting: Counting, block: bytes) -> None:
        raws = block.split(b"\n")
        if len(block) > LONGEST_LINE:
            raws = [line[:LONGEST_LINE] for line in raws]
        lines = _bare(raws, block)
        size, enveloped, at = len(lines), 0, 0
        lane = stream.lane(stream.name)
        while at < size:
            start, at = at, counting.run(lane, lines, at)
            if at > start:
                continue
            if self._enveloped(stream, counting, raws[at]):
                enveloped += 1
            else:
                counting.one(lane, lines[at])
            at += 1
        if size > enveloped:
            counting.lines(stream.name, size - enveloped)

    def _enveloped(self, stream: Stream, counting: Counting, line: bytes) -> bool:
        """Count a line that an envelope carries; False where it is none."""
        if line[:1] == b"{":
            found = docker_json.unwrap(line) if b'"log"' in line else None
        else:
            found = cri.unwrap(line) if line[:1].isdigit() else None
        if found is None:
            return False
        counting.lines(found.stream, 1)
        lane = stream.lane(found.stream)
        text = lane.whole(found.text, partial=found.partial)
        if text is not None:
            counting.mover.since = seconds(found.time, self._zone)
            counting.inner(lane, text)
            counting.mover.since = None
        return True


def _bare(lines: list[bytes], block: bytes) -> list[bytes]:
    """The lines of a block without what a terminal puts into them and at their ends."""
    if b"\x1b" in block:
        lines = [uncoloured(line) for line in lines]
    if b"\r" in block:
        lines = [line.rstrip(b"\r") for line in lines]
    return lines
