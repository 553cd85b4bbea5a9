"""Updates into the registry: the one place where a record's meaning becomes a number moved."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from datetime import tzinfo

from exporter.engine.plan import Effect, Lookup, Update
from exporter.gauges import EMPTY
from exporter.registry import Registry
from exporter.vocabulary import FAMILIES
from exporter.windows import Drains

NOTHING = -1  # labels that move nothing: one is absent and has no default
LATE_SECONDS = 300.0  # a record older than this sets no gauge
_KNOWN = 4096
LATE = Effect("count", FAMILIES["sidewatch_late_records_total"], ())


@dataclass(slots=True)
class Moment:
    """The present, as counting sees it. In a replay it follows the records' own times.

    A record from `fresh` to `soon` sets gauges and need not move the present, which a replay knows
    to a second.
    """

    replaying: bool = False
    now: float = 0.0
    fresh: float = -LATE_SECONDS
    soon: float = math.inf

    def __post_init__(self) -> None:
        self.reach(self.now)

    def reach(self, now: float) -> None:
        """Be at `now`."""
        self.now, self.fresh = now, now - LATE_SECONDS
        self.soon = now + 1.0 if self.replaying else math.inf

    def of(self, at: float | None) -> float:
        """The time of a record that tells `at`; never in the future of the clock."""
        if at is None:
            return self.now
        if self.replaying and at > self.now:
            self.reach(at)
        return min(at, self.now)


class Mover:
    """Moves the series of one application for one service; `part` names the present stream."""

    def __init__(
        self, registry: Registry, drains: Drains, moment: Moment, service: str, zone: tzinfo
    ) -> None:
        self.zone = zone
        self.registry = registry
        self.drains = drains
        self.moment = moment
        self.service = service
        self.part = ""
        self.since: float | None = None  # the envelope's time, where the line has one
        self._known: dict[tuple[Effect, tuple[str, ...]], int] = {}

    def move(self, update: Update, at: float | None) -> None:
        """Do what one update says; `at` is the record's time, seconds since 1970."""
        effect = update.effect
        match effect.action:
            case "count":
                self.registry.values[self.index(effect, update.labels)] += update.value
            case "observe":
                self._observe(update, at)
            case "set":
                self._set(update, at)
            case "read":
                self.moment.of(at)
                self._stamp(update, self.moment.now)
            case "stamp":
                self._stamp(update, self.moment.of(at))
            case "drain":
                self._drain(update, self.moment.of(at))

    def locate(self, effect: Effect, lookup: Lookup) -> int:
        """Where a record with these fields moves the effect's series, or NOTHING."""
        labels = effect.label_texts(lookup)
        if labels is None:
            return NOTHING
        return (self.cell if effect.action == "set" else self.index)(effect, labels)

    def index(self, effect: Effect, labels: tuple[str, ...]) -> int:
        """Where the numbers of the effect's series begin in the arena."""
        index = self._known.get((effect, labels))
        if index is None:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            now = self.moment.now
            index = self.registry.cell(effect.family, labels, now, self.service).index
            self._known[effect, labels] = index
        return index

    def forget(self) -> None:
        """Forget where series lie: some may lie elsewhere now."""
        self._known.clear()

    def cell(self, effect: Effect, labels: tuple[str, ...]) -> int:
        """Where the present stream writes a windowed gauge."""
        series = self.registry.cell(effect.family, labels, self.moment.now, self.service)
        setting = effect.setting
        if setting is None:
            return series.index
        part = self.part if setting.per_stream else ""
        return self.registry.window(series, setting.aggregate, setting.window, part)

    def is_late(self, at: float | None) -> bool:
        """Whether a record is too old to set a gauge; in a replay it may move the present."""
        if at is not None:
            self.arrive(at)
        return at is not None and at < self.moment.fresh

    def arrive(self, at: float) -> None:
        """Be at a record's time, where that moves the present."""
        self.moment.of(at)
        if self.moment.replaying and at >= self.moment.fresh:
            self.registry.windows.turn(self.moment.now, self.registry.values)

    def late(self) -> None:
        """Count a record that is too old to set a gauge."""
        self.registry.values[self.index(LATE, (self.service,))] += 1.0

    def _observe(self, update: Update, at: float | None) -> None:
        bounds = update.effect.family.buckets
        start = self.index(update.effect, update.labels)
        cell = start + bisect_left(bounds, update.value)
        self.registry.values[cell] += 1.0
        self.registry.values[start + len(bounds) + 1] += update.value
        if update.exemplar and update.effect.exemplar:
            when = self.moment.of(at)
            name = update.effect.exemplar
            self.registry.exemplars[cell] = (name, update.exemplar, update.value, when)

    def _set(self, update: Update, at: float | None) -> None:
        if self.is_late(at):
            self.late()
            return
        cell = self.cell(update.effect, update.labels)
        aggregate = update.effect.setting.aggregate if update.effect.setting else "last"
        values = self.registry.values
        values[cell] = gathered(aggregate, values[cell], update.value)

    def _stamp(self, update: Update, when: float) -> None:
        index = self.index(update.effect, update.labels)
        before = self.registry.values[index]
        if math.isnan(before) or when > before:
            self.registry.values[index] = when

    def _drain(self, update: Update, when: float) -> None:
        drain = update.effect.drain
        if drain is not None:
            self.drains.step(self.service, drain.step, when, update.value)


def gathered(aggregate: str, before: float, value: float) -> float:
    """What a gauge's cell holds after one more value."""
    if (
        aggregate == "last"
        or math.isnan(before)
        or before == EMPTY["min"]
        or before == EMPTY["max"]
    ):
        return value
    if aggregate == "sum":
        return before + value
    return min(before, value) if aggregate == "min" else max(before, value)
