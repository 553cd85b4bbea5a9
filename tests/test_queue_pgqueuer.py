"""PgQueuer, run for real: what sidewatch tells is what its own queries say."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.driving import Driver, driving, owned_database
from tests.support.libraries import PGQUEUER, Installed, installed
from tests.support.parts import Parts
from tests.support.pg import Server
from tests.support.seeing import SECONDS, Counts, Seen, seen
from tests.support.waiting import wait_for
from tests.support.wheels import ROOT

TABLES = {"queue": "pgqueuer", "log": "pgqueuer_log", "schedules": "pgqueuer_schedules"}
DRIVER = ROOT / "tests" / "drivers" / "pgqueuer_driver.py"


@dataclass(frozen=True)
class PgQueuer:
    """A database of the library, and sidewatch beside it."""

    postgres: Server
    database: str
    library: Installed
    driver: Driver
    environment: dict[str, str]
    folder: Path

    def enqueue(self, entrypoint: str, times: int = 1, delay: int = 0) -> list[int]:
        how = {"entrypoint": entrypoint, "times": times, "delay": delay}
        ids: list[int] = self.driver.ask("enqueue", **how)
        return ids

    def size(self) -> Counts:
        answer: Counts = self.driver.ask("size")
        return answer

    @contextmanager
    def worker(self) -> Iterator[None]:
        """A worker in a process of its own, killed at the end."""
        with (self.folder / "worker.log").open("ab") as log:
            worker = subprocess.Popen(
                [self.library.python, ROOT / "tests" / "drivers" / "pgqueuer_app.py"],
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
            )
        try:
            yield
        finally:
            worker.send_signal(signal.SIGKILL)
            worker.wait()

    def older(self, column: str, by: str, where: str = "true") -> None:
        """Let time pass for rows of the queue."""
        sql = f"UPDATE pgqueuer SET {column} = {column} - interval '{by}' WHERE {where}"
        self.postgres.psql(sql, self.database)

    async def seen(self, use: str = "") -> Seen:
        return await seen(self.postgres, self.database, "pgqueuer", use)


@contextmanager
def application(
    version: str, server: Server, parts: Parts, folder: Path, **more: str
) -> Iterator[PgQueuer]:
    library = installed(PGQUEUER[version], parts)
    database, url = owned_database(server)
    environment = {**library.environment(), "DATABASE_URL": url, **more}
    with driving([library.python, DRIVER], folder / "log", environment) as driver:
        driver.ask("install")
        yield PgQueuer(server, database, library, driver, environment, folder)


@pytest.fixture(params=PGQUEUER)
def library(
    request: pytest.FixtureRequest, postgres: Server, parts: Parts, tmp_path: Path
) -> Iterator[PgQueuer]:
    """Both generations of the library in turn."""
    with application(request.param, postgres, parts, tmp_path) as app:
        yield app


@pytest.fixture
def newest(postgres: Server, parts: Parts, tmp_path: Path) -> Iterator[PgQueuer]:
    with application("1", postgres, parts, tmp_path) as app:
        yield app


async def test_states_and_outcomes_are_those_of_the_library(library: PgQueuer) -> None:
    library.enqueue("works", 3)
    library.enqueue("breaks", 2)
    library.driver.ask("cancel", ids=library.enqueue("mail", 1, 3600))
    library.driver.ask("work")
    library.enqueue("mail", 3)
    library.enqueue("mail", 2, 3600)
    told, own = await library.seen(), library.driver.ask("log")
    assert library.size() == {"queued": {"mail": 5}}
    assert told.jobs["ready"]["mail"] == 3
    assert told.jobs["scheduled"]["mail"] == 2
    assert told.recent["completed"]["works"] == own["successful"]["works"] == 3
    assert told.recent["exhausted"]["breaks"] == own["exception"]["breaks"] == 2
    assert told.recent["cancelled"]["mail"] == own["canceled"]["mail"] == 1


async def test_retries_and_held_jobs(newest: PgQueuer) -> None:
    newest.enqueue("retries", 2)
    newest.enqueue("held", 2)
    newest.driver.ask("work")
    told = await newest.seen()
    assert newest.size() == {"queued": {"retries": 2}, "failed": {"held": 2}}
    assert told.jobs["retrying"] == {"retries": 2, "held": 0}
    assert told.jobs["failed"] == {"retries": 0, "held": 2}
    assert told.recent["failed"] == {"retries": 2, "held": 0}
    assert told.recent["exhausted"] == {"retries": 0, "held": 2}
    # The library's own words for that: put back for another attempt.
    assert newest.driver.ask("log")["queued"] == {"retries": 4, "held": 2}
    newest.driver.ask("requeue")
    told = await newest.seen()
    assert told.jobs["ready"] == {"retries": 0, "held": 2}
    assert told.recent["failed"] == {"retries": 2, "held": 0}  # somebody put them back: no retry


async def test_ready_is_what_the_library_gives_a_worker(newest: PgQueuer) -> None:
    newest.enqueue("works", 4)
    newest.enqueue("works", 2, 3600)
    newest.enqueue("mail", 1)
    ready = (await newest.seen()).jobs["ready"]
    assert newest.driver.ask("claim", entrypoints=["works", "mail"]) == ready
    told = await newest.seen()
    assert told.jobs["running"] == newest.size()["picked"] == ready
    # Nobody runs them, and after a while the library gives them to another worker.
    newest.older("heartbeat", "31 s")
    told = await newest.seen()
    assert told.stuck["heartbeat"] == newest.driver.ask("stale") == ready
    assert newest.driver.ask("claim", entrypoints=["works", "mail"]) == ready
    told = await newest.seen()
    assert told.recent["lost"] == ready
    assert told.stuck["heartbeat"] == {"works": 0, "mail": 0}


async def test_a_job_whose_worker_was_killed_is_stuck(newest: PgQueuer) -> None:
    newest.enqueue("waits", 2)
    with newest.worker():
        wait_for(lambda: newest.size().get("picked") == {"waits": 2}, "jobs to be picked")
        assert (await newest.seen()).stuck["heartbeat"] == {"waits": 0}
    newest.older("heartbeat", "31 s")
    assert newest.driver.ask("stale") == {"waits": 2}
    assert (await newest.seen()).stuck["heartbeat"] == {"waits": 2}
    patient = await newest.seen("names: {heartbeat_timeout: 1 hour}")
    assert patient.stuck["heartbeat"] == {"waits": 0}


async def test_ages(library: PgQueuer) -> None:
    library.enqueue("works", 2)
    library.enqueue("mail", 1, 3600)
    library.older("created", "2 hours")
    library.older("execute_after", "90 min")
    library.enqueue("works", 1)
    library.enqueue("breaks", 1, 3600)
    told = await library.seen()
    due = {"works": 5400, "mail": 1800, "breaks": 0}
    assert told.ages["due"] == pytest.approx(due, abs=SECONDS)
    enqueued = {"works": 7200, "mail": 7200, "breaks": 0}
    assert told.ages["enqueued"] == pytest.approx(enqueued, abs=SECONDS)


async def test_the_oldest_is_that_of_the_library(newest: PgQueuer) -> None:
    newest.enqueue("works", 2)
    newest.older("created", "2 hours", "id = 1")
    own = newest.driver.ask("ages")
    assert (await newest.seen()).ages["enqueued"] == pytest.approx(own, abs=SECONDS)


async def test_schedules_tell_when_they_last_ran(newest: PgQueuer) -> None:
    with newest.worker():
        wait_for(lambda: newest.driver.ask("schedules") or None, "the clock to strike")
    told = await newest.seen()
    assert told.fired == pytest.approx(newest.driver.ask("schedules"), abs=2)
    assert told.fired["ticks * * * * * */1"] == pytest.approx(time.time(), abs=20)


async def test_other_names_of_the_tables(postgres: Server, parts: Parts, tmp_path: Path) -> None:
    with application("1", postgres, parts, tmp_path, PGQUEUER_PREFIX="shop_") as app:
        app.enqueue("works", 2)
        names = ", ".join(f"{name}: shop_{table}" for name, table in TABLES.items())
        assert (await app.seen(f"names: {{{names}}}")).jobs["ready"] == {"works": 2}
