"""plain.jobs and plain.worker, run for real: what sidewatch tells is what they say themselves."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.driving import Driver, driving, owned_database
from tests.support.libraries import PLAIN, Installed, installed
from tests.support.parts import Parts
from tests.support.pg import Server
from tests.support.seeing import SECONDS, Seen, seen
from tests.support.waiting import wait_for
from tests.support.wheels import ROOT

APP = ROOT / "tests" / "drivers" / "plain_app"
# The tables of claimed jobs, by generation.
CLAIMED = {
    "heartbeats": "plainjobs_jobprocess",
    "jobs": "plainjobs_jobprocess",
    "worker": "plainworker_jobprocess",
    "worker-job": "plainworker_job",
}


@dataclass(frozen=True)
class Plain:
    """An application on one generation of the library, and sidewatch beside it."""

    generation: str
    postgres: Server
    database: str
    library: Installed
    driver: Driver
    environment: dict[str, str]
    folder: Path

    def enqueue(self, job: str, queue: str, times: int = 1, **how: Any) -> None:
        arguments = [str(self.folder / "go")] if job == "Waits" else []
        self.driver.ask("enqueue", job=job, arguments=arguments, times=times, queue=queue, **how)

    def truth(self) -> dict[str, dict[str, float]]:
        answer: dict[str, dict[str, float]] = self.driver.ask("truth")
        return answer

    def plain(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Run the framework's own command."""
        with (self.folder / "plain.log").open("ab") as log:
            return subprocess.Popen(
                [self.library.python, self.library.folder / "bin" / "plain", *arguments],
                cwd=APP,
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @contextmanager
    def worker(self, *queues: str) -> Iterator[subprocess.Popen[bytes]]:
        """A worker with one process, killed with that process if it is still there at the end."""
        command = (
            ("worker", "run") if self.library.library.name == "plain.worker" else ("jobs", "worker")
        )
        named = (word for queue in queues for word in ("--queue", queue))
        worker = self.plain(*command, "--max-processes", "1", *named)
        try:
            yield worker
        finally:
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()

    def until(self, queue: str, **wanted: int) -> None:
        """Wait until so many jobs of the queue are in each of these states."""
        wait_for(
            lambda: all(self.truth()[name].get(queue, 0) == n for name, n in wanted.items()),
            f"{wanted} in {queue} of {self.generation}",
        )

    def older(self, table: str, column: str, by: str) -> None:
        """Let time pass for a table."""
        sql = f"UPDATE {table} SET {column} = {column} - interval '{by}'"
        self.postgres.psql(sql, self.database)

    async def seen(self, use: str = "") -> Seen:
        return await seen(self.postgres, self.database, "plain.jobs", use)


@contextmanager
def application(generation: str, postgres: Server, parts: Parts, folder: Path) -> Iterator[Plain]:
    library = installed(PLAIN[generation], parts)
    database, url = owned_database(postgres)
    name = library.library.name
    models = "plain.models" if name == "plain.worker" else "plain.postgres"
    environment = {
        **library.environment(),
        "DATABASE_URL": url,
        "DRIVEN": f"{models} {name}",
    }
    driver = driving([library.python, APP / "driver.py"], folder / "log", environment, APP)
    with driver as one:
        app = Plain(generation, postgres, database, library, one, environment, folder)
        migrate = ("migrate",) if models == "plain.models" else ("postgres", "sync")
        assert app.plain(*migrate).wait() == 0, (folder / "plain.log").read_text()
        yield app


@pytest.fixture(scope="module", params=PLAIN)
def plain(
    request: pytest.FixtureRequest,
    postgres: Server,
    parts: Parts,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Plain]:
    """Every generation of the library in turn. Each test has queues of its own."""
    folder = tmp_path_factory.mktemp("plain")
    with application(request.param, postgres, parts, folder) as app:
        yield app


newest = pytest.mark.parametrize("plain", ["heartbeats"], indirect=True)


async def test_all_that_a_worker_did_and_left_is_told(plain: Plain) -> None:
    defers = int(plain.generation in {"heartbeats", "jobs"})
    plain.enqueue("Works", "work", 3)
    plain.enqueue("Breaks", "work")
    plain.enqueue("Breaks", "work", 2, retries=2)
    plain.enqueue("Defers", "work", defers)
    plain.enqueue("Works", "mail", 3)
    plain.enqueue("Works", "mail", 2, delay=3600)
    with plain.worker("work"):
        plain.until("work", completed=3, exhausted=1, failed=2, deferred=defers, running=0)
        plain.driver.ask("retry_one", queue="work")
        plain.enqueue("Waits", "work", 3)
        plain.until("work", running=1, blocked=2)
    # The worker was killed, and with it the process that ran a job.
    truth = plain.truth()
    assert truth["retrying"]["work"] == 1
    assert truth["ready"]["mail"] == 3
    told = await plain.seen()
    told.agrees(truth)
    if defers:  # and since then the library has gauges of its own
        own = plain.driver.ask("gauges", queues=["work", "mail"])
        for state, gauge in (
            ("ready", "queue_depth"),
            ("scheduled", "queue_scheduled"),
            ("running", "running"),
        ):
            retrying = told.jobs["retrying"] if state == "scheduled" else {}
            for queue, number in own[gauge].items():
                assert told.jobs[state][queue] + retrying.get(queue, 0) == number


async def test_ages_count_from_where_the_library_counts(plain: Plain) -> None:
    requests = CLAIMED[plain.generation].partition("_")[0] + "_jobrequest"
    plain.enqueue("Works", "old", delay=600)
    plain.enqueue("Works", "late", delay=600)
    plain.older(requests, "created_at", "50 min")
    plain.older(requests, "start_at", "25 min")
    plain.enqueue("Works", "old")
    plain.enqueue("Works", "later", delay=600)
    told = await plain.seen()
    told.agrees(plain.truth())
    for queue, due, enqueued in (("old", 900, 3000), ("late", 900, 3000), ("later", 0, 0)):
        assert told.ages["due"][queue] == pytest.approx(due, abs=SECONDS)
        assert told.ages["enqueued"][queue] == pytest.approx(enqueued, abs=SECONDS)


async def test_jobs_that_nobody_runs_are_stuck_until_the_library_gives_them_up(
    plain: Plain,
) -> None:
    heartbeats = plain.generation == "heartbeats"
    reason = "heartbeat" if heartbeats else "timeout"
    with plain.worker("stuck"):
        plain.enqueue("Waits", "stuck")
        plain.enqueue("Waits", "stuck", 2, retries=1)
        plain.until("stuck", running=1, blocked=2)
    assert (await plain.seen()).stuck[reason]["stuck"] == 0
    if heartbeats:
        plain.older("plainjobs_workerheartbeat", "last_heartbeat_at", "6 min")
    else:
        plain.older(CLAIMED[plain.generation], "created_at", "25 h")  # JOBS_TIMEOUT is 24 h
    assert (await plain.seen()).stuck[reason]["stuck"] == 3
    assert plain.driver.ask("rescue") >= 3
    told = await plain.seen()
    assert told.stuck.get(reason, {}).get("stuck", 0) == 0
    assert told.recent["lost"]["stuck"] == 2
    assert told.recent["exhausted"]["stuck"] == 1
    told.agrees(plain.truth())


@newest
async def test_a_worker_that_is_stopped_cancels_what_it_has_not_started(plain: Plain) -> None:
    with plain.worker("stop") as worker:
        plain.enqueue("Waits", "stop", 5)
        plain.until("stop", running=1, blocked=4)
        worker.terminate()
        wait_for(lambda: "stop" in plain.truth()["cancelled"], "jobs to be cancelled")
        (plain.folder / "go").touch()
        assert worker.wait(20) == 0
    (plain.folder / "go").unlink()
    told = await plain.seen()
    told.agrees(plain.truth())
    assert told.recent["cancelled"]["stop"] + told.recent["completed"]["stop"] == 5


@newest
async def test_workers_are_told_by_their_heartbeats(plain: Plain) -> None:
    def workers() -> dict[str, float]:
        own = plain.driver.ask("gauges", queues=[])["workers"]
        return {"live": own["active"], "stale": own["stale"]}

    before = workers()
    with plain.worker("idle"):
        wait_for(lambda: workers()["live"] > before["live"], "a worker")
        told = await plain.seen()
        assert told.workers == workers()
        # A queue that is served has its zeros before its first job.
        assert told.jobs["ready"]["idle"] == 0
    plain.older("plainjobs_workerheartbeat", "last_heartbeat_at", "6 min")
    assert (await plain.seen()).workers == workers()
    assert workers()["live"] == 0


@newest
async def test_a_job_that_runs_for_longer_than_is_promised_is_stuck(plain: Plain) -> None:
    with plain.worker("long"):
        plain.enqueue("Waits", "long", 2)
        plain.until("long", running=1, blocked=1)
        plain.older("plainjobs_jobprocess", "started_at", "61 min")
        plain.older("plainjobs_jobprocess", "created_at", "61 min")
        told = await plain.seen("names: {timeout: 60 minutes}")
        assert {reason: jobs["long"] for reason, jobs in told.stuck.items()} == {
            "heartbeat": 0,
            "timeout": 1,
        }
        patient = await plain.seen()  # it may take a day
        assert patient.stuck["timeout"]["long"] == 0
