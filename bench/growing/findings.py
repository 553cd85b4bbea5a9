"""What a curve found: values by point and measure, told as a table and as ratios."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from report import figure, spread, table


@dataclass(frozen=True)
class Spread:
    """What was measured of one thing, once a round."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)


@dataclass(frozen=True)
class Measure:
    """A column. `plotted` ones of a curve have the same unit."""

    name: str
    unit: str
    plotted: bool = False

    @property
    def heading(self) -> str:
        return f"{self.name}, {self.unit}" if self.unit else self.name


@dataclass
class Curve:
    """Measures of points, which are the numbers of what grows. `notes` go below the table."""

    name: str
    what: str
    measures: Sequence[Measure]
    values: dict[tuple[float, Measure], list[float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, point: float, measure: Measure, value: float) -> None:
        """A round's value."""
        self.values.setdefault((point, measure), []).append(value)

    def points(self) -> list[float]:
        return sorted({point for point, _ in self.values})

    def line(self, measure: Measure) -> list[tuple[float, Spread]]:
        """The measure over the points that have it."""
        found = ((point, self.values.get((point, measure))) for point in self.points())
        return [(point, Spread(tuple(values))) for point, values in found if values]


def told(curve: Curve) -> str:
    """All of it in Markdown, with what it becomes when what grows becomes more."""
    shown = [measure for measure in curve.measures if curve.line(measure)]
    rows = [
        (f"{point:,.0f}", *(cell(curve.values.get((point, each))) for each in shown))
        for point in curve.points()
    ]
    below = [f"- {line}" for line in (*growth(curve), *curve.notes)]
    return "\n".join([table((curve.what, *(each.heading for each in shown)), rows), "", *below])


def cell(values: Sequence[float] | None) -> str:
    """A median with its spread, or the one value that all of them are."""
    if not values:
        return ""
    return spread(values) if len(set(values)) > 1 else figure(values[0])


def growth(curve: Curve) -> list[str]:
    """For each plotted measure, what it becomes when what grows becomes so many times more."""
    told = []
    for measure in curve.measures:
        line = curve.line(measure)
        if not measure.plotted or len(line) < 2:
            continue
        steps = []
        for (low, before), (high, after) in pairwise(line):
            if before.median > 0:
                steps.append(f"{figure(after.median / before.median)} for {high / low:g}")
        (low, first), (high, last) = line[0], line[-1]
        if first.median > 0:
            whole = f"{figure(last.median / first.median)} times for {high / low:g} times"
            told.append(f"{measure.name}: {whole} ({'; '.join(steps)})")
    return told
