"""When a query runs next: on its interval, later where it costs too much or keeps failing."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec import Struct

SHARE = 0.05  # of the time: a query that took 1 s rests for 20 s
OPENS_AFTER = 2  # failures in a row
LONGEST_REST = 300.0
MANY_SLACK = 4  # intervals between two askings about many jobs, but for their number
COUNT_SHARE = 0.15  # of one pass over all jobs: what counting them may cost an interval
OTHER_SHARE = 0.06  # and each other question about them
CHEAPEST_PASS = 0.02  # seconds: less is not worth sparing
LONGEST_SLACK = 600.0  # seconds that a dear question may rest for the sake of these
KEPT_INTERVALS = 3  # how long a value that is not refreshed is shown


class Many(Struct, frozen=True):
    """That there are many jobs; `pass_seconds` is what one pass over all of them took, if known.

    That pass is the measure of what may be spent on them: it is what a person would ask.
    """

    pass_seconds: float | None

    def slack(self, took: float, interval: float, spacing: int, *, counts: bool = False) -> float:
        """How much longer than its interval a question that `took` seconds is to rest.

        `spacing` is how many rounds its interval has.
        """
        least = 1 if counts else MANY_SLACK
        if not self.pass_seconds:
            return least
        share = COUNT_SHARE if counts else OTHER_SHARE
        wanted = took / (max(self.pass_seconds, CHEAPEST_PASS) * share * spacing)
        return max(least, min(wanted, LONGEST_SLACK / interval))


def _jitter() -> float:
    return random.uniform(0.95, 1.05)  # noqa: S311 - jitter is no secret


@dataclass(slots=True)
class Pace:
    """The clock of one query, in seconds of a clock that never goes back.

    `rest` is how long it now waits between two runs; `due` when it runs next.
    """

    interval: float
    due: float = 0.0
    jitter: Callable[[], float] = field(default=_jitter, repr=False)
    failures: int = 0
    rest: float = 0.0
    fresh_until: float = 0.0

    def __post_init__(self) -> None:
        self.rest = self.interval

    def succeeded(self, now: float, took: float, slack: float = 1) -> None:
        """It ran, and took so long; it may rest for `slack` intervals."""
        self.failures = 0
        self.rest = max(slack * self.interval, took / SHARE)
        self.due = now + self.rest * self.jitter()
        self.fresh_until = now + KEPT_INTERVALS * self.rest

    def failed(self, now: float) -> None:
        """It did not run; the second time in a row opens the circuit, and its rest doubles."""
        self.failures += 1
        doublings = max(0, self.failures - OPENS_AFTER + 1)
        self.rest = min(self.interval * 2**doublings, max(self.interval, LONGEST_REST))
        self.due = now + self.rest * self.jitter()

    def postpone(self, now: float) -> None:
        """It is not to run now, which says nothing about it."""
        self.due = now + self.interval * self.jitter()

    def resume(self, now: float) -> None:
        """What stood in its way may be gone: forget the failures, and run it soon."""
        self.failures = 0
        self.rest = self.interval
        self.due = now

    @property
    def open(self) -> bool:
        """Whether it is held off because it failed twice in a row."""
        return self.failures >= OPENS_AFTER


class Backoff:
    """Pauses between attempts to connect: doubling and jittered, so that replicas spread."""

    def __init__(self, first: float = 0.5, longest: float = 8.0) -> None:
        self._first, self._longest = first, longest
        self._pause = first

    def next(self) -> float:
        """How long to wait before the next attempt."""
        pause = self._pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter is no secret
        self._pause = min(2 * self._pause, self._longest)
        return pause

    def reset(self) -> None:
        """An attempt succeeded."""
        self._pause = self._first
