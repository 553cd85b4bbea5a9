"""Django's two queues in its database: the real libraries at work, and what they say themselves."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from exporter.config.queues import libraries
from tests.support.asking import asked
from tests.support.parts import Parts
from tests.support.pg import Server
from tests.support.queues import (
    SETTINGS,
    Application,
    grant,
    rows,
    told,
    without_zeros,
)
from tests.support.waiting import wait_for
from tests.support.wheels import environment, installed

_DJANGO = (
    "asgiref==3.13.0",
    "django==5.2.19",
    "psycopg==3.3.9",
    "psycopg-binary==3.3.9",
    "sqlparse==0.6.1",
    "typing-extensions==4.16.0",
)
DJANGO_TASKS = (
    "django-tasks-db==0.13.0",
    "django-tasks==0.12.0",
    "django-stubs-ext==6.1.2",
    *_DJANGO,
)
DJANGO_Q2 = ("django-q2==1.11.1", "django-picklefield==3.4.0", *_DJANGO)


def application(postgres: Server, database: str, folder: Path, driver: str) -> Application:
    """An application whose tables have been made."""
    where = {
        "HOST": str(postgres.folder),
        "PORT": postgres.port,
        "USER": "postgres",
        "NAME": database,
    }
    one = Application(
        [sys.executable, "-m", f"tests.drivers.{driver}"],
        {**environment(folder), "DATABASE": json.dumps(where)},
    )
    one.call("migrate")
    return one


async def test_django_tasks(postgres: Server, parts: Parts) -> None:
    database = postgres.database()
    shop = application(postgres, database, installed(parts, *DJANGO_TASKS), "django_tasks_db")
    table = "django_tasks_database_dbtaskresult"
    shop.call("first")
    shop.call("work")
    shop.call("second")
    with shop.working():
        running = f"{table} WHERE status = 'RUNNING'"
        wait_for(lambda: rows(postgres, database, running) == 1, "the worker to begin")
    library = libraries()["django-tasks"]
    grant(postgres, database, library)
    async with asked(SETTINGS.format(url=postgres.url("watcher", database))) as app:
        await told(app, library)
        jobs = app.series("watched_queue_jobs")
        recent = app.series("watched_queue_recent_jobs")
        ages = app.series("watched_queue_oldest_age_seconds")
        stuck = app.series("watched_queue_stuck_jobs")
    truth = shop.call("counts")
    assert truth["default"] == {
        "ready": 2,
        "scheduled": 1,
        "running": 1,
        "failed": 1,
        "successful": 2,
    }
    assert jobs == {
        (queue, state): truth[queue][state]
        for queue in ("default", "mail")
        for state in library.generations[0].jobs.states
    }
    assert without_zeros(recent) == {
        ("default", outcome, window): truth["default"][word]
        for outcome, word in (("completed", "successful"), ("exhausted", "failed"))
        for window in ("15m", "1h")
    }
    # Due since they were enqueued, the one whose time had come before, too.
    assert ages["default", "due"] == pytest.approx(0, abs=10)
    assert ages["mail", "due"] == pytest.approx(0, abs=10)
    assert ages["mail", "claimed"] == 0
    assert set(stuck.values()) == {0}


async def test_django_q2(postgres: Server, parts: Parts) -> None:
    database = postgres.database()
    shop = application(postgres, database, installed(parts, *DJANGO_Q2), "django_q2")
    shop.call("first")
    with shop.working():
        # Three were done, and the failed one and the last have a lock in the future.
        done, held = "django_q_task", "django_q_ormq WHERE lock > now()"
        wait_for(
            lambda: rows(postgres, database, done) == 3 and rows(postgres, database, held) == 2,
            "the cluster's work",
            within=30,
        )
    shop.call("second")
    library = libraries()["django-q2"]
    grant(postgres, database, library)
    async with asked(SETTINGS.format(url=postgres.url("watcher", database))) as app:
        await told(app, library)
        jobs = app.series("watched_queue_jobs")
        recent = app.series("watched_queue_recent_jobs")
        beats = app.series("watched_heartbeat_timestamp_seconds")
        fired = app.series("watched_schedule_last_fired_timestamp_seconds")
        now = float(postgres.psql("SELECT extract(epoch FROM now())"))
    truth = shop.call("counts")
    assert truth == {"queued": 2, "locked": 2, "successful": 2, "failed": 1}
    assert jobs == {
        ("shop", "ready"): truth["queued"],
        ("shop", "running"): truth["locked"],
        ("shop", "blocked"): 0,
    }
    assert recent == {
        ("shop", outcome, window): truth[word]
        for outcome, word in (("completed", "successful"), ("failed", "failed"))
        for window in ("15m", "1h")
    }
    # One schedule is five minutes late, the other has fired a moment ago.
    assert now - beats[("django_q_scheduler",)] == pytest.approx(300, abs=10)
    assert fired.keys() == {("nightly",)}
    assert now - fired[("nightly",)] == pytest.approx(0, abs=20)
