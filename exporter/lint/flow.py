"""What is known of an expression's value: the record that inference fills in."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from exporter.lint.labels import NONE, Labels
from exporter.lint.metrics import Kind, Metric, Unit
from exporter.lint.span import ANYTHING, Span


class Flow(Struct, frozen=True):
    """Labels, bounds and kind of the series that an expression gives.

    `scalar`: one number, no vector. `summed`: a counter put together of several processes'.
    `conditional`: something must be the case for it to give anything. `constant`: always there
    (`vector(1)`). `apart`: sidewatch's metrics in it whose instances were not put together yet.
    `pinned`: labels that have one value only. `key`: labels by which each series is the only one,
    where a pick of one has seen to that. `guessed`: the kind is what the name looks like.
    """

    labels: Labels = NONE
    span: Span = ANYTHING
    kind: Kind | None = None
    unit: Unit | None = None
    scalar: bool = False
    summed: bool = False
    conditional: bool = False
    constant: bool = False
    apart: frozenset[Metric] = frozenset()
    pinned: frozenset[str] = frozenset()
    key: frozenset[str] | None = None
    guessed: bool = False

    def changed(self) -> Flow:
        """The same series, each with a value that was calculated from its own."""
        return replace(self.bare(), apart=frozenset(each.changed() for each in self.apart))

    def bare(self) -> Flow:
        """The same series, with a value of which nothing is known."""
        return replace(self, span=ANYTHING, kind=None, unit=None, summed=False, guessed=False)
