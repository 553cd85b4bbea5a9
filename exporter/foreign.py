"""What others tell of an application: gauges that may become unknown, and totals not our own.

A total of Postgres or Docker begins anew when they restart. What is shown is the sum of its
increases, from 0 when sidewatch first saw it, so that it never goes backwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from exporter.model import Family
from exporter.registry import FORGET_SECONDS, Registry

Key = tuple[str, tuple[str, ...]]


class Total(Struct):
    """The last total that was told, `at` when. `parked` is our sum while it is not shown."""

    raw: float
    epoch: str
    at: float
    parked: float | None = None

    def increase(self, raw: float, epoch: str) -> float:
        """By how much it grew. A new epoch says nothing of what was before it."""
        if epoch != self.epoch:
            return 0.0
        return raw - self.raw if raw >= self.raw else raw


class Foreign:
    """The foreign series of one registry, whose saved values are unknown after a restart."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._gauges: dict[Key, None] = {}
        self._totals: dict[Key, Total] = {}

    def put(self, family: Family, labels: tuple[str, ...], now: float, value: float) -> None:
        """Set a gauge."""
        self._gauges[family.name, labels] = None
        self._registry.put(family, labels, now, value)

    def count(
        self, family: Family, labels: tuple[str, ...], now: float, raw: float, epoch: str
    ) -> None:
        """Take note of a foreign total; `epoch` changes where it is known to start anew."""
        series = self._registry.cell(family, labels, now)
        if series.labels == labels:
            self._registry.declare(family, labels, now)  # a total that rests is still known
        total = self._totals.setdefault((family.name, labels), Total(raw, epoch, now))
        values = self._registry.values
        if math.isnan(values[series.index]):
            values[series.index] = total.parked or 0.0
        values[series.index] += total.increase(raw, epoch)
        total.raw, total.epoch, total.at, total.parked = raw, epoch, now, None

    def drop(self, family: Family, labels: tuple[str, ...]) -> None:
        """Show this gauge or total no more until it is told again."""
        self._gauges.pop((family.name, labels), None)
        total = self._totals.get((family.name, labels))
        if total is not None:
            value = self._registry.value(family.name, labels)
            if value is not None and not math.isnan(value):
                total.parked = value
        self._registry.drop(family, labels)

    def gauges(self) -> Iterator[Key]:
        """The gauges that are told now: metric and label values."""
        return iter(tuple(self._gauges))

    def dump(self, now: float) -> dict[str, Any]:
        """Everything as plain values; totals not told of for a day are forgotten."""
        for key, total in list(self._totals.items()):
            if now - total.at >= FORGET_SECONDS:
                del self._totals[key]
        return {
            "gauges": list(self._gauges),
            "totals": [
                (*key, one.raw, one.epoch, one.at, one.parked) for key, one in self._totals.items()
            ],
        }

    def load(self, saved: Mapping[str, Any], families: Mapping[str, Family]) -> None:
        """Take up what `dump` gave, after the registry has; nothing of it is known any more."""
        for name, labels, raw, epoch, at, parked in saved.get("totals", ()):
            if name in families:
                self._totals[name, tuple(labels)] = Total(raw, epoch, at, parked)
                self.drop(families[name], tuple(labels))
        for name, labels in saved.get("gauges", ()):
            if name in families:
                self.drop(families[name], tuple(labels))
