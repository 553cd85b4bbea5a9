"""What plain.jobs writes into its tables when it enqueues, claims, ends, retries and rescues.

As its own code does (dropseed/plain, plain-jobs/plain/jobs/{models,workers}.py): a job moves from
table to table, each time by a DELETE and an INSERT in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from exporter.demo.entries import Deed, When

APP = "pullapprove"
QUEUE = "default"
PRIORITY = 10
KEPT_SECONDS = 3900.0  # of results; plain.jobs keeps a week, rules look back an hour

CARRIED = "job_class, priority, source, queue, retries, retry_attempt"

ENQUEUE = f"""
    INSERT INTO plainjobs_jobrequest (uuid, created_at, start_at, {CARRIED})
    VALUES ($1, $2, $3, $4, {PRIORITY}, $5, '{QUEUE}', $6, $7)"""
CLAIM = f"""
    WITH claimed AS (DELETE FROM plainjobs_jobrequest WHERE uuid = $1 RETURNING *)
    INSERT INTO plainjobs_jobprocess
           (job_request_uuid, requested_at, uuid, created_at, worker_id, {CARRIED})
    SELECT uuid, created_at, $2::uuid, $3::timestamptz, $4::uuid, {CARRIED} FROM claimed"""
START = "UPDATE plainjobs_jobprocess SET started_at = $2 WHERE uuid = $1"
END = f"""
    WITH ended AS (DELETE FROM plainjobs_jobprocess WHERE uuid = $1 RETURNING *)
    INSERT INTO plainjobs_jobresult
           (job_process_uuid, job_request_uuid, requested_at, started_at,
            uuid, created_at, ended_at, status, error, {CARRIED})
    SELECT uuid, job_request_uuid, requested_at, started_at,
           $2::uuid, $3::timestamptz, $3::timestamptz, $4, $5, {CARRIED} FROM ended"""
RETRIED = "UPDATE plainjobs_jobresult SET retry_job_request_uuid = $2 WHERE uuid = $1"
PRUNE = "DELETE FROM plainjobs_jobresult WHERE created_at < $1"
REGISTER = f"""
    INSERT INTO plainjobs_workerheartbeat
           (worker_id, hostname, pid, queues, started_at, last_heartbeat_at)
    VALUES ($1, $2, $3, '["{QUEUE}"]', $4, $4)"""
BEAT = "UPDATE plainjobs_workerheartbeat SET last_heartbeat_at = $2 WHERE worker_id = $1"
BURY = "DELETE FROM plainjobs_workerheartbeat WHERE worker_id = $1"


class Request(Struct, frozen=True):
    """A row of plainjobs_jobrequest: a job that waits, until `start` where it has one."""

    uuid: str
    job_class: str
    created: float
    source: str
    start: float | None = None
    retries: int = 0
    attempt: int = 0

    def order(self) -> tuple[bool, float, float]:
        """The greatest is claimed next: those without a start, then the newest."""
        return self.start is None, self.start or 0.0, self.created


class Process(Struct, frozen=True):
    """A row of plainjobs_jobprocess: a job that a worker has claimed."""

    uuid: str
    request: Request
    worker_id: str


class Result(Struct, frozen=True):
    """A row of plainjobs_jobresult."""

    uuid: str
    request: Request


def _deed(at: float, sql: str, *values: object) -> Deed:
    return Deed(at, APP, sql, values)


def enqueue(one: Request) -> Deed:
    """A job is asked for."""
    start = None if one.start is None else When(one.start)
    names = (one.job_class, one.source, one.retries, one.attempt)
    return _deed(one.created, ENQUEUE, one.uuid, When(one.created), start, *names)


def claim(at: float, one: Process) -> Deed:
    """A worker takes it."""
    return _deed(at, CLAIM, one.request.uuid, one.uuid, When(at), one.worker_id)


def start(at: float, one: Process) -> Deed:
    """A process of that worker begins to run it."""
    return _deed(at, START, one.uuid, When(at))


def end(at: float, one: Process, result: Result, status: str, error: str = "") -> Deed:
    """It has ended: SUCCESSFUL, ERRORED, DEFERRED or LOST."""
    return _deed(at, END, one.uuid, result.uuid, When(at), status, error)


def again(at: float, result: Result, request: Request) -> Iterator[Deed]:
    """It is asked for once more."""
    yield enqueue(request)
    yield _deed(at, RETRIED, result.uuid, request.uuid)


def register(at: float, worker_id: str, hostname: str, pid: int) -> Deed:
    """A worker says that it lives."""
    return _deed(at, REGISTER, worker_id, hostname, pid, When(at))


def beat(at: float, worker_id: str) -> Deed:
    """It says so again."""
    return _deed(at, BEAT, worker_id, When(at))


def bury(at: float, worker_id: str) -> Deed:
    """Another worker found that it says so no more."""
    return _deed(at, BURY, worker_id)


def prune(at: float) -> Deed:
    """Old results are deleted."""
    return _deed(at, PRUNE, When(at - KEPT_SECONDS))
