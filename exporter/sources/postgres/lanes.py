"""One query at work: when it runs, what it shows, and what is told of it."""

from __future__ import annotations

import math

from msgspec import Struct, field

from exporter.clock import Clock
from exporter.model import Board
from exporter.sources.postgres.budget import Pace
from exporter.sources.postgres.counting import Counter
from exporter.sources.postgres.introspect import Obstacle
from exporter.sources.postgres.known import together
from exporter.sources.postgres.query import Query

# A metric and its labels, as a set can hold them.
Key = tuple[str, tuple[tuple[str, str], ...]]


class Lane(Struct):
    """One query: when it runs, what it shows, and why it does not run.

    `here` says whether what it asks about is in this database at all. `obstacle` is what the
    introspection found, `trouble` what opened the circuit, and `told` the reason that is shown.
    """

    query: Query
    pace: Pace
    here: bool
    counter: Counter | None = None
    shown: set[Key] = field(default_factory=set)
    obstacle: Obstacle | None = None
    trouble: Obstacle | None = None
    told: str | None = None


def new_lane(query: Query, interval: float) -> Lane:
    """A query that was not asked yet; what may not be in the database waits until it is seen."""
    pace = Pace(query.interval or interval * query.spacing)
    if query.part is not None:
        pace.due = math.inf
    counter = None if query.counting is None else Counter(query, query.counting)
    return Lane(query, pace, here=query.part is None, counter=counter)


class Shown(Struct):
    """The values on the board. Of a queue that two libraries have, what both tell is one value."""

    board: Board
    _told: dict[Key, dict[str, float]] = field(default_factory=dict)

    def put(self, key: Key, query: str, value: float) -> None:
        """Show a gauge as this query tells it, with what others tell of it."""
        self._told.setdefault(key, {})[query] = value
        self._show(key)

    def drop(self, key: Key, query: str) -> None:
        """Show what others tell of it; nothing where nobody does."""
        self._told.get(key, {}).pop(query, None)
        if self._told.get(key):
            self._show(key)
        else:
            self._told.pop(key, None)
            self.board.drop(key[0], dict(key[1]))

    def _show(self, key: Key) -> None:
        metric, labels, values = key[0], dict(key[1]), self._told[key].values()
        self.board.put(metric, labels, together(metric, labels, values))


class Telling(Struct, frozen=True):
    """Shows how the queries themselves fare."""

    board: Board
    clock: Clock

    def failure(self, name: str, state: str) -> None:
        """Count by the class of the SQLSTATE, the two characters that stand first."""
        labels = {"query": name, "reason": state[:2] if len(state) == 5 else state}
        self.board.add("sidewatch_query_failures_total", labels)

    def took(self, one: Lane, seconds: float) -> None:
        """Show how long the last answer took."""
        self.board.put("sidewatch_query_duration_seconds", {"query": one.query.name}, seconds)

    def clock_of(self, one: Lane) -> None:
        """Show when the query was last answered, or now for one to be asked from now on."""
        labels = {"query": one.query.name}
        now = self.clock.now()
        self.board.put("sidewatch_query_last_success_timestamp_seconds", labels, now)
        self.board.put("sidewatch_query_interval_seconds", labels, one.pace.rest)

    def gone(self, one: Lane) -> None:
        """Show nothing of a query that is not asked any more."""
        for metric in ("duration", "last_success_timestamp", "interval"):
            self.board.drop(f"sidewatch_query_{metric}_seconds", {"query": one.query.name})

    def disabled(self, one: Lane) -> None:
        """Show why the query does not run, where it does not."""
        cause = one.obstacle or one.trouble
        reason = cause.reason if cause is not None else None
        if reason == one.told:
            return
        metric, name = "sidewatch_query_disabled", one.query.name
        if one.told is not None:
            self.board.drop(metric, {"query": name, "reason": one.told})
        if reason is not None:
            self.board.put(metric, {"query": name, "reason": reason}, 1.0)
        one.told = reason
