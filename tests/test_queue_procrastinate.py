"""procrastinate, run for real: what sidewatch tells is what its own job manager says."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.driving import Driver, driving, owned_database
from tests.support.libraries import PROCRASTINATE, Installed, installed
from tests.support.million import SHAPES, fill, held
from tests.support.parts import Parts
from tests.support.pg import Server
from tests.support.seeing import SECONDS, Seen, seen
from tests.support.waiting import wait_for
from tests.support.wheels import ROOT

DRIVER = ROOT / "tests" / "drivers" / "procrastinate_driver.py"


@dataclass(frozen=True)
class Procrastinate:
    """A database of the library, and sidewatch beside it."""

    postgres: Server
    database: str
    library: Installed
    driver: Driver
    environment: dict[str, str]
    folder: Path

    def enqueue(self, task: str, queue: str, times: int = 1, **how: Any) -> list[int]:
        ids: list[int] = self.driver.ask("enqueue", task=task, times=times, queue=queue, **how)
        return ids

    def statuses(self) -> dict[str, dict[str, float]]:
        answer: dict[str, dict[str, float]] = self.driver.ask("statuses")
        return answer

    @contextmanager
    def worker(self, queue: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
        """The library's own command, killed if it is still there at the end."""
        command = [str(self.library.python), "-m", "procrastinate"]
        command += ["--app", "tests.drivers.procrastinate_app.app", "worker"]
        with (self.folder / "worker.log").open("ab") as log:
            worker = subprocess.Popen(
                [*command, "--queues", queue, "--concurrency", "2"],
                env={**os.environ, **self.environment, **more},
                stdout=log,
                stderr=log,
            )
        try:
            yield worker
        finally:
            worker.send_signal(signal.SIGKILL)
            worker.wait()

    def until(self, status: str, queue: str, number: int) -> None:
        wait_for(
            lambda: self.statuses().get(status, {}).get(queue, 0) == number,
            f"{number} jobs of {queue} to be {status}",
        )

    def older(self, table: str, column: str, by: str, where: str = "true") -> None:
        """Let time pass for rows of a table."""
        sql = f"UPDATE {table} SET {column} = {column} - interval '{by}' WHERE {where}"
        self.postgres.psql(sql, self.database)

    async def seen(self, use: str = "") -> Seen:
        return await seen(self.postgres, self.database, "procrastinate", use)


@contextmanager
def application(
    version: str, server: Server, parts: Parts, folder: Path
) -> Iterator[Procrastinate]:
    library = installed(PROCRASTINATE[version], parts)
    database, url = owned_database(server)
    environment = {**library.environment(), "DATABASE_URL": url}
    with driving([library.python, DRIVER], folder / "log", environment) as driver:
        driver.ask("migrate")
        yield Procrastinate(server, database, library, driver, environment, folder)


@pytest.fixture(params=PROCRASTINATE)
def library(
    request: pytest.FixtureRequest, postgres: Server, parts: Parts, tmp_path: Path
) -> Iterator[Procrastinate]:
    """Both generations of the library in turn."""
    with application(request.param, postgres, parts, tmp_path) as app:
        yield app


@pytest.fixture
def newest(postgres: Server, parts: Parts, tmp_path: Path) -> Iterator[Procrastinate]:
    with application("3", postgres, parts, tmp_path) as app:
        yield app


async def test_states_and_outcomes_are_those_of_the_job_manager(library: Procrastinate) -> None:
    library.enqueue("works", "work", 3)
    library.enqueue("breaks", "work", 2)
    library.enqueue("breaks_twice", "work")
    (gone,) = library.enqueue("works", "work", 1, schedule_in={"hours": 1})
    assert library.driver.ask("cancel", job=gone)
    library.driver.ask("work", queue="work")
    library.enqueue("works", "mail", 3)
    library.enqueue("works", "mail", 2, schedule_in={"hours": 1})
    told, own = await library.seen(), library.statuses()
    assert own["todo"] == {"mail": 5, "work": 1}
    assert told.jobs["ready"] == {"mail": 3, "work": 0}
    assert told.jobs["scheduled"] == {"mail": 2, "work": 0}
    assert told.jobs["retrying"] == {"mail": 0, "work": 1}
    assert told.jobs["blocked"] == {"mail": 0, "work": 0}
    assert told.jobs["failed"] == {**own["failed"], "mail": 0} == {"mail": 0, "work": 2}
    assert told.recent["completed"]["work"] == own["succeeded"]["work"] == 3
    assert told.recent["exhausted"]["work"] == own["failed"]["work"] == 2
    assert told.recent["cancelled"]["work"] == own["cancelled"]["work"] == 1
    assert told.recent["failed"]["work"] == 1  # the first of two attempts
    assert library.driver.ask("claimable", queue="mail") != []
    assert (await library.seen()).jobs["running"] == {**library.statuses()["doing"], "work": 0}


