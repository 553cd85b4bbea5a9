"""Counting that adapts: exactly while that is cheap, then up to a cap, then as the planner guesses.

A form that takes too long gives way to the next cheaper one, and is tried again later: more seldom
each time that it fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
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
LONGEST_RETRY = 320
MAX_GUESSES = 200  # queues times states that the planner is asked for in one go

Form = Literal["exact", "capped", "estimated"]
CHEAPER: dict[Form, Form] = {"exact": "capped", "capped": "estimated"}
DEARER: dict[Form, Form] = {"capped": "exact", "estimated": "capped"}


@dataclass(slots=True)
class Counter:
    """In which form one query counts now. `patience` is how many answers it stays cheaper.

    `many` says that there were more jobs than are counted one by one without a thought.
    """

    query: Query
    counting: Counting
    form: Form = "exact"
    answers: int = 0
    patience: int = field(default_factory=lambda: RETRY_RUNS)
    trying: Form | None = None
    many: bool = False

    async def ask(
        self,
        session: Session,
        known: Sequence[str],
        timeout: float,  # noqa: ASYNC109 - the server's time-out
    ) -> list[Point]:
        """The jobs by queue and state. Raises QueryError, RowsError or SourceError."""
        form = self.trying = self._due()
        if form == "exact":
            points = list(
                self.query.points(await session.ask(self.query.wrapped(), timeout=timeout))
            )
            self.many = sum(point.value for point in points) > EXACT_ROWS
            self._counted(form, cheap=not self.many or self.counting.capped is None)
        elif form == "capped" and self.counting.capped is not None:
            cap = max(LEAST_CAP, EXACT_ROWS // max(1, len(known)))
            rows = await session.ask(self.counting.capped, list(known), cap, timeout=timeout)
            if len(rows) > self.query.most:
                raise RowsError(f"more than {self.query.most} queues and states")
            points = list(_capped(rows, cap, frozenset(known)))
            self._counted(form, cheap=True)
        else:
            points = await self._guess(session, known, timeout)
            self._counted(form, cheap=True)
        return points

    def yields(self, state: str) -> bool:
        """After a failure: whether there is a cheaper form to try at once."""
        form = self.trying or self.form
        cheaper = self._cheaper(form)
        if state != CANCELED or cheaper is None:
            return False
        if form != self.form:  # the dearer one is still too dear
            self.patience = min(2 * self.patience, LONGEST_RETRY)
            self.answers = 0
        else:
            self._become(cheaper)
        return True

    @property
    def seldom(self) -> bool:
        """Whether it is dear and has to stay so: one pass over many jobs."""
        return self.many and self.form == "exact"

    def _due(self) -> Form:
        """The form for this time: now and then the dearer one."""
        if self.form in DEARER and self.answers >= self.patience:
            return DEARER[self.form] if self.counting.capped is not None else "exact"
        return self.form

    def _cheaper(self, form: Form) -> Form | None:
        if form == "exact" and self.counting.capped is None:
            return "estimated"
        return CHEAPER.get(form)

    def _counted(self, form: Form, *, cheap: bool) -> None:
        """It was answered; where `cheap`, in a form that may be kept."""
        if cheap and form != self.form:
            self._become(form)
            self.patience = RETRY_RUNS
        elif not cheap:
            self._become(CHEAPER[form])
        else:
            self.answers += 1

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
