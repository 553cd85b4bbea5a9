"""All numbers and series of one application, and what of them is shown and saved.

All numbers lie in one arena of doubles, so the engine moves a counter by its index and a save is
one copy. What is *shown* is decided when a snapshot is taken, on the snapshot's copy: births,
hidden and withheld series never touch the counting itself.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from exporter.gauges import EMPTY, Aggregate, Window, Windows
from exporter.model import Exemplar, Family, Series, Snapshot
from exporter.registry.lives import Lives, pasts, size

OTHER = "other"
NAN = math.nan


class Registry:
    """The series of one application.

    `constant` are the labels that every series carries. `epoch` counts the changes after which an
    index handed out earlier may mean another series; who keeps indices compares it.
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
        self.dropped: Counter[tuple[str, str]] = Counter()
        self.on_create: Callable[[Series], None] | None = None
        self._floods: dict[str, tuple[int, int]] = {}  # by family: series, and the label of most
        self._limits = dict(limits or {})
        self._families: dict[str, Family] = {}
        self._series: dict[str, dict[tuple[str, ...], Series]] = {}
        self._lives = Lives()
        self._free: dict[int, list[int]] = {}
        self._rows: dict[str, tuple[Series, ...]] = {}
        self._layout: tuple[tuple[Family, tuple[Series, ...]], ...] | None = None

    @property
    def births(self) -> int:
        """How often a series was shown for the first time or hidden: a restart must remember."""
        return self._lives.births

    # -- creating ---------------------------------------------------------------------------

    def declare(self, family: Family, labels: tuple[str, ...], now: float) -> Series:
        """Have this series from the start, at 0 where it counts; it is never hidden."""
        series = self._get(family, labels, now, declared=True)
        self._lives.declare(series)
        return series

    def cell(self, family: Family, labels: tuple[str, ...], now: float, owner: str = "") -> Series:
        """The series of these labels, or of `other` where the family is full."""
        series = self._get(family, labels, now, declared=False)
        if owner:
            self._lives.own(series, owner)
        return series

    def window(self, series: Series, aggregate: Aggregate, seconds: float, part: str) -> int:
        """The arena index at which stream `part` writes this gauge; see `exporter.gauges`."""
        window = self.windows.find(series.index, part)
        if window is None:
            window = Window(aggregate, seconds, self._room(1, EMPTY[aggregate]))
            self.windows.add(series.index, part, window)
        self.windows.keep(window, seconds)
        return window.cell

    def inc(
        self, family: Family, labels: tuple[str, ...], now: float, by: float = 1.0, owner: str = ""
    ) -> None:
        """Add to a counter."""
        self.values[self.cell(family, labels, now, owner).index] += by

    def put(self, family: Family, labels: tuple[str, ...], now: float, value: float) -> None:
        """Set a gauge, for this run: no restart brings it back."""
        series = self.cell(family, labels, now)
        self.values[series.index] = value
        if family.kind == "gauge":
            self._lives.lend(series)

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
        last = series.index + max(1, size(series.family) - 1)
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
        series = Series(family, labels, self._room(size(family), empty), now)
        self._series[family.name][labels] = series
        self._lives.add(series, now, declared=declared)
        self._lay_anew(family.name)
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
        guilty = self._guilty(family, known)
        self.dropped[family.name, family.labels[guilty] if family.labels else ""] += 1
        folded = (*labels[:guilty], OTHER, *labels[guilty + 1 :])
        if folded in known or len(known) < limit + max(10, limit // 10):
            return folded
        named = zip(family.labels, labels, strict=True)
        return tuple(value if name == "service" else OTHER for name, value in named)

    def _guilty(self, family: Family, known: dict[tuple[str, ...], Series]) -> int:
        """Which label has the most values. It is asked at every overflow: a flood must be cheap."""
        count, guilty = self._floods.get(family.name, (0, 0))
        if count != len(known):
            guilty = max(
                range(len(family.labels)),
                key=lambda i: len({labels[i] for labels in known}),
                default=0,
            )
            self._floods[family.name] = len(known), guilty
        return guilty

    def _room(self, count: int, empty: float) -> int:
        free = self._free.get(count)
        if free:
            index = free.pop()
            for i in range(index, index + count):
                self.values[i] = empty
            return index
        index = len(self.values)
        self.values.extend([empty] * count)
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
            for series in self._lives.sweep(now, shown):
                self._forget(series)
            self._lives.settle(now, {*withheld, *late}, shown)
            self._lives.withhold(withheld, shown)
        return Snapshot(self.constant, self.layout(), shown, dict(self.exemplars))

    def layout(self) -> tuple[tuple[Family, tuple[Series, ...]], ...]:
        """The families by name, each with its series in the order of their creation."""
        if self._layout is None:
            for name in self._families.keys() - self._rows.keys():
                self._rows[name] = tuple(self._series[name].values())
            self._layout = tuple(
                (self._families[name], self._rows[name]) for name in sorted(self._families)
            )
        return self._layout

    def _lay_anew(self, name: str) -> None:
        self._rows.pop(name, None)
        self._layout = None

    def _forget(self, series: Series) -> None:
        index, count = series.index, size(series.family)
        del self._series[series.family.name][series.labels]
        self._floods.pop(series.family.name, None)
        for i in range(index, index + count):
            self.exemplars.pop(i, None)
        self._free.setdefault(count, []).append(index)
        self._free.setdefault(1, []).extend(self.windows.remove(index))
        self._lay_anew(series.family.name)
        self.epoch += 1

    # -- saving -----------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """What a restart needs to go on as if nothing had happened.

        Plain values and some that last: what a save takes of the loop is to copy a few columns.
        """
        return {
            "values": self.values.tobytes(),
            "windows": self.windows.dump(),
            "dropped": [[*key, count] for key, count in self.dropped.items()],
            "families": [
                [family.name, family.kind, family.labels, family.buckets]
                for family in self._families.values()
            ],
            "lives": self._lives.dump(),
        }

    def load(
        self, saved: Mapping[str, Any], families: Mapping[str, Family], now: float
    ) -> list[str]:
        """Take up what `dump` gave; the names of families left behind because they changed."""
        values = array("d", saved["values"])
        same = {row[0] for row in saved["families"] if _is_same(families.get(row[0]), row)}
        left: dict[str, None] = {}
        moved: dict[int, int] = {}
        for past in pasts(saved["lives"]):
            if past.family not in same:
                left[past.family] = None
                continue
            family = families[past.family]
            series = self._get(family, past.labels, past.created, declared=True)
            begin, count = series.index, size(family)
            self.values[begin : begin + count] = values[past.index : past.index + count]
            self._lives.revive(series, past, now)
            moved[past.index] = begin
        self.dropped.update({(metric, label): count for metric, label, count in saved["dropped"]})
        for row in saved["windows"]:
            if row[0] in moved:
                cell = self._room(1, values[row[4]])
                self.windows.load([[moved[row[0]], *row[1:4], cell, *row[5:]]])
        return list(left)


def _is_same(family: Family | None, row: Sequence[Any]) -> bool:
    """Whether the series of a saved family mean the same now."""
    _, kind, labels, buckets = row
    return family is not None and (family.kind, family.labels, family.buckets) == (
        kind,
        tuple(labels),
        tuple(buckets),
    )
