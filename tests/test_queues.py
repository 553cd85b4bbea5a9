"""What all queue libraries have in common, by a library of the tests' own on a real server."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.asking import Asked, asked, until
from tests.support.pg import Server

HERE = Path(__file__).parent / "queues"
SETTINGS = """\
url: "{url}"
password: first
interval: 1s
subjects: {{traffic: false, server: false, connections: false}}
queues: {{errands: {{file: {file}{more}}}}}
"""
JOBS = "watched_queue_jobs"
AGES = "watched_queue_oldest_age_seconds"
RECENT = "watched_queue_recent_jobs"


def settings(postgres: Server, database: str, more: str = "") -> str:
    url = postgres.url("watcher", database)
    return SETTINGS.format(url=url, file=HERE / "errands.yaml", more=more)


def errands(postgres: Server, *statements: str) -> str:
    """A database with the tables, and what the statements put into them."""
    database = postgres.database()
    postgres.psql((HERE / "errands.sql").read_text(), database)
    for statement in statements:
        postgres.psql(statement, database)
    return database


def add(queue: str, state: str, due: str = "0", ended: str = "NULL", times: int = 1) -> str:
    """Rows due so long ago (or before long, negative), in minutes; claimed when they were due."""
    return (
        "INSERT INTO errand (queue, state, due, claimed_at, ended_at)"
        f" SELECT '{queue}', '{state}', now() - interval '1 min' * ({due}),"
        f" now() - interval '1 min' * ({due}), now() - interval '1 min' * ({ended})"
        f" FROM generate_series(1, {times})"
    )


async def told(app: Asked, *names: str) -> None:
    """Wait until each of these queries has been answered."""
    await until(
        lambda: (
            {f"errands_{name}" for name in names}
            <= {name for (name,) in app.series("sidewatch_query_duration_seconds")}
        ),
        f"answers of {names}",
    )


def own(disabled: dict[str, str]) -> dict[str, str]:
    """The reasons of our own queries."""
    return {name: reason for name, reason in disabled.items() if name.startswith("errands")}


async def test_states_are_told_with_every_zero(postgres: Server) -> None:
    database = errands(
        postgres,
        "INSERT INTO errand_queue VALUES ('empty')",
        add("mail", "open", "5", times=3),
        add("mail", "open", "-5", times=2),
        add('it\'s "odd"'.replace("'", "''"), "taken", "1"),
        add("mail", "done", "5", "4", times=9),
        add("mail", "given_up", "5", "4", times=2),
    )
    async with asked(settings(postgres, database)) as app:
        await told(app, "jobs", "kept")
        assert app.series(JOBS) == {
            ("mail", "ready"): 3,
            ("mail", "scheduled"): 2,
            ("mail", "running"): 0,
            ("mail", "failed"): 2,
            ("empty", "ready"): 0,
            ("empty", "scheduled"): 0,
            ("empty", "running"): 0,
            ("empty", "failed"): 0,
            ('it\'s "odd"', "ready"): 0,
            ('it\'s "odd"', "scheduled"): 0,
            ('it\'s "odd"', "running"): 1,
            ('it\'s "odd"', "failed"): 0,
        }
        assert set(app.series("watched_queue_count_capped").values()) == {0}
        assert set(app.series("watched_queue_count_estimated").values()) == {0}


async def test_a_drained_queue_keeps_its_zeros(postgres: Server) -> None:
    database = errands(postgres, add("mail", "open", "5"))
    async with asked(settings(postgres, database)) as app:
        await told(app, "jobs", "due")
        assert app.value(JOBS, "mail", "ready") == 1
        assert app.value(AGES, "mail", "due") == pytest.approx(300, abs=10)
        postgres.psql("DELETE FROM errand", database)
        await until(lambda: app.value(JOBS, "mail", "ready") == 0, "a zero")
        await until(lambda: app.value(AGES, "mail", "due") == 0, "an age of zero")


async def test_clocks_stuck_jobs_and_those_that_ended(postgres: Server) -> None:
    database = errands(
        postgres,
        add("mail", "open", "7"),
        add("mail", "open", "3"),
        add("mail", "taken", "90"),
        add("mail", "taken", "2"),
        add("mail", "done", "50", "14", times=2),
        add("mail", "done", "50", "16", times=3),
        add("mail", "given_up", "50", "59"),
        add("mail", "done", "500", "61", times=5),
        add("old", "done", "500", "61"),
    )
    async with asked(settings(postgres, database)) as app:
        await told(app, "jobs", "due", "stuck", "ended")
        ages = {clock: age for (_, clock), age in app.series(AGES).items()}
        assert ages["due"] == pytest.approx(7 * 60, abs=10)
        assert ages["claimed"] == pytest.approx(90 * 60, abs=10)
        assert ages["progress"] == pytest.approx(2 * 60, abs=10)
        assert app.series("watched_queue_stuck_jobs") == {("mail", "timeout"): 1}
        assert app.series(RECENT) == {
            ("mail", "completed", "15m"): 2,
            ("mail", "completed", "1h"): 5,
            ("mail", "exhausted", "15m"): 0,
            ("mail", "exhausted", "1h"): 1,
        }


async def test_workers_signs_of_life_and_schedules(postgres: Server) -> None:
    database = errands(
        postgres,
        "INSERT INTO errand_runner (seen) SELECT now() - interval '1 min' * i"
        " FROM unnest(ARRAY[0, 0, 5]) AS i",
        "INSERT INTO errand_clock VALUES ('nightly', now() - interval '2 hours'), ('never', NULL)",
    )
    began = time.time()
    async with asked(settings(postgres, database)) as app:
        await told(app, "workers", "supervision", "schedules")
        assert app.series("watched_workers") == {("errands", "live"): 2, ("errands", "stale"): 1}
        stamp = app.value("watched_heartbeat_timestamp_seconds", "supervision")
        assert stamp == pytest.approx(began, abs=10)
        assert app.value("watched_heartbeat_interval_seconds", "supervision") == 300
        fired = app.series("watched_schedule_last_fired_timestamp_seconds")
        assert fired == {("nightly",): pytest.approx(began - 7200, abs=10)}
        postgres.psql("DELETE FROM errand_runner", database)
        await until(lambda: app.value("watched_workers", "errands", "live") == 0, "no worker")
        assert app.value("watched_workers", "errands", "stale") == 0
        await until(
            lambda: app.value("watched_heartbeat_timestamp_seconds", "supervision") is None,
            "no sign of life",
        )


async def test_the_first_generation_that_fits_is_asked(postgres: Server) -> None:
    database = errands(postgres, add("mail", "open", "5"))
    postgres.psql("ALTER TABLE errand DROP COLUMN claimed_at", database)
    async with asked(settings(postgres, database)) as app:
        await told(app, "jobs")
        assert app.series(JOBS) == {("mail", "ready"): 1, ("mail", "scheduled"): 0}
        assert own(app.disabled()) == {}
        assert ("errands_workers",) not in app.series("sidewatch_query_interval_seconds")


async def test_a_migration_leads_to_the_next_generation(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.sources.postgres.collect.INTROSPECT_SECONDS", 1.0)
    database = errands(postgres, add("mail", "taken", "5"))
    postgres.psql("ALTER TABLE errand RENAME claimed_at TO taken_at", database)
    async with asked(settings(postgres, database)) as app:
        await told(app, "jobs")
        assert app.value(JOBS, "mail", "running") is None
        await postgres.change("ALTER TABLE errand RENAME taken_at TO claimed_at", database)
        await until(lambda: app.value(JOBS, "mail", "running") == 1, "the newer generation")
        assert ("errands_jobs",) in app.series("sidewatch_query_interval_seconds")
        assert own(app.disabled()) == {}
        await postgres.change("ALTER TABLE errand RENAME TO message", database)
        await until(lambda: own(app.disabled()).get("errands_jobs") == "missing", "a reason")


async def test_what_is_missing_is_told_where_it_was_asked_for(postgres: Server) -> None:
    database = postgres.database()
    async with asked(settings(postgres, database)) as app:
        await until(lambda: app.disabled() != {}, "reasons")
        assert app.disabled()["errands_jobs"] == "missing"
        assert not any(name.startswith("river") for name in app.disabled())


async def test_another_name_of_the_schema(postgres: Server) -> None:
    database = errands(postgres, add("mail", "open", "5"))
    postgres.psql('ALTER SCHEMA public RENAME TO "Odd ""one"', database)
    more = ", names: {schema: 'Odd \"one'}"
    async with asked(settings(postgres, database, more)) as app:
        await told(app, "jobs", "due", "stuck", "ended", "workers")
        assert app.value(JOBS, "mail", "ready") == 1


async def test_a_missing_right_is_told_and_the_grant_heals_it(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.sources.postgres.collect.INTROSPECT_SECONDS", 1.0)
    database = errands(postgres, add("mail", "open", "5"))
    postgres.psql("REVOKE SELECT ON errand_runner FROM watcher", database)
    async with asked(settings(postgres, database)) as app:
        await told(app, "jobs")
        disabled = {"errands_workers": "privilege", "errands_supervision": "privilege"}
        assert own(app.disabled()) == disabled
        postgres.psql("GRANT SELECT (seen) ON errand_runner TO watcher", database)
        await told(app, "workers")
        assert own(app.disabled()) == {}


async def test_a_flood_of_names_is_told_as_one(postgres: Server) -> None:
    database = errands(
        postgres,
        "INSERT INTO errand (queue, state) SELECT 'tenant' || i, 'open'"
        " FROM generate_series(1, 250) AS i",
    )
    async with asked(settings(postgres, database)) as app:
        await told(app, "jobs", "due")
        ready = {
            queue: jobs for (queue, state), jobs in app.series(JOBS).items() if state == "ready"
        }
        assert len(ready) == 101
        assert ready["other"] == 150
        assert sum(ready.values()) == 250


async def test_many_jobs_are_counted_up_to_a_cap_and_exactly_again_when_they_are_few(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.sources.postgres.counting.RETRY_RUNS", 2)
    database = errands(
        postgres,
        add("mail", "open", "5", times=10_500),
        add("few", "open", "5", times=7),
        "CREATE INDEX ON errand (queue, state)",
    )
    async with asked(settings(postgres, database)) as app:
        await until(
            lambda: app.series("watched_queue_count_capped") == {("mail",): 1, ("few",): 0},
            "a cap on the one that has many",
        )
        assert app.value(JOBS, "mail", "ready") == 5_000
        assert app.value(JOBS, "few", "ready") == 7
        assert app.value(JOBS, "mail", "running") == 0
        postgres.psql("DELETE FROM errand WHERE queue = 'mail' AND id > 100", database)
        await until(lambda: app.value(JOBS, "mail", "ready") == 100, "an exact count")
        assert set(app.series("watched_queue_count_capped").values()) == {0}
