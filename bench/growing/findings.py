"""What a curve found: values by point and measure, told as a table and as ratios."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from growing.measure import Spread


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

    def spread(self, point: float, measure: Measure) -> Spread | None:
        found = self.values.get((point, measure))
        return Spread(tuple(found)) if found else None

    def line(self, measure: Measure) -> list[tuple[float, Spread]]:
        """The measure over the points that have it."""
        spreads = [(point, self.spread(point, measure)) for point in self.points()]
        return [(point, spread) for point, spread in spreads if spread is not None]


def table(curve: Curve) -> str:
    """All of it in Markdown: medians, with the spread in brackets."""
    shown = [measure for measure in curve.measures if curve.line(measure)]
    head = f"| {curve.what} | {' | '.join(each.heading for each in shown)} |"
    rule = f"| ---: | {' | '.join('---:' for _ in shown)} |"
    rows = [
        f"| {point:,.0f} | {' | '.join(cell(curve.spread(point, each)) for each in shown)} |"
        for point in curve.points()
    ]
    told = [f"- {line}" for line in (*growth(curve), *curve.notes)]
    return "\n".join([head, rule, *rows, "", *told])


def cell(spread: Spread | None) -> str:
    """A median with its spread, or with none where it was measured once."""
    if spread is None:
        return ""
    text = number(spread.median)
    if len(spread.values) > 1:
        text += f" ({number(spread.low)}-{number(spread.high)})"
    return text


def number(value: float) -> str:
    """Three digits that count."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(digits, 4)}f}"


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
                steps.append(f"{number(after.median / before.median)} for {high / low:g}")
        (low, first), (high, last) = line[0], line[-1]
        if first.median > 0:
            whole = f"{number(last.median / first.median)} times for {high / low:g} times"
            told.append(f"{measure.name}: {whole} ({'; '.join(steps)})")
    return told
