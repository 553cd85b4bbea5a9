"""How much is to be measured: everything, or a look.

A series is shown with its value half a minute after it was born, so that holding the totals costs
that time: a look does without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Effort:
    """`share` is how long a window lasts beside the full one."""

    rounds: int
    share: float
    quick: bool

    def of(self, full: Sequence[T], quick: Sequence[T]) -> Sequence[T]:
        """The points to measure."""
        return quick if self.quick else full

    def seconds(self, full: float, least: float = 1.0) -> float:
        """How long a window lasts."""
        return max(least, full * self.share)


FULL = Effort(rounds=5, share=1.0, quick=False)
QUICK = Effort(rounds=2, share=0.25, quick=True)
