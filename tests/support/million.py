"""A million jobs of a queue library, and what each question about them costs the server."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.config.nodes import At
from exporter.config.queues import libraries, read
from exporter.sources.postgres import Library, library_queries
from exporter.sources.postgres.budget import Many
from exporter.sources.postgres.counting import (
    DEAR_SECONDS,
    EXACT_ROWS,
    LEAST_CAP,
    LONGEST_RETRY,
    MANY_RUNS,
)
from exporter.sources.postgres.query import Counting
from tests.support import yamls
from tests.support.pg import Server

QUEUES = Path(__file__).parents[1] / "queues"
SEEDS: Mapping[str, Any] = yamls.read((QUEUES / "million.yaml").read_text())
NAMES = tuple(f"queue{i}" for i in range(10))
# How many of a million jobs have ended.
SHAPES = {"900,000 ended, 100,000 ready": 900_000, "1,000,000 ready": 0}
EACH = """
CREATE VIEW each AS
SELECT i, 'queue' || i % 10 AS queue, i <= {ended} AS ended,
       now() - CASE WHEN i <= {ended} THEN interval '1 s' * (({ended} - i) * 86400.0 / 900000 + 10)
                    ELSE interval '1 s' * ((1000000 - i) * 0.01) END AS at
FROM generate_series(1, 1000000) AS i
"""
RUNS = 3
INTERVAL = 15.0  # seconds, as it is unless somebody says otherwise


@dataclass(frozen=True)
class Cost:
    """One question in milliseconds, and how many rounds there are between two of it."""

    name: str
    once: float
    every: float

    @property
    def a_round(self) -> float:
        """Milliseconds for each round."""
        return self.once / self.every


def library(name: str) -> Library:
    """A library by its name; `errands` is the tests' own."""
    if name == "errands":
        return read((QUEUES / "errands.yaml").read_text(), At("errands.yaml"))
    return libraries()[name]


def seeded(postgres: Server, name: str) -> str:
    """A database with the tables of a library of which the tests have a copy."""
    database = postgres.database()
    file = QUEUES / "errands.sql" if name == "errands" else QUEUES / name / "schema.sql"
    postgres.psql(file.read_text(), database)
    return database


def fill(postgres: Server, database: str, name: str, ended: int) -> None:
    """A million jobs, of which so many have ended, in tables that are there."""
    postgres.psql(f"ALTER DATABASE {database} SET timezone = 'UTC'")
    for statement in (EACH.format(ended=ended), *SEEDS[name]["fill"], "DROP VIEW each"):
        postgres.psql(statement, database)
    postgres.psql("VACUUM ANALYZE", database)


@contextmanager
def measuring(postgres: Server, database: str) -> Iterator[Callable[[str], float]]:
    """What a question costs the server, as a function: its own milliseconds at work.

    Other programs of the machine do not count, though they make a question take longer. It is the
    least of some, planned anew each time, with the limits that a session of ours has.
    """
    child = postgres.session(
        database, "SET max_parallel_workers_per_gather = 0", "SET jit = off", "SET timezone = 'UTC'"
    )
    assert child.stdin is not None
    assert child.stdout is not None
    into, out = child.stdin, child.stdout

    def say(text: str) -> str:
        into.write(f"{text}\n")
        into.flush()
        return out.readline().strip()

    worked = Path("/proc") / say("SELECT pg_backend_pid();") / "schedstat"

    def ask(sql: str) -> float:
        least = math.inf
        for _ in range(RUNS):
            before = int(worked.read_text().split()[0])
            assert say(f"\\o /dev/null\n{sql};\n\\echo done") == "done", sql
            least = min(least, int(worked.read_text().split()[0]) - before)
        return least / 1e6

    try:
        yield ask
    finally:
        child.kill()
        child.communicate()


def capped(counting: Counting) -> str | None:
    """The question in the form for many jobs, as it is asked once the ten queues are known."""
    if counting.capped is None:
        return None
    cap = max(LEAST_CAP, EXACT_ROWS // len(NAMES))
    names = ", ".join(f"'{name}'" for name in NAMES)
    return counting.capped.replace("$1", f"ARRAY[{names}]").replace("$2", str(cap))


def costs(ask: Callable[[str], float], one: Library) -> Iterator[Cost]:
    """What each question about a library's first generation costs, by `ask` in milliseconds.

    They are spaced as the collector spaces them where there are many jobs.
    """
    queries = [
        query
        for query in library_queries(one, {}, asked=True)
        if query.part is not None and query.part.order == 0
    ]
    count, *others = sorted(queries, key=lambda query: query.counting is None)
    assert count.counting is not None
    exact, form = ask(count.wrapped()), capped(count.counting)
    many = Many(exact / 1000)
    few = ask(form) if form is not None else math.inf
    # The cheaper form is asked, and the other one is tried now and then.
    by_pass = few > max(1000 * DEAR_SECONDS, exact)
    slack = many.slack((exact if by_pass else few) / 1000, INTERVAL, 1, counts=True)
    yield Cost("exact", exact, slack if by_pass else slack * MANY_RUNS)
    if form is not None:
        yield Cost("capped", few, slack * LONGEST_RETRY if by_pass else slack)
    for query in others:
        took, slack = ask(query.wrapped()), 1.0
        if query.fill is not None:
            slack = many.slack(took / 1000, INTERVAL * query.spacing, query.spacing)
        yield Cost(query.name.removeprefix(f"{one.key}_"), took, slack * query.spacing)


def held(postgres: Server, database: str, name: str) -> None:
    """Hold a round against one plain count of the live rows."""
    with measuring(postgres, database) as ask:
        once = ask(SEEDS[name]["live"])
        spent = list(costs(ask, library(name)))
    assert sum(each.a_round for each in spent) <= once, (once, spent)
