"""Delayed Job at work on a table that its own migration made, and what it says itself."""

from __future__ import annotations

import json
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

DRIVER = Path(__file__).parent / "drivers" / "delayed_job.rb"


async def test_delayed_job(postgres: Server, parts: Parts) -> None:
    database = postgres.database()
    postgres.psql(f"ALTER DATABASE {database} SET timezone = 'Asia/Kathmandu'")
    where = {
        "adapter": "postgresql",
        "host": str(postgres.folder),
        "port": postgres.port,
        "username": "postgres",
        "database": database,
    }
    ruby = str(parts.need("ruby"))
    shop = Application([ruby, str(DRIVER)], {"DATABASE": json.dumps(where)})
    for name, version in shop.call("versions").items():
        parts.note(name, version)
    for word in ("migrate", "first", "second"):
        shop.call(word)
    with shop.working():
        running = "delayed_jobs WHERE locked_at IS NOT NULL AND failed_at IS NULL"
        wait_for(lambda: rows(postgres, database, running) == 1, "the worker to begin")
    library = libraries()["delayed-job"]
    grant(postgres, database, library)
    async with asked(SETTINGS.format(url=postgres.url("watcher", database))) as app:
        await told(app, library)
        jobs = app.series("watched_queue_jobs")
        recent = app.series("watched_queue_recent_jobs")
        ages = app.series("watched_queue_oldest_age_seconds")
        stuck = app.series("watched_queue_stuck_jobs")
    truth = shop.call("counts")
    assert truth == {
        "default": {"jobs": 5, "ready": 1, "failed": 1, "held": 1},
        "mail": {"jobs": 1, "ready": 1, "failed": 0, "held": 0},
    }
    default = truth["default"]
    assert without_zeros(jobs) == {
        ("default", "ready"): default["ready"],
        ("default", "running"): default["held"],
        ("default", "failed"): default["failed"],
        ("default", "scheduled"): 1,
        ("default", "retrying"): 1,
        ("mail", "ready"): truth["mail"]["ready"],
    }
    assert without_zeros(recent) == {
        ("default", "exhausted", window): default["failed"] for window in ("15m", "1h")
    }
    # The database is far from UTC, in which the library keeps its times.
    assert ages["default", "due"] == pytest.approx(0, abs=15)
    assert ages["default", "claimed"] == pytest.approx(0, abs=15)
    assert set(stuck.values()) == {0}
