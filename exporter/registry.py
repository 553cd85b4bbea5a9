"""The series of one application: create, bound, hide, snapshot.

All numbers lie in one arena of doubles, so the engine moves a counter by its index and a save is
one copy. What is *shown* is decided when a snapshot is taken, on the snapshot's copy: births,
hidden and withheld series never touch the counting itself.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from exporter.gauges import EMPTY, Aggregate, Window, Windows
from exporter.model import Exemplar, Family, Series, Snapshot

OTHER = "other"
NAN = math.nan
BIRTH_SECONDS = 30.0
HIDE_SECONDS = 3600.0
FORGET_SECONDS = 24 * 3600.0
SWEEP_SECONDS = 60.0


@dataclass(slots=True)
class Life:
    """What a series has been through; times in seconds since 1970.

    `born` is when it was first shown (NaN: never), `base` what is shown while its birth lasts,
    `seen` what the last sweep saw. `owners` are the services whose logs move it. A `lent` gauge is
    put there anew by each run, so a restart need not remember it.
    """

    series: Series
    declared: bool
    changed: float
    born: float = NAN
    base: tuple[float, ...] | None = None
    seen: float = NAN
    hidden: bool = False
    lent: bool = False
    owners: set[str] = field(default_factory=set)


class Registry:
    """The series of one application.

    `constant` are the labels that every series carries. `epoch` counts the changes after which an
    index handed out earlier may mean another series; who keeps indices compares it. `births` counts
    how often a series was shown for the first time or hidden, which a restart must remember.
    `on_create` is told of each new series (objectives follow their subjects so).
    """

    def __init__(
        self, constant: tuple[tuple[str, str], ...] = (), *, limits: Mapping[str, int] | None = None
    ) -> None:
        self.constant = constant
        self.values: array[float] = array("d")
        self.exemplars: dict[int, Exemplar] = {}
        self.windows = Windows()
        self.epoch = 0
        self.births = 0
        self.dropped: Counter[tuple[str, str]] = Counter()
        self.on_create: Callable[[Series], None] | None = None
        self._limits = dict(limits or {})
        self._families: dict[str, Family] = {}
        self._series: dict[str, dict[tuple[str, ...], Series]] = {}
        self._lives: dict[int, Life] = {}
        self._unsettled: set[int] = set()
        self._free: dict[int, list[int]] = {}
        self._layout: tuple[tuple[Family, tuple[Series, ...]], ...] | None = None
        self._swept = -math.inf

    # -- creating ---------------------------------------------------------------------------

    def declare(self, family: Family, labels: tuple[str, ...], now: float) -> Series:
        """Have this series from the start, at 0 where it counts; it is never hidden."""
        series = self._get(family, labels, now, declared=True)
        life = self._lives[series.index]
        if life.hidden:
            life.hidden, life.base = False, None
        life.declared = True
        return series

    def cell(self, family: Family, labels: tuple[str, ...], now: float, owner: str = "") -> Series:
        """The series of these labels, or of `other` where the family is full."""
        series = self._get(family, labels, now, declared=False)
        if owner:
            self._lives[series.index].owners.add(owner)
        return series

    def window(self, series: Series, aggregate: Aggregate, seconds: float, part: str) -> int:
        """The arena index at which stream `part` writes this gauge; see `exporter.gauges`."""
        window = self.windows.find(series.index, part)
        if window is None:
            window = Window(aggregate, seconds, self._room(1, EMPTY[aggregate]))
            self.windows.add(series.index, part, window)
        window.seconds = seconds
        return window.cell

    def inc(
        self, family: Family, labels: tuple[str, ...], now: float, by: float = 1.0, owner: str = ""
    ) -> None:
        """Add to a counter."""
        self.values[self.cell(family, labels, now, owner).index] += by

    def put(self, family: Family, labels: tuple[str, ...], now: float, value: float) -> None:
        """Set a gauge, for this run: no restart brings it back."""
        index = self.cell(family, labels, now).index
        self.values[index] = value
        self._lives[index].lent = family.kind == "gauge"

    def drop(self, family: Family, labels: tuple[str, ...]) -> None:
        """Show this gauge no more until it is set again: what is not known is not zero."""
        series = self._series.get(family.name, {}).get(labels)
        if series is not None:
            self.values[series.index] = NAN

    def value(self, name: str, labels: tuple[str, ...]) -> float | None:
        """The live number of a counter or gauge, or the sum of a histogram's buckets."""
        series = self._series.get(name, {}).get(labels)
        if series is None:
            return None
        size = _size(series.family)
        last = series.index + max(1, size - 1)
        return math.fsum(self.values[series.index : last])

    def _get(
        self, family: Family, labels: tuple[str, ...], now: float, *, declared: bool
    ) -> Series:
        known = self._series.get(family.name)
        if known is None:
            family = self._register(family)
            known = self._series[family.name]
        found = known.get(labels)
        if found is not None:
            return found
        if len(labels) != len(family.labels):
            raise ValueError(f"{family.name} has the labels {family.labels}, not {labels}")
        limit = self._limits.get(family.name, family.limit)
        if len(known) >= limit and not declared:
            labels = self._overflow(family, known, labels, limit)
            if labels in known:
                return known[labels]
        return self._create(self._families[family.name], labels, now, declared=declared)

    def _register(self, family: Family) -> Family:
        if any(a >= b for a, b in pairwise(family.buckets)):
            raise ValueError(f"{family.name}: buckets must rise: {family.buckets}")
        self._families[family.name] = family
        self._series[family.name] = {}
        return family

    def _create(
        self, family: Family, labels: tuple[str, ...], now: float, *, declared: bool
    ) -> Series:
        empty = NAN if family.kind == "gauge" else 0.0
        series = Series(family, labels, self._room(_size(family), empty), now)
        self._series[family.name][labels] = series
        self._lives[series.index] = Life(series, declared, now)
        self._unsettled.add(series.index)
        self._layout = None
        if self.on_create is not None:
            self.on_create(series)
        return series

    def _overflow(
        self,
        family: Family,
        known: dict[tuple[str, ...], Series],
        labels: tuple[str, ...],
        limit: int,
    ) -> tuple[str, ...]:
        """Labels with `other` for the one that floods, or for all where that floods too."""
        guilty = max(
            range(len(family.labels)), key=lambda i: len({labels[i] for labels in known}), default=0
        )
        self.dropped[family.name, family.labels[guilty] if family.labels else ""] += 1
        folded = (*labels[:guilty], OTHER, *labels[guilty + 1 :])
        if folded in known or len(known) < limit + max(10, limit // 10):
            return folded
        named = zip(family.labels, labels, strict=True)
        return tuple(value if name == "service" else OTHER for name, value in named)

    def _room(self, size: int, empty: float) -> int:
        free = self._free.get(size)
        if free:
            index = free.pop()
            for i in range(index, index + size):
                self.values[i] = empty
            return index
        index = len(self.values)
        self.values.extend([empty] * size)
        return index

    # -- showing ----------------------------------------------------------------------------

    def snapshot(
        self,
        now: float,
        *,
        withheld: Iterable[str] = (),
        late: Iterable[str] = (),
        final: bool = False,
    ) -> Snapshot:
        """What may be shown now. A series is born by being in a snapshot, so take one to show it.

        `withheld` names services that are catching up: their series are left out. `late` names
        those whose newest lines are old: no birth makes what they moved look like news. `final`
        shows every number as it is: no births, nothing hidden (what `replay` prints).
        """
        self.windows.turn(now, self.values)
        shown = self.values[:]
        self.windows.show(now, self.values, shown)
        if not final:
            self._sweep(now)
            self._settle(now, {*withheld, *late}, shown)
            self._withhold(frozenset(withheld), shown)
        return Snapshot(self.constant, self.layout(), shown, dict(self.exemplars))

    def layout(self) -> tuple[tuple[Family, tuple[Series, ...]], ...]:
        """The families by name, each with its series in the order of their creation."""
        if self._layout is None:
            self._layout = tuple(
                (self._families[name], tuple(self._series[name].values()))
                for name in sorted(self._families)
            )
        return self._layout

    def _settle(self, now: float, late: set[str], shown: array[float]) -> None:
        """Show what is being born at its base, what is hidden not at all."""
        for index in list(self._unsettled):
            life = self._lives[index]
            if life.hidden:
                shown[index] = NAN
            elif life.series.family.kind == "gauge":
                self._unsettled.discard(index)
            else:
                self._bear(index, life, now, shown, late=not late.isdisjoint(life.owners))

    def _bear(self, index: int, life: Life, now: float, shown: array[float], *, late: bool) -> None:
        size = _size(life.series.family)
        if math.isnan(life.born):
            life.born = now
            self.births += 1
            if life.base is None and any(self.values[index : index + size]):
                life.base = (0.0,) * size
        if late:
            life.base = None
        if life.base is None or now - life.born >= BIRTH_SECONDS:
            life.base = None
            self._unsettled.discard(index)
        else:
            shown[index : index + size] = array("d", life.base)

    def _withhold(self, services: frozenset[str], shown: array[float]) -> None:
        if not services:
            return
        for index, life in self._lives.items():
            # A stamp tells its own time: late, it is still true, and an event must not be lost.
            stamp = life.series.family.name.endswith("_timestamp_seconds")
            if not stamp and not services.isdisjoint(life.owners):
                shown[index] = NAN

    def _sweep(self, now: float) -> None:
        """Hide what has not moved for an hour, forget what has not for a day, resume what moves."""
        if 0 <= now - self._swept < SWEEP_SECONDS:
            for index in list(self._unsettled):
                self._age(self._lives[index], now)
            return
        self._swept = now
        for life in list(self._lives.values()):
            self._age(life, now)

    def _age(self, life: Life, now: float) -> None:
        if life.declared:
            return
        index, size = life.series.index, _size(life.series.family)
        gauge = life.series.family.kind == "gauge"
        total = self._present(index, now) if gauge else math.fsum(self.values[index : index + size])
        if total != life.seen and not math.isnan(total):
            life.seen, life.changed = total, now
            if life.hidden:
                life.hidden, life.born = False, NAN
        elif gauge and not math.isnan(total):
            life.changed = now
        elif now - life.changed >= FORGET_SECONDS:
            self._forget(life)
        elif now - life.changed >= HIDE_SECONDS and not gauge and not life.hidden:
            life.hidden = True
            self.births += 1
            life.base = tuple(self.values[index : index + size])
            self._unsettled.add(index)

    def _present(self, index: int, now: float) -> float:
        return self.windows.present(index, now, self.values)

    def _forget(self, life: Life) -> None:
        index, size = life.series.index, _size(life.series.family)
        del self._series[life.series.family.name][life.series.labels]
        del self._lives[index]
        self._unsettled.discard(index)
        for i in range(index, index + size):
            self.exemplars.pop(i, None)
        self._free.setdefault(size, []).append(index)
        self._free.setdefault(1, []).extend(self.windows.remove(index))
        self._layout = None
        self.epoch += 1

    # -- saving -----------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """Everything as plain values: what a restart needs to go on as if nothing had happened."""
        return {
            "values": self.values.tobytes(),
            "windows": self.windows.dump(),
            "dropped": [[*key, count] for key, count in self.dropped.items()],
            "families": [
                [family.name, family.kind, family.labels, family.buckets, self._rows(series)]
                for family, series in self.layout()
            ],
        }

    def _rows(self, series: tuple[Series, ...]) -> list[list[Any]]:
        lives = (self._lives[one.index] for one in series)
        return [
            [
                life.series.labels,
                life.series.index,
                life.series.created,
                life.changed,
                life.born,
                life.base,
                life.seen,
                life.hidden,
                life.declared,
                sorted(life.owners),
            ]
            for life in lives
            if not life.lent
        ]

    def load(
        self, saved: Mapping[str, Any], families: Mapping[str, Family], now: float
    ) -> list[str]:
        """Take up what `dump` gave; the names of families left behind because they changed."""
        values = array("d", saved["values"])
        left = []
        moved: dict[int, int] = {}
        for name, kind, labels, buckets, rows in saved["families"]:
            family = families.get(name)
            if family is None or (family.kind, family.labels, family.buckets) != (
                kind,
                tuple(labels),
                tuple(buckets),
            ):
                left += [name] if rows else []
                continue
            for row in rows:
                moved[row[1]] = self._revive(family, row, values, now)
        self.dropped.update({(metric, label): count for metric, label, count in saved["dropped"]})
        for row in saved["windows"]:
            if row[0] in moved:
                cell = self._room(1, values[row[4]])
                self.windows.load([[moved[row[0]], *row[1:4], cell, *row[5:]]])
        return left

    def _revive(self, family: Family, row: list[Any], values: array[float], now: float) -> int:
        labels, index, created, changed, born, base, seen, hidden, declared, owners = row
        series = self._get(family, tuple(labels), created, declared=True)
        size = _size(family)
        self.values[series.index : series.index + size] = values[index : index + size]
        life = self._lives[series.index]
        # What was declared will be so again when its service is met; until then it is not idle.
        life.declared, life.changed = False, now if declared else changed
        life.born, life.seen = born, seen
        life.base, life.hidden, life.owners = tuple(base) if base else None, hidden, set(owners)
        return series.index


def _size(family: Family) -> int:
    """How many numbers a series has in the arena."""
    return len(family.buckets) + 2 if family.kind == "histogram" else 1
