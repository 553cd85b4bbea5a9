"""What both engines count by: the exact reading, the mover, and the services' first series."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from exporter.engine.exact import UNKNOWN, Exact
from exporter.engine.joining import Lane
from exporter.engine.moves import Mover
from exporter.engine.plan import Effect, Plan
from parsers import LEVELS, cri, docker_json
from parsers.cleaning import uncoloured
from parsers.envelopes import Envelope
from parsers.times import seconds


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

    def give_up(self) -> None:
        """Expect no rest of a line that was half read."""
        self.discarding = False
        for lane in self.lanes.values():
            lane.partial, lane.passing = b"", False

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


class Paths(Protocol):
    """The fast paths of one service, over the exact reading of its `Counting`."""

    def block(self, stream: Stream, chunk: bytes, at: int, stop: int) -> None:
        """Count the lines of a chunk from `at` on; the last ends at `stop`, without its newline."""

    def inner(self, lane: Lane, text: bytes) -> None:
        """Count what an envelope carried."""

    def forget(self, *, streams_only: bool) -> None:
        """Forget all cells, or those that belong to one stream: they may mean others now."""


class Counting:
    """All that counts the lines of one service: the exact reading, fast paths, their cells."""

    def __init__(self, plan: Plan, mover: Mover, make: Callable[[Counting], Paths]) -> None:
        self.plan = plan
        self.mover = mover
        self._records = _counted(plan, "watched_log_records_total")
        self._unparsed = _counted(plan, "watched_log_unparsed_total")
        self._exceptions = _counted(plan, "watched_exceptions_total")
        self.exact = Exact(plan, mover.service, "", mover.zone)
        self.epoch = mover.registry.epoch
        self._declare()
        self.paths = make(self)

    def turn_to(self, stream: str) -> None:
        """Count a stream's lines from now on; forget cells that may mean other series there."""
        moved = self.epoch != self.mover.registry.epoch
        if moved or stream != self.mover.part:
            self.epoch, self.mover.part = self.mover.registry.epoch, stream
            if moved:
                self.mover.forget()
            self.paths.forget(streams_only=not moved)

    def lines(self, stream: str, count: int) -> None:
        """Count physical lines."""
        family = self.plan.families["watched_log_lines_total"]
        labels = (self.mover.service, stream)
        self.mover.registry.inc(family, labels, self.mover.moment.now, count, self.mover.service)

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

    def enveloped(self, stream: Stream, line: bytes) -> bool:
        """Count a line that an envelope carries; False where it is none."""
        found = unwrap(line)
        if found is None:
            return False
        self.lines(found.stream, 1)
        lane = stream.lane(found.stream)
        text = lane.whole(found.text, partial=found.partial)
        if text is not None:
            self.mover.since = seconds(found.time, self.mover.zone)
            self.paths.inner(lane, text)
            self.mover.since = None
        return True

    def record_cell(self, level: str) -> int:
        """Where the records of a level are counted."""
        return self.mover.index(self._records, (self.mover.service, level))

    def exception_cell(self, kind: str) -> int:
        """Where the exceptions of a type are counted."""
        return self.mover.index(self._exceptions, (self.mover.service, kind))

    def unparsed_cell(self) -> int:
        """Where the lines of no known format are counted."""
        return self.mover.index(self._unparsed, (self.mover.service,))

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


def unwrap(line: bytes) -> Envelope | None:
    """Take the envelope off a line; None where it has none."""
    if line[:1] == b"{":
        return docker_json.unwrap(line) if b'"log"' in line else None
    return cri.unwrap(line) if line[:1].isdigit() else None


def _counted(plan: Plan, name: str) -> Effect:
    return Effect("count", plan.families[name], ())


def bare(lines: list[bytes], block: bytes) -> list[bytes]:
    """The lines of a block without what a terminal puts into them and at their ends."""
    if b"\x1b" in block:
        lines = [uncoloured(line) for line in lines]
    if b"\r" in block:
        lines = [line.rstrip(b"\r") for line in lines]
    return lines
