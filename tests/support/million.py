"""A million jobs of a queue library, and what each question about them costs the server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from exporter.config.nodes import At
from exporter.config.queues import libraries, read
from exporter.sources.postgres import Library, Query, library_queries
from exporter.sources.postgres.budget import Many
from exporter.sources.postgres.counting import (
    DEAR_SECONDS,
    EXACT_ROWS,
    LEAST_CAP,
    LONGEST_RETRY,
    MANY_RUNS,
)
from tests.support.pg import Server

QUEUES = Path(__file__).parents[1] / "queues"
SEEDS: Mapping[str, Any] = yaml.safe_load((QUEUES / "million.yaml").read_text())
NAMES = tuple(f"queue{i}" for i in range(10))
# How many of a million jobs have ended, by what the bench calls it.
SHAPES = {"900,000 ended, 100,000 ready": 900_000, "1,000,000 ready": 0}
EACH = """
CREATE VIEW each AS
SELECT i, 'queue' || i % 10 AS queue, i <= {ended} AS ended,
       now() - CASE WHEN i <= {ended} THEN interval '1 s' * (({ended} - i) * 86400.0 / 900000 + 10)
                    ELSE interval '1 s' * ((1000000 - i) * 0.01) END AS at
FROM generate_series(1, 1000000) AS i
"""
RUNS = 5
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


def tables(postgres: Server, database: str, name: str) -> None:
    """The tables of a library of which the tests have a copy."""
    file = QUEUES / "errands.sql" if name == "errands" else QUEUES / name / "schema.sql"
    postgres.psql(file.read_text(), database)


def fill(postgres: Server, database: str, name: str, ended: int) -> None:
    """A million jobs, of which so many have ended, in tables that are there."""
    postgres.psql(f"ALTER DATABASE {database} SET timezone = 'UTC'")
    for statement in (EACH.format(ended=ended), *SEEDS[name]["fill"], "DROP VIEW each"):
        postgres.psql(statement, database)
    postgres.psql("VACUUM ANALYZE", database)


def milliseconds(postgres: Server, database: str, sql: str) -> float:
    """What the server takes, the least of some: the others were disturbed."""
    least = float("inf")
    for _ in range(RUNS):
        (answer,) = json.loads(
            postgres.psql(
                "SET max_parallel_workers_per_gather = 0; SET jit = off;"
                f" EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}",
                database,
            )
        )
        least = min(least, answer["Execution Time"] + answer["Planning Time"])
    return least


def capped(query: Query) -> str:
    """The question in the form for many jobs, as it is asked once the ten queues are known."""
    assert query.counting is not None
    cap = max(LEAST_CAP, EXACT_ROWS // len(NAMES))
    names = ", ".join(f"'{name}'" for name in NAMES)
    return query.counting.capped.replace("$1", f"ARRAY[{names}]").replace("$2", str(cap))


def costs(postgres: Server, database: str, queries: Iterator[Query]) -> list[Cost]:
    """What each question costs, spaced as the collector does where jobs are many."""
    by_name = {query.name: query for query in queries}
    (counting,) = (query for query in by_name.values() if query.counting is not None)
    exact = milliseconds(postgres, database, counting.wrapped())
    few = milliseconds(postgres, database, capped(counting))
    many = Many(exact / 1000)
    # The cheaper form is asked, and the other one is tried now and then.
    once, other = (exact, few) if few > max(1000 * DEAR_SECONDS, exact) else (few, exact)
    slack = many.slack(once / 1000, INTERVAL, 1, counts=True)
    found = [
        Cost("exact", exact, slack * (1 if once == exact else MANY_RUNS)),
        Cost("capped", few, slack * (1 if once == few else LONGEST_RETRY)),
    ]
    for query in by_name.values():
        if query is not counting:
            took = milliseconds(postgres, database, query.wrapped())
            slack = 1.0
            if query.fill is not None:
                slack = many.slack(took / 1000, INTERVAL * query.spacing, query.spacing)
            found.append(Cost(query.name, took, slack * query.spacing))
    return found
