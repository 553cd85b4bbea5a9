"""graphile-worker as it is: the jobs told as ready are those that its workers get to run."""

from __future__ import annotations

import time

import pytest

from tests.support.asking import Asked, asked, until
from tests.support.node import Node
from tests.support.pg import Server

LIBRARY = "graphile-worker"
SETTINGS = """\
url: "{url}"
password: first
interval: 1s
statement_timeout: 20s
subjects: {{traffic: false, server: false, connections: false}}
queues: {{graphile-worker: {{}}}}
"""
JOBS = "watched_queue_jobs"
AGES = "watched_queue_oldest_age_seconds"
RECENT = "watched_queue_recent_jobs"
STUCK = "watched_queue_stuck_jobs"
FIRED = "watched_schedule_last_fired_timestamp_seconds"


@pytest.fixture(scope="module")
def original(postgres: Server, node: Node) -> str:
    """A database in which graphile-worker has left jobs in every state."""
    name = postgres.database()
    postgres.psql(f"ALTER DATABASE {name} OWNER TO stranger")
    node.drive("graphile.js", LIBRARY, address(postgres, name), "fill")
    return name


@pytest.fixture
def database(postgres: Server, original: str) -> str:
    """The database once more; the watcher may read what is documented, the view of the jobs."""
    name = postgres.database_like(original)
    postgres.psql("GRANT USAGE ON SCHEMA graphile_worker TO watcher", name)
    postgres.psql("GRANT SELECT ON graphile_worker.jobs TO watcher", name)
    return name


def address(postgres: Server, database: str) -> str:
    """Where the application finds its database."""
    return f"postgresql://stranger:first@127.0.0.1:{postgres.port}/{database}"


def settings(postgres: Server, database: str, role: str = "watcher") -> str:
    return SETTINGS.format(url=postgres.url(role, database))


async def told(app: Asked, *names: str) -> None:
    """Wait until each of these queries has been answered."""
    await until(
        lambda: (
            {f"graphile_worker_{name}" for name in names}
            <= {name for (name,) in app.series("sidewatch_query_duration_seconds")}
        ),
        f"answers of {names}, not {app.disabled()}",
    )


async def test_every_job_is_told_where_graphile_worker_has_it(
    postgres: Server, node: Node, database: str
) -> None:
    async with asked(settings(postgres, database)) as app:
        await told(app, "jobs")
        states: dict[str, dict[str, float]] = {}
        for (task, state), jobs in app.series(JOBS).items():
            states.setdefault(task, {})[state] = jobs
    zeros = dict.fromkeys(("ready", "blocked", "scheduled", "retrying", "running", "failed"), 0)
    # What graphile.js did, in numbers.
    assert states == {
        "mail": zeros | {"ready": 3, "scheduled": 2, "retrying": 1, "failed": 2},
        "tenants": zeros | {"ready": 1, "blocked": 2, "scheduled": 1, "running": 1},
        "reports": zeros | {"running": 1},
    }
    claimed = node.drive("graphile.js", LIBRARY, address(postgres, database), "claim")
    assert claimed == {task: states[task]["ready"] for task in states}


async def test_ages_and_jobs_that_failed_for_good(postgres: Server, database: str) -> None:
    for change, where in (
        ("run_at = now() - interval '10 min'", "run_at < now() AND attempts = 0"),
        ("created_at = now() - interval '1 hour'", "attempts < max_attempts"),
        ("locked_at = now() - interval '3 hours'", "locked_at IS NOT NULL"),
    ):
        sql = f"UPDATE graphile_worker._private_jobs SET {change} WHERE {where}"
        postgres.psql(sql, database)
    async with asked(settings(postgres, database)) as app:
        await told(app, "due", "enqueued", "stuck", "ended")
        assert app.value(AGES, "tenants", "due") == pytest.approx(600, abs=20)
        assert app.value(AGES, "mail", "due") == pytest.approx(600, abs=20)
        assert app.value(AGES, "mail", "enqueued") == pytest.approx(3600, abs=20)
        assert app.value(AGES, "tenants", "claimed") == pytest.approx(3 * 3600, abs=20)
        # What is completed is deleted, so nothing tells when the last job was.
        assert app.value(AGES, "mail", "progress") is None
        # One ran out of attempts, the other was failed by hand.
        assert app.value(RECENT, "mail", "exhausted", "15m") == 2
        assert set(app.series(STUCK).values()) == {0}


async def test_a_failure_is_as_old_as_graphile_worker_says(postgres: Server, database: str) -> None:
    # A failed attempt postpones the job by e ** attempts seconds, which is how its time is known.
    postgres.psql(
        "UPDATE graphile_worker._private_jobs SET run_at = run_at - interval '20 min',"
        " updated_at = updated_at - interval '40 min' WHERE attempts = max_attempts",
        database,
    )
    async with asked(settings(postgres, database)) as app:
        await told(app, "ended")
        assert app.value(RECENT, "mail", "exhausted", "15m") == 0
        assert app.value(RECENT, "mail", "exhausted", "1h") == 2


async def test_a_lock_that_graphile_worker_would_break_is_told_as_stuck(
    postgres: Server, node: Node, database: str
) -> None:
    for table in ("jobs", "job_queues"):
        postgres.psql(
            f"UPDATE graphile_worker._private_{table} SET locked_at = now() - interval '241 min'"
            " WHERE locked_at IS NOT NULL",
            database,
        )
    async with asked(settings(postgres, database)) as app:
        await told(app, "stuck")
        assert app.value(STUCK, "reports", "lease") == 1
        assert app.value(STUCK, "tenants", "lease") == 1
    node.drive("graphile.js", LIBRARY, address(postgres, database), "unlock")
    claimed = node.drive("graphile.js", LIBRARY, address(postgres, database), "claim")
    assert claimed == {"mail": 3, "tenants": 4, "reports": 1}


async def test_a_crontab_tells_when_it_fired_to_the_role_that_may_know(
    postgres: Server, node: Node, database: str
) -> None:
    # Known for so long, it is made up for at the start of a worker.
    postgres.psql(
        "INSERT INTO graphile_worker._private_known_crontabs"
        " VALUES ('nightly', now() - interval '10 min', NULL)",
        database,
    )
    node.drive("graphile.js", LIBRARY, address(postgres, database), "cron")
    table, minute = "graphile_worker._private_known_crontabs", time.time() // 60 * 60
    async with asked(settings(postgres, database)) as app:
        await told(app, "jobs")
        assert app.disabled()["graphile_worker_schedules"] == "privilege"
        # The library hides the rows of its tables, so a right to read them is not enough.
        postgres.psql(f"GRANT SELECT ON {table} TO watcher", database)
    async with asked(settings(postgres, database)) as app:
        await told(app, "jobs")
        assert app.disabled()["graphile_worker_schedules"] == "privilege"
        assert app.series(FIRED) == {}
        postgres.psql(f"CREATE POLICY sidewatch ON {table} TO watcher USING (true)", database)
    for role in ("watcher", "stranger"):  # the latter is the application's own
        async with asked(settings(postgres, database, role)) as app:
            await told(app, "schedules")
            assert app.value(FIRED, "nightly") == pytest.approx(minute, abs=70)