async def test_ready_is_what_the_library_gives_a_worker(library: Procrastinate) -> None:
    """Of the jobs with one lock the first comes first, whether its time has come or not."""
    library.enqueue("works", "locks", 3, lock="a")
    library.enqueue("works", "locks", 1, lock="b", schedule_in={"hours": 1})
    library.enqueue("works", "locks", 2, lock="b")
    library.enqueue("works", "locks", 2)
    library.enqueue("works", "held", 1, lock="c")
    assert len(library.driver.ask("claimable", queue="held")) == 1
    library.enqueue("works", "locks", 1, lock="c")
    told = await library.seen()
    assert told.jobs["scheduled"]["locks"] == 1
    assert told.jobs["blocked"]["locks"] == 5
    assert told.jobs["running"] == {"held": 1, "locks": 0}
    assert told.jobs["ready"]["locks"] == 3
    assert len(library.driver.ask("claimable", queue="locks")) == 3
    assert (await library.seen()).jobs["ready"]["locks"] == 0


async def test_a_higher_priority_comes_first_within_a_lock(newest: Procrastinate) -> None:
    newest.enqueue("works", "locks", 1, lock="a")
    (first,) = newest.enqueue("works", "locks", 1, lock="a", priority=5, schedule_in={"hours": 1})
    assert (await newest.seen()).jobs["ready"] == {"locks": 0}
    assert newest.driver.ask("claimable", queue="locks") == []
    newest.older("procrastinate_jobs", "scheduled_at", "2 hours", f"id = {first}")
    assert (await newest.seen()).jobs["ready"] == {"locks": 1}
    assert newest.driver.ask("claimable", queue="locks") == [first]


async def test_ages_are_found_in_the_events(library: Procrastinate) -> None:
    (late,) = library.enqueue("works", "plain")
    library.older("procrastinate_events", "at", "40 min")
    library.enqueue("works", "plain")
    (scheduled,) = library.enqueue("works", "scheduled", 1, schedule_in={"minutes": 30})
    library.older("procrastinate_events", "at", "1 hour", f"job_id = {scheduled}")
    library.older("procrastinate_jobs", "scheduled_at", "50 min", f"id = {scheduled}")
    library.enqueue("works", "backdated", 1, schedule_in={"days": -1})
    library.enqueue("works", "later", 1, schedule_in={"minutes": 30})
    told = await library.seen()
    due = {"plain": 2400, "scheduled": 1200, "backdated": 0, "later": 0}
    assert told.ages["due"] == pytest.approx(due, abs=SECONDS)
    enqueued = {"plain": 2400, "scheduled": 3600, "backdated": 0, "later": 0}
    assert told.ages["enqueued"] == pytest.approx(enqueued, abs=SECONDS)
    assert library.driver.ask("claimable", queue="plain") != []
    library.older("procrastinate_events", "at", "7 min", f"job_id = {late} AND type = 'started'")
    assert (await library.seen()).ages["claimed"]["plain"] == pytest.approx(420, abs=SECONDS)


async def test_a_job_whose_worker_was_killed_is_stuck(newest: Procrastinate) -> None:
    newest.enqueue("waits", "work", 3)
    with newest.worker("work"):
        newest.until("doing", "work", 2)
        told = await newest.seen()
        assert told.workers == {"live": 1, "stale": 0}
        assert told.stuck["heartbeat"] == {"work": 0}
        assert newest.driver.ask("stalled") == {}
    newest.older("procrastinate_workers", "last_heartbeat", "31 s")
    told = await newest.seen()
    assert told.workers == {"live": 0, "stale": 1}
    assert told.stuck["heartbeat"] == newest.driver.ask("stalled") == {"work": 2}
    newest.enqueue("works", "other")
    newest.driver.ask("work", queue="other")  # a worker that starts deletes the row of a dead one
    told = await newest.seen()
    assert told.workers == {"live": 0, "stale": 0}
    assert told.stuck["heartbeat"] == newest.driver.ask("stalled") == {"work": 2}
    patient = await newest.seen("names: {stalled: 1 hour}")
    assert patient.stuck["heartbeat"] == {"work": 2}  # no worker is no heartbeat


async def test_a_running_job_is_aborted(newest: Procrastinate) -> None:
    (job,) = newest.enqueue("waits", "work")
    with newest.worker("work"):
        newest.until("doing", "work", 1)
        assert newest.driver.ask("cancel", job=job, abort=True)
        newest.until("aborted", "work", 1)
    assert (await newest.seen()).recent["cancelled"] == {"work": 1}


async def test_schedules_tell_their_last_tick(library: Procrastinate) -> None:
    with library.worker("none", PERIODIC="yes"):
        library.until("todo", "ticks", 2)
    told = await library.seen()
    assert set(told.fired) == {"ticks", "ticks again"}  # not the one that is seldom due
    for tick in told.fired.values():
        assert tick == pytest.approx(60 * round(tick / 60), abs=1)
        assert 0 <= time.time() - tick < 90


@pytest.mark.long
@pytest.mark.parametrize("ended", SHAPES.values(), ids=SHAPES)
def test_a_round_costs_no_more_than_one_count_of_the_live_rows(
    ended: int, newest: Procrastinate
) -> None:
    fill(newest.postgres, newest.database, "procrastinate", ended)
    held(newest.postgres, newest.database, "procrastinate")
