"""pg-boss as it is: what sidewatch tells of a queue is what pg-boss itself says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.asking import Asked, asked, until
from tests.support.node import Node
from tests.support.pg import Server

# One library for each form that the tables have had.
LIBRARIES = (
    "pg-boss-9",
    "pg-boss-10",
    "pg-boss-11",
    "pg-boss-12.29",
    "pg-boss-12.35",
    "pg-boss-12",
)
AT_ONCE = 3  # the server has few connections
SETTINGS = """\
url: "{url}"
password: first
interval: 1s
statement_timeout: 20s
subjects: {{traffic: false, server: false, connections: false}}
queues: {{pg-boss: {{}}}}
"""
JOBS = "watched_queue_jobs"
AGES = "watched_queue_oldest_age_seconds"
RECENT = "watched_queue_recent_jobs"
STUCK = "watched_queue_stuck_jobs"
STAMPS = "watched_heartbeat_timestamp_seconds"
FIRED = "watched_schedule_last_fired_timestamp_seconds"
WORKERS = "watched_workers"


@dataclass(frozen=True)
class Filled:
    """A database in which pg-boss has left jobs, and what it says of them."""

    library: str
    database: str
    jobs: Sequence[Mapping[str, Any]]
    queued: Mapping[str, int]

    def count(self, queue: str, *states: str, due: bool | None = None) -> int:
        """The jobs of a queue in these states of pg-boss's."""
        return sum(
            job["queue"] == queue and job["state"] in states and due in (None, job["due"])
            for job in self.jobs
        )


@pytest.fixture(scope="module")
def filled(postgres: Server, node: Node) -> Iterator[Mapping[str, Future[Filled]]]:
    """The libraries at work in databases of their own, several at a time."""

    def fill(library: str, database: str) -> Filled:
        said = node.drive("pgboss.js", library, address(postgres, database), "fill")
        return Filled(library, database, **said)

    names = {library: owned(postgres) for library in LIBRARIES}
    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield {library: threads.submit(fill, library, name) for library, name in names.items()}


def owned(postgres: Server, template: str = "template1") -> str:
    """A database of the application's own role."""
    name = postgres.database_like(template)
    postgres.psql(f"ALTER DATABASE {name} OWNER TO stranger")
    return name


def address(postgres: Server, database: str) -> str:
    """Where the application finds its database."""
    return f"postgresql://stranger:first@127.0.0.1:{postgres.port}/{database}"


def copied(postgres: Server, original: Filled) -> str:
    """The database once more, for one test alone; the watcher may read what it needs."""
    name = owned(postgres, original.database)
    postgres.psql("GRANT USAGE ON SCHEMA pgboss TO watcher", name)
    postgres.psql("GRANT SELECT ON ALL TABLES IN SCHEMA pgboss TO watcher", name)
    return name


def settings(postgres: Server, database: str) -> str:
    return SETTINGS.format(url=postgres.url("watcher", database))


async def told(app: Asked, *names: str) -> None:
    """Wait until each of these queries has been answered."""
    await until(
        lambda: (
            {f"pg_boss_{name}" for name in names}
            <= {name for (name,) in app.series("sidewatch_query_duration_seconds")}
        ),
        f"answers of {names}, not {app.disabled()}",
    )


def expected(truth: Filled, claimed: Mapping[str, int], queue: str) -> dict[str, float]:
    """The states of a queue's jobs, from what pg-boss says and what it still hands out."""
    states = {
        "ready": claimed[queue],
        "scheduled": truth.count(queue, "created", due=False),
        "retrying": truth.count(queue, "retry", due=False),
        "running": truth.count(queue, "active"),
        "failed": truth.count(queue, "failed", "expired"),
        "dead": 0,
    }
    if queue == "dead-reports":
        states |= {"ready": 0, "dead": truth.queued[queue]}
    waiting = sum(states[name] for name in ("ready", "scheduled", "retrying", "dead"))
    return {**states, "blocked": truth.queued[queue] - waiting}


@pytest.mark.parametrize("library", LIBRARIES)
async def test_every_job_is_told_where_pg_boss_has_it(
    postgres: Server, node: Node, filled: Mapping[str, Future[Filled]], library: str
) -> None:
    truth = filled[library].result()
    database = copied(postgres, truth)
    async with asked(settings(postgres, database)) as app:
        await told(app, "jobs", "ended", "stuck")
        jobs, recent, stuck = app.series(JOBS), app.series(RECENT), app.series(STUCK)
        assert not [name for name in app.disabled() if name.startswith("pg_boss")]
    claimed = node.drive("pgboss.js", library, address(postgres, database), "claim")
    for queue in truth.queued:
        told_of = {state: value for (name, state), value in jobs.items() if name == queue}
        states = expected(truth, claimed, queue)
        if library == "pg-boss-9":  # has no policies, no dead-letter queues, and no table of queues
            assert states.pop("blocked") == states.pop("dead") == 0
            states = states if any(states.values()) else {}
        assert told_of == states, queue
    for window in ("15m", "1h"):
        assert recent["mail", "completed", window] == truth.count("mail", "completed") == 2
        assert recent["mail", "failed", window] == truth.count("mail", "retry") == 2
        assert recent["mail", "exhausted", window] == truth.count("mail", "failed") == 1
        assert recent["mail", "cancelled", window] == truth.count("mail", "cancelled") == 1
        assert recent["reports", "exhausted", window] == 1
    assert {key: value for key, value in stuck.items() if value} == {("slow", "expired"): 1}


