"""Queues as odd as tables let them be: by the hundred, without a name, with times that are none."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from exporter.sources.postgres.known import Known
from exporter.sources.postgres.query import Fill, Point
from tests.support.asking import asked, until
from tests.support.pg import Server
from tests.test_queues import AGES, JOBS, RECENT, add, errands, own, settings, told

RIVER = (Path(__file__).parent / "queues" / "river" / "schema.sql").read_text()
FILL = Fill("errands", "queue", ())


@pytest.fixture(params=["postgres", "postgres18"])
def server(request: pytest.FixtureRequest) -> Server:
    """Servers before and after intervals may be infinite, which is 17."""
    one: Server = request.getfixturevalue(request.param)
    return one


async def test_a_queue_without_a_name_hides_no_other(postgres: Server) -> None:
    database = errands(
        postgres,
        "ALTER TABLE errand ALTER queue DROP NOT NULL",
        "INSERT INTO errand (queue, state) VALUES (NULL, 'open'), ('', 'open'), ('mail', 'open')",
        add("mail", "done", "5", "4"),
    )
    async with asked(settings(postgres, database)) as app:
        await told(app, "jobs", "due", "stuck", "ended")
        ready = {queue: n for (queue, state), n in app.series(JOBS).items() if state == "ready"}
        assert ready == {"mail": 1, "none": 1}
        assert {queue for queue, _ in app.series(AGES)} == {"mail", "none"}
        assert app.failures() == {}


async def test_a_queue_s_name_may_be_any_text(postgres: Server) -> None:
    names = ["a\nb", "100 %", "{QUEUE}", "{schema}", "ünï", '"', "\\", "it's"]
    database = errands(postgres)
    for name in names:
        literal = name.replace("'", "''")
        postgres.psql(f"INSERT INTO errand (queue, state) VALUES ('{literal}', 'open')", database)
    async with asked(settings(postgres, database)) as app:
        await told(app, "jobs", "due", "ended")
        for name in names:
            assert app.value(JOBS, name, "ready") == 1


async def test_times_that_are_infinite_tell_no_age_and_spoil_no_other(server: Server) -> None:
    database = errands(
        server,
        "INSERT INTO errand (queue, state, due) VALUES ('mail', 'open', '-infinity')",
        add("mail", "open", "5"),
        "INSERT INTO errand (queue, state, due, ended_at) VALUES"
        " ('mail', 'done', now(), 'infinity'), ('mail', 'done', now(), now())",
        "INSERT INTO errand_clock VALUES ('nightly', '-infinity')",
        "INSERT INTO errand_runner (seen) VALUES ('infinity')",
    )
    async with asked(settings(server, database)) as app:
        await told(app, "jobs", "due", "ended", "supervision", "schedules")
        assert app.value(JOBS, "mail", "ready") == 2
        assert app.value(AGES, "mail", "due") == pytest.approx(300, abs=10)
        assert app.value(AGES, "mail", "progress") == pytest.approx(0, abs=10)
        assert app.value(RECENT, "mail", "completed", "1h") == 1
        assert app.series("watched_heartbeat_timestamp_seconds") == {}
        assert own(app.disabled()) == {}


async def test_jobs_whose_clock_is_not_set_have_no_age_of_zero(postgres: Server) -> None:
    database = errands(
        postgres,
        add("mail", "taken", "5"),
        "UPDATE errand SET claimed_at = NULL",
        add("mail", "open", "3"),
        add("other one", "open", "3"),
    )
    async with asked(settings(postgres, database)) as app:
        await told(app, "jobs", "due")
        assert app.value(JOBS, "mail", "running") == 1
        assert app.value(AGES, "mail", "claimed") is None
        assert app.value(AGES, "mail", "due") == pytest.approx(180, abs=10)
        assert app.value(AGES, "other one", "claimed") == 0


async def test_a_clock_that_was_set_back_makes_no_age_negative(postgres: Server) -> None:
    database = errands(postgres, add("mail", "taken", "-600"), add("mail", "done", "5", "-600"))
    async with asked(settings(postgres, database)) as app:
        await told(app, "jobs", "due", "ended")
        assert app.value(AGES, "mail", "claimed") == 0
        assert app.value(AGES, "mail", "progress") == 0


async def test_thousands_of_queues_are_told_and_their_jobs_are_right(postgres: Server) -> None:
    database = errands(
        postgres,
        "INSERT INTO errand (queue, state) SELECT 'tenant' || i % 3000,"
        " CASE WHEN i <= 3000 THEN 'open' ELSE 'taken' END FROM generate_series(1, 6000) AS i",
        "INSERT INTO errand_queue SELECT 'idle' || i FROM generate_series(1, 3000) AS i",
    )
    async with asked(settings(postgres, database)) as app:
        await told(app, "jobs", "due", "ended")
        for state, jobs in (("ready", 3000), ("running", 3000), ("scheduled", 0)):
            assert sum(n for (_, one), n in app.series(JOBS).items() if one == state) == jobs
        assert len({queue for queue, _ in app.series(JOBS)}) == 101
        assert own(app.disabled()) == {}


async def test_queues_beyond_a_hundred_are_not_said_to_be_counted_where_they_are_not(
    postgres: Server,
) -> None:
    database = errands(
        postgres,
        "INSERT INTO errand (queue, state) SELECT 'tenant' || i % 2000, 'open'"
        " FROM generate_series(1, 12000) AS i",
        "CREATE INDEX ON errand (queue, state)",
    )
    capped = "watched_queue_count_capped"
    async with asked(settings(postgres, database)) as app:
        await until(lambda: app.value(capped, "other") == 1, "a cap on the others")
        assert {queue for (queue,), more in app.series(capped).items() if more} == {"other"}


async def test_queues_of_one_name_in_two_libraries_are_told_as_one(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.sources.postgres.collect.INTROSPECT_SECONDS", 1.0)
    database = errands(postgres, add("mail", "open", "5", times=5))
    postgres.psql(f"{RIVER}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO watcher", database)
    postgres.psql(
        "INSERT INTO river_job (queue, kind, args, scheduled_at, created_at)"
        " SELECT 'mail', 'k', '{}', now() - interval '7 min', now() - interval '7 min'"
        " FROM generate_series(1, 11)",
        database,
    )
    async with asked(settings(postgres, database)) as app:
        await told(app, "jobs", "due")
        await until(lambda: app.value(JOBS, "mail", "ready") == 16, "the jobs of both")
        assert app.value(AGES, "mail", "due") == pytest.approx(420, abs=10)
        for _ in range(30):  # whoever was asked last
            await asyncio.sleep(0.1)
            assert app.value(JOBS, "mail", "ready") == 16
        await postgres.change("DROP TABLE errand CASCADE", database)
        await until(lambda: app.value(JOBS, "mail", "ready") == 11, "those that are left")


def test_of_what_is_told_as_one_the_last_progress_counts() -> None:
    known = Known()
    labels = {"clock": "progress"}
    points = [Point(AGES, {"queue": f"t{i}", **labels}, 1000.0 - i) for i in range(130)]
    values = {point.labels["queue"]: point.value for point in known.told(FILL, points, 0.0)}
    assert values["other"] == 871


def test_a_flag_of_what_is_told_as_one_is_no_sum() -> None:
    points = [Point("watched_queue_count_capped", {"queue": f"t{i}"}, 1.0) for i in range(130)]
    values = {point.labels["queue"]: point.value for point in Known().told(FILL, points, 0.0)}
    assert set(values.values()) == {1.0}
