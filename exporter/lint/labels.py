"""Which labels a vector's series have, surely or perhaps, as far as it is known."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

NOTHING: frozenset[str] = frozenset()


class Labels(Struct, frozen=True):
    """`has`: on every series; `maybe`: on some; `open`: any other, but for those in `lacks`."""

    has: frozenset[str] = NOTHING
    maybe: frozenset[str] = NOTHING
    open: bool = False
    lacks: frozenset[str] = NOTHING

    def can(self, label: str) -> bool:
        """Whether a series may have the label."""
        if label in self.has or label in self.maybe:
            return True
        return self.open and label not in self.lacks

    def by(self, labels: Iterable[str]) -> Labels:
        """What is left after `by (labels)`."""
        kept = frozenset(label for label in labels if self.can(label))
        return Labels(has=kept & self.has, maybe=kept - self.has)

    def without(self, labels: Iterable[str]) -> Labels:
        """What is left after `without (labels)`."""
        gone = frozenset(labels)
        return replace(self, has=self.has - gone, maybe=self.maybe - gone, lacks=self.lacks | gone)

    def adding(self, *labels: str, surely: bool = True) -> Labels:
        """With these labels too, surely or perhaps."""
        new = frozenset(labels)
        lacks = self.lacks - new
        if surely:
            return replace(self, has=self.has | new, maybe=self.maybe - new, lacks=lacks)
        return replace(self, maybe=self.maybe | (new - self.has), lacks=lacks)

    def either(self, other: Labels) -> Labels:
        """Of series that come from one side or the other."""
        has = self.has & other.has
        maybe = (self.has | other.has | self.maybe | other.maybe) - has
        if not (self.open or other.open):
            return Labels(has, maybe)
        lacks = frozenset(
            label for label in self.lacks | other.lacks if not self.can(label) | other.can(label)
        )
        return Labels(has, maybe, open=True, lacks=lacks)

    def __str__(self) -> str:
        return ", ".join(sorted(self.has | self.maybe)) or "no label"


NONE = Labels()
ANY = Labels(open=True)
