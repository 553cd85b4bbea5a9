"""Those who watch the same target at the same time: what each costs, as a table with ratios."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from growing.findings import Measure, cell, number
from growing.measure import Page, Spread, cpu_seconds, memory_mib


@dataclass
class Rival:
    """A process, its page, and what was measured of it."""

    name: str
    pid: int
    page: Page
    values: dict[Measure, list[float]] = field(default_factory=dict)

    def add(self, measure: Measure, value: float) -> None:
        self.values.setdefault(measure, []).append(value)

    def cpu(self) -> float:
        return cpu_seconds(self.pid)

    def memory(self) -> float:
        return memory_mib(self.pid)

    def spread(self, measure: Measure) -> Spread | None:
        found = self.values.get(measure)
        return Spread(tuple(found)) if found else None


def table(rivals: Sequence[Rival], measures: Sequence[Measure]) -> str:
    """A row for each measure, the first rival's beside the others' and the ratios to it."""
    first, *others = rivals
    names = [first.name]
    for other in others:
        names += [other.name, "ratio"]
    rows = [f"| | {' | '.join(names)} |", f"| --- | {' | '.join('---:' for _ in names)} |"]
    for measure in measures:
        ours = first.spread(measure)
        cells = [cell(ours)]
        for other in others:
            theirs = other.spread(measure)
            cells += [cell(theirs), ratio(ours, theirs)]
        rows.append(f"| {measure.heading} | {' | '.join(cells)} |")
    return "\n".join(rows)


def ratio(ours: Spread | None, theirs: Spread | None) -> str:
    """How many times theirs is ours, round by round where there are as many of both."""
    if ours is None or theirs is None or 0 in ours.values:
        return ""
    if len(ours.values) != len(theirs.values):
        return f"{number(theirs.median / ours.median)}"
    each = [b / a for a, b in zip(ours.values, theirs.values, strict=True)]
    if len(each) == 1:
        return number(each[0])
    return f"{number(statistics.median(each))} ({number(min(each))}-{number(max(each))})"