@pytest.mark.parametrize("library", LIBRARIES)
async def test_ages_stamps_and_schedules(
    postgres: Server, filled: Mapping[str, Future[Filled]], library: str
) -> None:
    database = copied(postgres, filled[library].result())
    names = ("created_on", "start_after", "started_on", "completed_on")
    created, after, started, completed = (
        name.replace("_", "") if library == "pg-boss-9" else name for name in names
    )

    def change(what: str, where: str) -> None:
        postgres.psql(f"UPDATE pgboss.job SET {what} WHERE {where}", database)

    change(f"{after} = now() - interval '10 min'", f"name = 'mail' AND {after} < now()")
    change(f"{created} = now() - interval '1 hour'", "name = 'mail' AND state = 'retry'")
    change(f"{started} = now() - interval '14 min'", f"name = 'mail' AND {started} < now()")
    change(f"{completed} = now() - interval '30 min'", f"name = 'mail' AND {completed} < now()")
    if library in ("pg-boss-12.35", "pg-boss-12"):  # as after a count that took long
        postgres.psql("UPDATE pgboss.queue SET monitor_on = now() - interval '1 hour'", database)
    stamp = {
        "pg-boss-9": "maintained_on FROM pgboss.version",
        "pg-boss-10": "maintained_on FROM pgboss.version",
        "pg-boss-11": "max(monitor_on) FROM pgboss.queue",
        "pg-boss-12.29": "max(monitor_on) FROM pgboss.queue",
    }.get(library, "max(monitor_claim_on) FROM pgboss.queue")
    supervised = moment(postgres, database, stamp)
    async with asked(settings(postgres, database)) as app:
        await told(app, "due", "enqueued", "ended", "supervision", "cron", "schedules")
        assert app.value(AGES, "mail", "due") == pytest.approx(600, abs=60)
        assert app.value(AGES, "mail", "enqueued") == pytest.approx(3600, abs=60)
        assert app.value(AGES, "mail", "claimed") == pytest.approx(840, abs=60)
        assert app.value(AGES, "mail", "progress") == pytest.approx(840, abs=60)
        assert app.value(RECENT, "mail", "completed", "15m") == 0
        assert app.value(RECENT, "mail", "completed", "1h") == 2
        assert app.value(STAMPS, "supervision") == pytest.approx(supervised, abs=2)
        cron = moment(postgres, database, "cron_on FROM pgboss.version")
        assert app.value(STAMPS, "cron") == pytest.approx(cron, abs=2)
        intervals = app.series("watched_heartbeat_interval_seconds")
        assert intervals == {("supervision",): 300, ("cron",): 300}
        sent = moment(postgres, database, f"max({created}) FROM pgboss.job WHERE name = 'night_ly'")
        name = "night_ly" if library in ("pg-boss-9", "pg-boss-10") else "night_ly/eu"
        assert app.series(FIRED) == {(name,): pytest.approx(sent, abs=5)}
        postgres.psql("DELETE FROM pgboss.schedule", database)
        await until(lambda: app.value(STAMPS, "cron") is None, "no sign of life of what has none")


def moment(postgres: Server, database: str, what: str) -> float:
    """A timestamp of the database, in seconds."""
    column, _, rest = what.partition(" ")
    return float(postgres.psql(f"SELECT extract(epoch FROM {column}) {rest}", database))


async def test_a_job_whose_heartbeat_has_stopped_is_stuck_before_it_expires(
    postgres: Server, filled: Mapping[str, Future[Filled]]
) -> None:
    database = copied(postgres, filled["pg-boss-12"].result())
    postgres.psql(
        "UPDATE pgboss.job SET heartbeat_on = now() - interval '601 s' WHERE name = 'beats'",
        database,
    )
    async with asked(settings(postgres, database)) as app:
        await told(app, "stuck")
        found = {key: value for key, value in app.series(STUCK).items() if value}
        assert found == {("slow", "expired"): 1, ("beats", "heartbeat"): 1}


async def test_a_worker_lives_until_it_has_missed_three_beats(
    postgres: Server, node: Node, filled: Mapping[str, Future[Filled]]
) -> None:
    database = copied(postgres, filled["pg-boss-12"].result())
    async with asked(settings(postgres, database)) as app:
        await told(app, "workers")
        assert app.series(WORKERS) == {("pg-boss", "live"): 0, ("pg-boss", "stale"): 0}
        with node.running("pgboss.js", "pg-boss-12", address(postgres, database), "hang"):
            await until(lambda: app.value(WORKERS, "pg-boss", "live") == 1, "a worker")
        await until(lambda: app.value(WORKERS, "pg-boss", "stale") == 1, "a dead worker")
        assert app.value(WORKERS, "pg-boss", "live") == 0
