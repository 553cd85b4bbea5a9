"""What a million rows of a queue cost the server, with and without indexes for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.sources.postgres import library_queries
from tests.support.asking import asked, until
from tests.support.million import (
    NAMES,
    fill,
    held,
    library,
    seeded,
)
from tests.support.pg import Server
from tests.support.queues import grant

pytestmark = pytest.mark.alone(reason="it compares times of work")
HERE = Path(__file__).parent / "queues"
LIBRARIES = ("errands", *sorted(file.parent.name for file in HERE.glob("*/schema.sql")))
UNINDEXED = """
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT i.indexrelid::regclass
              FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
              WHERE c.relnamespace = 'public'::regnamespace AND NOT i.indisunique LOOP
    EXECUTE 'DROP INDEX ' || name;
  END LOOP;
END $$
"""
SETTINGS = """\
url: "{url}"
password: first
interval: 1s
statement_timeout: {timeout}
subjects: {{traffic: false, server: false, connections: {connections}, size: false}}
queues: {{{library}: {{{file}}}}}
"""


def settings(postgres: Server, database: str, name: str, timeout: str, connections: str) -> str:
    file = f"file: {HERE / 'errands.yaml'}" if name == "errands" else ""
    url = postgres.url("watcher", database)
    return SETTINGS.format(
        url=url, library=name, file=file, timeout=timeout, connections=connections
    )


@pytest.fixture(scope="module", params=LIBRARIES)
def filled(request: pytest.FixtureRequest, postgres: Server) -> Iterator[tuple[str, str]]:
    """Each library with nine of ten jobs ended, to be copied: its name, and the database."""
    name: str = request.param
    database = seeded(postgres, name)
    fill(postgres, database, name, 900_000)
    yield name, database
    postgres.psql(f"DROP DATABASE {database} WITH (FORCE)")


@pytest.mark.long
def test_a_round_costs_no_more_than_one_count_of_the_live_rows(
    postgres: Server, filled: tuple[str, str]
) -> None:
    name, database = filled
    held(postgres, database, name)


@pytest.mark.long
@pytest.mark.parametrize("name", LIBRARIES)
def test_nor_does_it_where_a_million_wait(postgres: Server, name: str) -> None:
    database = seeded(postgres, name)
    fill(postgres, database, name, 0)
    held(postgres, database, name)
    postgres.psql(f"DROP DATABASE {database} WITH (FORCE)")


@pytest.mark.long
async def test_without_an_index_each_question_keeps_its_budget_or_is_switched_off(
    postgres: Server, filled: tuple[str, str]
) -> None:
    name, original = filled
    database = postgres.database_like(original)
    postgres.psql(UNINDEXED, database)
    one = library(name)
    grant(postgres, database, one)
    wanted = {
        query.name
        for query in library_queries(one, {}, asked=True)
        if query.part is not None and query.part.order == 0
    }
    async with asked(settings(postgres, database, name, "50ms", "true")) as app:

        def answered() -> set[str]:
            return {query for (query,) in app.series("sidewatch_query_duration_seconds")}

        await until(
            lambda: wanted <= answered() | app.disabled().keys(), "each to end one way", 30.0
        )
        assert {reason for query, reason in app.disabled().items() if query in wanted} <= {"slow"}
        durations = app.series("sidewatch_query_duration_seconds")
        assert all(durations[query,] < 1.0 for (query,) in durations if query in wanted)
        assert app.value("watched_postgres_up", database) == 1
        assert "connections" in answered()


async def test_without_an_index_the_planner_is_asked_and_the_budget_kept(postgres: Server) -> None:
    database = seeded(postgres, "errands")
    fill(postgres, database, "errands", 900_000)
    postgres.psql(UNINDEXED, database)
    async with asked(settings(postgres, database, "errands", "20ms", "false")) as app:
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
