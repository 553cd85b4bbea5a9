"""Those who watch the same target at the same time: what each costs, as a table with ratios."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from report import ratios, table

from growing.findings import Measure, cell
from growing.measure import Page, cpu_seconds
from tests.support import costs


@dataclass
class Rival:
    """A process, its page, and what was measured of it, once a round."""

    name: str
    pid: int
    page: Page
    values: dict[Measure, list[float]] = field(default_factory=dict)

    def add(self, measure: Measure, value: float) -> None:
        self.values.setdefault(measure, []).append(value)

    def cpu(self) -> float:
        return cpu_seconds(self.pid)

    def memory(self) -> float:
        return costs.pss(self.pid)


def compared(rivals: Sequence[Rival], measures: Sequence[Measure]) -> str:
    """A row for each measure: the first rival's, and each other's with its ratio to that."""
    first, *others = rivals
    heads = ["", first.name]
    for other in others:
        heads += [other.name, "ratio"]
    return table(heads, (list(_row(each, first, others)) for each in measures))


def _row(measure: Measure, first: Rival, others: Sequence[Rival]) -> Iterator[str]:
    ours = first.values.get(measure, [])
    yield measure.heading
    yield cell(ours)
    for other in others:
        theirs = other.values.get(measure, [])
        yield cell(theirs)
        comparable = len(ours) == len(theirs) and 0 not in ours
        yield cell(ratios(theirs, ours)) if comparable else ""
