"""A queue library made into queries.

The library's fragments are small because everything else is the same for all of them: which states,
clocks and windows there are, that zeros are told, and how to count where there is much of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from exporter.sources.postgres.query import QUEUE, Counting, Fill, Needs, Part, Query
from exporter.sources.postgres.queues import (
    Columns,
    Ended,
    Generation,
    Jobs,
    Kept,
    Library,
    Schedules,
    Stamp,
    Workers,
)

# Windows by the value of their label: a column of ours, and their length.
WINDOWS = {"15m": ("quarter", "15 minutes"), "1h": ("hour", "1 hour")}
LONGEST_WINDOW = 3600
PLACEHOLDER = re.compile(r"(')?\{([a-z_]+)\}(?(1)')")  # {schema}, or '{timeout}' with its quotes
SEARCHED = 1_000  # rows looked through for queues that are not known
MAX_ROWS = 20_000
SELDOM = 4  # intervals between questions that no alert waits for


def queries(library: Library, names: Mapping[str, str], *, asked: bool) -> Iterator[Query]:
    """Every query of every generation; `names` are those that this installation has changed.

    `asked` says that the configuration names the library, so that it is missed where it is not.
    """
    words = {**library.names, **names}
    for order, each in enumerate(library.generations):
        signs, lacks = _named(each.signs, words), _named(each.lacks, words)
        part = Part(library.library, order, signs, lacks, asked, each.generation)
        yield from _Compiler(library, each, part, words).queries()


class _Compiler(Struct, frozen=True):
    """Makes the queries of one generation of a library."""

    library: Library
    generation: Generation
    part: Part
    words: Mapping[str, str]

    def queries(self) -> Iterator[Query]:
        jobs, generation = self.generation.jobs, self.generation
        yield self._count(jobs)
        if clocks := self._clocks("due", "claimed"):
            yield clocks
        if clocks := self._clocks("enqueued"):
            yield clocks
        if jobs.stuck:
            yield self._stuck(jobs)
        if generation.kept is not None:
            yield self._kept(generation.kept)
        if generation.ended is not None:
            yield self._ended(generation.ended)
        if generation.workers is not None:
            yield self._workers(generation.workers)
        for name, stamp in generation.heartbeats.items():
            yield self._heartbeat(name, stamp)
        if generation.schedules is not None:
            yield self._schedules(generation.schedules)

    # -- jobs that have not ended -------------------------------------------------------------

    def _count(self, jobs: Jobs) -> Query:
        """Count all states in one pass; a state that no row is in is told by the fill.

        One row tells that there is a queue; more would be too many where there are thousands.
        """
        known = ""
        if jobs.queues is not None:
            nothing = ", ".join("0" for _ in jobs.states)
            known = f"UNION ALL SELECT k.name::text, {nothing} FROM ({jobs.queues}) AS k (name)"
        counts = ", ".join(
            f"count(*) FILTER (WHERE {test}) AS {state}" for state, test in jobs.states.items()
        )
        each = ", ".join(f"('{state}', counted.{state})" for state in jobs.states)
        sql = f"""
            SELECT counted.queue, each.state, sum(each.jobs) AS jobs FROM (
              SELECT ({jobs.queue})::text AS queue, {counts}
              FROM {jobs.from_} WHERE {jobs.where} GROUP BY 1 {known}
            ) AS counted CROSS JOIN LATERAL (VALUES {each}) AS each (state, jobs)
            WHERE counted.queue IS NOT NULL GROUP BY 1, 2
            HAVING sum(each.jobs) > 0 OR each.state = '{next(iter(jobs.states))}'"""
        zeros = [("watched_queue_jobs", {"state": state}, 0.0) for state in jobs.states]
        flags: list[tuple[str, dict[str, str], float]] = [
            (f"watched_queue_count_{how}", {}, 0.0) for how in ("capped", "estimated")
        ]
        return self._query(
            "jobs",
            sql,
            jobs.needs,
            metrics={"watched_queue_jobs": "jobs"},
            labels=("queue", "state"),
            fill=self._fill([*zeros, *flags]),
            counting=Counting(
                self._sql(f"SELECT queue FROM ({self._names(jobs)}) AS names"),
                self._sql(self._capped(jobs)) if jobs.capped else None,
                self._estimated(jobs),
            ),
        )

    def _names(self, jobs: Jobs) -> str:
        """Queues of the rows that lie first, whatever their state: no condition, so no search."""
        listed = (
            f"UNION SELECT k.name::text FROM ({jobs.queues}) AS k (name)" if jobs.queues else ""
        )
        return f"""
            SELECT queue FROM (
              SELECT ({jobs.queue})::text AS queue FROM {jobs.from_} LIMIT {SEARCHED}
            ) AS searched WHERE queue IS NOT NULL {listed}"""

    def _capped(self, jobs: Jobs) -> str:
        """Count each queue and state apart, by an index where there is one, up to the cap."""
        counts = " UNION ALL ".join(
            f"SELECT '{state}' AS state, (SELECT count(*) FROM (SELECT 1 FROM {jobs.from_}"
            f" WHERE ({jobs.queue}) = names.queue AND ({test}) LIMIT $2::int + 1) AS few) AS jobs"
            for state, test in jobs.states.items()
        )
        return f"""
            WITH names AS (SELECT unnest($1::text[]) AS queue UNION {self._names(jobs)})
            SELECT names.queue::text, counted.state::text, counted.jobs::float8
            FROM names CROSS JOIN LATERAL ({counts}) AS counted
            WHERE counted.jobs > 0 OR counted.state = '{next(iter(jobs.states))}'
            LIMIT {MAX_ROWS + 1}"""

    def _estimated(self, jobs: Jobs) -> Mapping[str, str]:
        return {
            state: self._sql(
                f"SELECT 1 FROM {jobs.from_} WHERE ({jobs.queue}) = {QUEUE} AND ({test})"
            )
            for state, test in jobs.states.items()
        }

    def _clocks(self, *names: str) -> Query | None:
        jobs = self.generation.jobs
        clocks = {name: jobs.clocks[name] for name in names if name in jobs.clocks}
        if not clocks:
            return None
        ages = " UNION ALL ".join(
            f"SELECT ({jobs.queue})::text AS queue, '{name}' AS clock,"
            f" extract(epoch FROM now() - min({clock.since})"
            f" FILTER (WHERE isfinite({clock.since}))) AS age"
            f" FROM {jobs.from_} WHERE {clock.where} GROUP BY 1"
            for name, clock in clocks.items()
        )
        # Where jobs are there and nothing tells since when, their age is NULL, and not 0.
        sql = (
            f"SELECT queue, clock, CASE WHEN age < 0 THEN 0 ELSE age END AS age FROM ({ages}) AS a"
        )
        metric = "watched_queue_oldest_age_seconds"
        return self._query(
            names[0],
            sql,
            jobs.needs,
            metrics={metric: "age"},
            labels=("queue", "clock"),
            fill=self._fill([(metric, {"clock": name}, 0.0) for name in clocks]),
            spacing=SELDOM if names == ("enqueued",) else 1,
        )

    def _stuck(self, jobs: Jobs) -> Query:
        sql = _counted("reason", jobs.stuck, jobs)
        metric = "watched_queue_stuck_jobs"
        return self._query(
            "stuck",
            sql,
            jobs.needs,
            metrics={metric: "jobs"},
            labels=("queue", "reason"),
            fill=self._fill([(metric, {"reason": reason}, 0.0) for reason in jobs.stuck]),
        )

    # -- jobs that have ended -----------------------------------------------------------------

    def _kept(self, kept: Kept) -> Query:
        metric = "watched_queue_jobs"
        return self._query(
            "kept",
            _counted("state", kept.states, kept),
            kept.needs,
            metrics={metric: "jobs"},
            labels=("queue", "state"),
            fill=self._fill([(metric, {"state": state}, 0.0) for state in kept.states]),
            spacing=SELDOM,
        )

    def _ended(self, ended: Ended) -> Query:
        """Jobs by outcome and window, and beside them the last sign that anything is done."""
        needs, progress = ended.needs, ""
        if told := "completed" in ended.outcomes:  # else what is done leaves no sign
            needs, progress = _joined(needs, self.generation.jobs.needs), self._progress()
        windows = ", ".join(f"('{name}', ended.{column})" for name, (column, _) in WINDOWS.items())
        counts = ", ".join(
            f"count(*) FILTER (WHERE at > now() - interval '{length}') AS {column}"
            for column, length in WINDOWS.values()
        )
        sql = f"""
            WITH ended AS (
              SELECT queue, outcome, {counts}, max(at) AS at FROM (
                SELECT ({ended.queue})::text AS queue, {_case(ended.outcomes)} AS outcome,
                       {ended.at} AS at
                FROM {ended.from_}
                WHERE {ended.at} > now() - interval '{LONGEST_WINDOW} s'
                  AND {ended.at} < 'infinity' AND ({ended.where})
              ) AS one WHERE outcome IS NOT NULL GROUP BY 1, 2
            )
            SELECT queue, outcome, w.name AS "window", NULL AS clock, w.jobs, NULL::float8 AS age
            FROM ended CROSS JOIN LATERAL (VALUES {windows}) AS w (name, jobs) {progress}"""
        recent, oldest = "watched_queue_recent_jobs", "watched_queue_oldest_age_seconds"
        zeros: list[tuple[str, dict[str, str], float]] = [
            (recent, {"outcome": outcome, "window": window}, 0.0)
            for outcome in ended.outcomes
            for window in WINDOWS
        ]
        if told:
            zeros.append((oldest, {"clock": "progress"}, float(LONGEST_WINDOW)))
        return self._query(
            "ended",
            sql,
            needs,
            metrics={recent: "jobs", oldest: "age"},
            labels=("queue", "outcome", "window", "clock"),
            fill=self._fill(zeros),
            spacing=SELDOM,
        )

    def _progress(self) -> str:
        """More rows: how long ago a job of a queue was claimed or ended."""
        jobs, moves = self.generation.jobs, "SELECT queue, at FROM ended"
        if claimed := jobs.clocks.get("claimed"):
            moves += (
                f" UNION ALL SELECT ({jobs.queue})::text, {claimed.since}"
                f" FROM {jobs.from_} WHERE {claimed.where}"
            )
        return f"""
            UNION ALL
            SELECT queue, NULL, NULL, 'progress', NULL,
                   least({LONGEST_WINDOW}, greatest(0, extract(epoch FROM now() - max(at))))
            FROM ({moves}) AS moves WHERE isfinite(at) GROUP BY 1"""

    # -- those who work on them ---------------------------------------------------------------

    def _workers(self, workers: Workers) -> Query:
        counts = " UNION ALL ".join(
            f"SELECT '{state}' AS state, (SELECT count(*) FROM {workers.from_} WHERE {test}) AS n"
            for state, test in workers.states.items()
        )
        return self._query(
            "workers",
            f"SELECT '{self.library.library}' AS queue_library, state, n FROM ({counts}) AS each",
            workers.needs,
            metrics={"watched_workers": "n"},
            labels=("queue_library", "state"),
        )

    def _heartbeat(self, name: str, stamp: Stamp) -> Query:
        sql = f"""
            SELECT '{name}' AS heartbeat, extract(epoch FROM now() - s.at) AS age,
                   {stamp.interval} AS every
            FROM ({stamp.at}) AS s (at) WHERE isfinite(s.at)"""
        return self._query(
            name,
            sql,
            stamp.needs,
            metrics={"watched_heartbeat_interval_seconds": "every"},
            labels=("heartbeat",),
            ages={"watched_heartbeat_timestamp_seconds": "age"},
        )

    def _schedules(self, schedules: Schedules) -> Query:
        sql = f"""
            SELECT s.schedule::text AS schedule, extract(epoch FROM now() - max(s.at)) AS age
            FROM ({schedules.sql}) AS s WHERE isfinite(s.at) GROUP BY 1 ORDER BY 2 LIMIT 100"""
        return self._query(
            "schedules",
            sql,
            schedules.needs,
            labels=("schedule",),
            ages={"watched_schedule_last_fired_timestamp_seconds": "age"},
            spacing=SELDOM,
        )

    # -- what all have in common --------------------------------------------------------------

    def _query(
        self,
        name: str,
        sql: str,
        needs: Columns,
        *,
        labels: tuple[str, ...],
        metrics: Mapping[str, str] | None = None,
        ages: Mapping[str, str] | None = None,
        fill: Fill | None = None,
        spacing: int = 1,
        counting: Counting | None = None,
    ) -> Query:
        return Query(
            f"{self.library.key}_{name}",
            self._sql(sql),
            metrics or {},
            labels,
            ages or {},
            subject="queues",
            needs=Needs(_named(needs, self.words)),
            spacing=spacing,
            most=MAX_ROWS,
            part=self.part,
            fill=fill,
            counting=counting,
        )

    def _fill(self, values: list[tuple[str, dict[str, str], float]]) -> Fill:
        return Fill(self.library.library, "queue", tuple(values))

    def _sql(self, text: str) -> str:
        """The text with this installation's names in it: identifiers, or strings where quoted."""

        def quoted(found: re.Match[str]) -> str:
            name, quote = self.words.get(found[2]), found[1] or '"'
            return found[0] if name is None else quote + name.replace(quote, 2 * quote) + quote

        return PLACEHOLDER.sub(quoted, text)


def _counted(label: str, tests: Mapping[str, str], among: Jobs | Kept) -> str:
    """Count the jobs for which one of the tests holds, by queue and by that test's name."""
    anyhow = " OR ".join(f"({test})" for test in tests.values())
    return f"""
        SELECT ({among.queue})::text AS queue, {_case(tests)} AS {label}, count(*) AS jobs
        FROM {among.from_} WHERE {anyhow} GROUP BY 1, 2"""


def _case(tests: Mapping[str, str]) -> str:
    """The name of the first test that holds, or NULL."""
    branches = " ".join(f"WHEN {test} THEN '{name}'" for name, test in tests.items())
    return f"CASE {branches} END"


def _named(columns: Columns, words: Mapping[str, str]) -> Columns:
    """Tables by the names that they have in this installation."""
    return {
        PLACEHOLDER.sub(lambda found: words.get(found[2], found[0]), table): names
        for table, names in columns.items()
    }


def _joined(one: Columns, other: Columns) -> dict[str, tuple[str, ...]]:
    """What both need together."""
    return {
        table: tuple(dict.fromkeys((*one.get(table, ()), *other.get(table, ()))))
        for table in (*one, *other)
    }
