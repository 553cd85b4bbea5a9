"""Counting that adapts: exactly while that is cheap, then up to a cap, then as the planner guesses.

A form that takes too long gives way to the next cheaper one, and is tried again later: more seldom
each time that it fails. Where no index serves the cap, one pass over all jobs is the cheaper form.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from exporter.sources.postgres.known import MOST
from exporter.sources.postgres.query import QUEUE, Counting, Point, Query, RowsError
from exporter.sources.postgres.session import CANCELED, Session

JOBS = "watched_queue_jobs"
CAPPED = "watched_queue_count_capped"
ESTIMATED = "watched_queue_count_estimated"
EXACT_ROWS = 10_000  # as many live jobs are counted one by one; capped, the queues share them
LEAST_CAP = 1_000
RETRY_RUNS = 20  # answers of a cheaper form after which the dearer one is tried again
MANY_RUNS = 40  # and one pass over many jobs, whose cost is the measure of what may be spent
LONGEST_RETRY = 320
DEAR_SECONDS = 0.05  # below that no form is worth comparing
MAX_GUESSES = 200  # queues times states that the planner is asked for in one go

Form = Literal["exact", "capped", "estimated"]


@dataclass(slots=True)
class Counter:
    """In which form one query counts now. `patience` is how many answers it stays in another.

    `many` says that there are more jobs than are counted one by one while that is cheap; `took`
    how long the last answer in each form took, endlessly where there was none in time.
    """

    query: Query
    counting: Counting
    form: Form = "exact"
    many: bool = False
    answers: int = 0
    patience: int = field(default_factory=lambda: RETRY_RUNS)
    trying: Form | None = None
    took: dict[Form, float] = field(default_factory=dict)
    now: Callable[[], float] = field(default=time.monotonic, repr=False)

    @property
    def pass_seconds(self) -> float | None:
        """How long the last pass over all jobs took, where there was one."""
        took = self.took.get("exact", math.inf)
        return took if math.isfinite(took) else None

    async def ask(
        self,
        session: Session,
        known: Sequence[str],
        timeout: float,  # noqa: ASYNC109 - the server's time-out
    ) -> list[Point]:
        """The jobs by queue and state. Raises QueryError, RowsError or SourceError."""
        form = self.trying = self._due()
        began, many = self.now(), True
        if form == "exact":
            points = list(
                self.query.points(await session.ask(self.query.wrapped(), timeout=timeout))
            )
            many = sum(point.value for point in points) > EXACT_ROWS
        elif form == "capped" and self.counting.capped is not None:
            cap = max(LEAST_CAP, EXACT_ROWS // max(1, len(known)))
            rows = await session.ask(self.counting.capped, list(known), cap, timeout=timeout)
            if len(rows) > self.query.most:
                raise RowsError(f"more than {self.query.most} queues and states")
            points = list(_capped(rows, cap, frozenset(known)))
            many = self.pass_seconds is None or _beyond(rows, cap)
        else:
            points = await self._guess(session, known, timeout)
        self.took[form] = self.now() - began
        self._counted(form, many=many)
        return points

    def yields(self, state: str) -> bool:
        """After a failure: whether there is another form to try at once."""
        form = self.trying or self.form
        if state != CANCELED or form == "estimated":
            return False
        self.took[form] = math.inf
        if form != self.form:  # the other one is still too dear
            self.patience = min(2 * self.patience, LONGEST_RETRY)
            self.answers = 0
        elif form == "capped" and self._better_exact():
            self._become("exact")
        else:
            self._become("capped" if form == "exact" and self.counting.capped else "estimated")
            self.many = True
        return True

    def _due(self) -> Form:
        """The form for this time: now and then another one."""
        if self.answers < self.patience or (self.form == "exact" and not self.many):
            return self.form
        return "exact" if self.form == "capped" or not self.counting.capped else "capped"

    def _counted(self, form: Form, *, many: bool) -> None:
        """It was answered: keep a form, or take another."""
        before, best = self.form, form
        if form != "estimated":
            best = "exact" if not many or self._better_exact() else "capped"
        self.many = many
        if best == form == before:
            self.answers += 1
            return
        self._become(best)
        if best == form or not many:
            self.patience = RETRY_RUNS
        elif form == "exact":
            self.patience = max(self.patience, MANY_RUNS)
        else:  # as dear as before
            self.patience = min(2 * self.patience, LONGEST_RETRY)

    def _better_exact(self) -> bool:
        """Whether one pass over all jobs is known to take less than looking for a few of each."""
        if not self.counting.capped:
            return True
        exact = self.took.get("exact", math.inf)
        return self.took.get("capped", 0.0) > max(DEAR_SECONDS, exact)

    def _become(self, form: Form) -> None:
        self.form, self.answers = form, 0

    async def _guess(
        self,
        session: Session,
        known: Sequence[str],
        timeout: float,  # noqa: ASYNC109 - the server's time-out
    ) -> list[Point]:
        rows = await session.ask(self.counting.names, timeout=timeout)
        names = dict.fromkeys([*known, *(name for (name,) in rows)])
        points = []
        pairs = [(queue, state) for queue in names for state in self.counting.estimated]
        for queue, state in pairs[:MAX_GUESSES]:
            sql = self.counting.estimated[state].replace(QUEUE, _literal(queue))
            rows = await session.ask(f"EXPLAIN (FORMAT JSON) {sql}", timeout=timeout)
            points.append(Point(JOBS, {"queue": queue, "state": state}, _planned(rows)))
        asked = dict.fromkeys(point.labels["queue"] for point in points)
        return [*points, *(Point(ESTIMATED, {"queue": queue}, 1.0) for queue in asked)]


def _capped(rows: Sequence[Sequence[Any]], cap: int, known: frozenset[str]) -> Iterator[Point]:
    """The jobs, and whether there are more: also where there may be queues that nobody named."""
    beyond: dict[str, bool] = {}
    for queue, state, jobs in rows:
        yield Point(JOBS, {"queue": queue, "state": state}, min(jobs, float(cap)))
        unnamed = len(known) >= MOST and queue not in known
        beyond[queue] = beyond.get(queue, unnamed) or jobs > cap
    for queue, more in beyond.items():
        yield Point(CAPPED, {"queue": queue}, float(more))


def _beyond(rows: Sequence[Sequence[Any]], cap: int) -> bool:
    """Whether there may be more jobs than are counted one by one."""
    counts = [jobs for _, _, jobs in rows]
    return max(counts, default=0) > cap or sum(counts) > EXACT_ROWS


def _planned(rows: Sequence[Sequence[Any]]) -> float:
    """The rows that the planner expects. Raises RowsError."""
    try:
        return float(json.loads(rows[0][0])[0]["Plan"]["Plan Rows"])
    except (ValueError, LookupError, TypeError):
        raise RowsError("EXPLAIN answered in a form of its own") from None


def _literal(text: str) -> str:
    """A string for SQL, whatever is in it and whatever standard_conforming_strings says."""
    quoted = text.replace("'", "''").replace("\\", "\\\\")
    return f"E'{quoted}'"
