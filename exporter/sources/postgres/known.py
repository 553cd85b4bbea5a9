"""The queues that are known: their zeros are told, and a flood of names is told as one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from exporter.sources.postgres.budget import Many
from exporter.sources.postgres.query import Fill, Point

MOST = 100  # names of one library; the rest of them are `other`
OTHER = "other"
NAMELESS = "none"  # of a queue whose name is empty, as a label cannot be
FORGET_SECONDS = 86_400.0
PROGRESS = "progress"  # the clock that tells how long ago something was done


class Known(Struct):
    """Names by the time at which a row last had them; those not met for a day are forgotten.

    `many` is there where there are too many jobs to ask about them each time.
    """

    many: Many | None = None
    _met: dict[str, float] = field(default_factory=dict)

    def names(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self._met)

    def admit(self, name: str, now: float) -> str:
        """The name by which this one is told."""
        if name not in self._met and len(self._met) >= MOST:
            return OTHER
        self._met[name] = now
        return name

    def forget(self, now: float) -> None:
        """Forget the names that no row had for a day."""
        for name, met in list(self._met.items()):
            if now - met >= FORGET_SECONDS:
                del self._met[name]

    def told(self, fill: Fill, points: Iterable[Point], now: float) -> Iterator[Point]:
        """The points with admitted names, and those that `fill` says where none was given.

        What is NaN is unknown, and not filled.
        """
        merged: dict[tuple[str, tuple[tuple[str, str], ...]], Point] = {}
        unknown: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
        for point in points:
            name = self.admit(point.labels[fill.per] or NAMELESS, now)
            here = replace(point, labels=_given({**point.labels, fill.per: name}))
            key = _key(here)
            if math.isnan(point.value):
                unknown.add(key)
                continue
            merged[key] = _merged(merged[key], here) if key in merged else here
        self.forget(now)
        yield from merged.values()
        for name in self._met:
            for metric, labels, value in fill.values:
                point = Point(metric, {fill.per: name, **labels}, value)
                if (key := _key(point)) not in merged and key not in unknown:
                    yield point


def _given(labels: dict[str, str]) -> dict[str, str]:
    """Without those that the row left empty, which belong to the row's other metrics."""
    return {name: text for name, text in labels.items() if text}


def _key(point: Point) -> tuple[str, tuple[tuple[str, str], ...]]:
    return point.metric, tuple(sorted(point.labels.items()))


def _merged(one: Point, other: Point) -> Point:
    """Two of the names that are told as one."""
    return replace(one, value=together(one.metric, one.labels, (one.value, other.value)))


def together(metric: str, labels: Mapping[str, str], values: Iterable[float]) -> float:
    """What queues that are told as one have together: all jobs, the oldest, the last progress."""
    if metric.endswith("_jobs"):
        return sum(values)
    return min(values) if labels.get("clock") == PROGRESS else max(values)
