"""A kind of objective: the gauge that shows it, and whose series have one."""

from __future__ import annotations

import math
from typing import Any

from msgspec import Struct

# Who asks for all leaves no budget, and each failure would burn it infinitely fast.
BUDGETED = 0.99999

# Of rules/agledger.yaml and rules/tripl.yaml, each in the unit that its alert speaks of.
NATIVE = (
    "http_errors",
    "auth_failures",
    "verification_seconds",
    "pool_waiting",
    "job_failures",
    "auth_cache_hits",
    "task_failures",
    "delivery_failures",
)


class Goal(Struct, frozen=True):
    """A kind of objective: the gauge that shows it, and whose series have one.

    Every series of `subject` calls for the gauge; the labels `by` say which of the values is its
    own. Without a subject each value that is set has a gauge. `plural` is the key above them, ""
    where they stand alone, and `among` what the first of them may be, where that is known. `least`
    is how many of the labels a value must name, 0 where one value may be for all; `most` what it
    may be. `none` tells that 0 is an objective, too.
    """

    metric: str
    subject: str
    by: tuple[str, ...]
    plural: str
    type: Any
    least: int = 0
    most: float = math.inf
    none: bool = False
    among: tuple[str, ...] = ()
