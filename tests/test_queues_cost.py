"""What a million rows of a queue cost the server, with and without indexes for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exporter.config.nodes import At
from exporter.config.queues import read
from exporter.sources.postgres import Query, library_queries
from tests.support.asking import asked, until
from tests.support.pg import Server

HERE = Path(__file__).parent / "queues"
NAMES = tuple(f"queue{i}" for i in range(10))
MILLION = """
INSERT INTO errand (queue, state, due, ended_at)
SELECT 'queue' || i % 10, CASE WHEN i % 100 < 10 THEN 'open' ELSE 'done' END,
       now() - interval '1 s' * (i / 100), now() - interval '1 s' * (i / 2)
FROM generate_series(1, 1000000) AS i
"""
INDEXES = (
    "CREATE INDEX ON errand (state, queue, due)",
    "CREATE INDEX ON errand (state, ended_at)",
    "VACUUM ANALYZE errand",
)
SETTINGS = """\
url: "{url}"
password: first
interval: 1s
statement_timeout: {timeout}
subjects: {{traffic: false, server: false, connections: false, size: false}}
queues: {{errands: {{file: {file}}}}}
"""


def queries() -> dict[str, Query]:
    """The queries of the library's first generation, by name."""
    library = read((HERE / "errands.yaml").read_text(), At("errands.yaml"))
    return {
        one.name: one
        for one in library_queries(library, {}, asked=True)
        if one.part is not None and one.part.order == 0
    }


def million(postgres: Server, *statements: str) -> str:
    database = postgres.database()
    postgres.psql((HERE / "errands.sql").read_text(), database)
    for statement in (MILLION, *statements):
        postgres.psql(statement, database)
    return database


def cost(postgres: Server, database: str, sql: str) -> float:
    """Milliseconds that the server takes, the least of some: the others were disturbed."""
    least = float("inf")
    for _ in range(7):
        (answer,) = json.loads(
            postgres.psql(
                "SET max_parallel_workers_per_gather = 0; SET jit = off;"
                f" EXPLAIN (ANALYZE, FORMAT JSON) {sql}",
                database,
            )
        )
        least = min(least, answer["Execution Time"] + answer["Planning Time"])
    return least


@pytest.mark.long
def test_all_questions_together_cost_no_more_than_one_count_of_the_live_rows(
    postgres: Server,
) -> None:
    database = million(postgres, *INDEXES)
    known = queries()
    counting = known["errands_jobs"].counting
    assert counting is not None
    assert counting.capped is not None
    names = ", ".join(f"'{name}'" for name in NAMES)
    capped = counting.capped.replace("$1", f"ARRAY[{names}]").replace("$2", "1000")
    spent = cost(postgres, database, capped)
    for name, query in known.items():
        if name != "errands_jobs":
            slack = 4 if query.fill is not None else 1
            spent += cost(postgres, database, query.wrapped()) / (query.spacing * slack)
    plain = (
        "SELECT queue, state, count(*) FROM errand WHERE state IN ('open', 'taken') GROUP BY 1, 2"
    )
    once = cost(postgres, database, plain)
    assert spent <= once, f"{spent:.1f} ms, where one count takes {once:.1f} ms"


async def test_without_an_index_the_planner_is_asked_and_the_budget_kept(postgres: Server) -> None:
    database = million(
        postgres,
        "INSERT INTO errand_queue SELECT 'queue' || i FROM generate_series(0, 9) AS i",
        "ANALYZE errand",
    )
    text = SETTINGS.format(
        url=postgres.url("watcher", database), file=HERE / "errands.yaml", timeout="20ms"
    )
    async with asked(text) as app:
        await until(
            lambda: app.disabled().get("errands_due") == "slow", "what costs too much to rest"
        )
        assert app.value("watched_postgres_up", database) == 1
        assert app.series("watched_queue_oldest_age_seconds") == {}
        await until(
            lambda: set(app.series("watched_queue_count_estimated").values()) == {1.0},
            "the planner's estimates",
        )
        for name in NAMES:
            assert app.value("watched_queue_jobs", name, "ready") == pytest.approx(10_000, rel=0.5)
        assert app.value("watched_queue_jobs", "queue0", "running") == pytest.approx(1, abs=50)
