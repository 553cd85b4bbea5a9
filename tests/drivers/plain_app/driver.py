"""plain.jobs, and plain.worker before it: used and asked through its own models and gauges."""

from __future__ import annotations

import importlib
import os
from collections import Counter
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import plain.runtime
from plain.utils import timezone

from tests.drivers.answering import answer

plain.runtime.setup()  # before any model may be imported

NAME = os.environ["DRIVEN"].split()[-1]
models: Any = importlib.import_module(f"{NAME}.models")
jobs: Any = importlib.import_module("app.work.jobs")
Process = getattr(models, "JobProcess", None) or models.Job
HEARTBEATS = hasattr(models, "WorkerHeartbeat")


def rows(model: Any) -> Any:
    """The query set of a model: `objects` became `query` in 0.29."""
    return model.query if hasattr(model, "query") else model.objects


def enqueue(job: str, arguments: list[str], times: int = 1, **how: Any) -> None:
    """Ask for a job, so many times."""
    for _ in range(times):
        getattr(jobs, job)(*arguments).run_in_worker(**how)


def retry_one(queue: str) -> None:
    """What a worker does every minute, for one of a queue's failed jobs."""
    next(one for one in rows(models.JobResult).retryable() if one.queue == queue).retry_job()


def rescue() -> int:
    """Let the library give up the jobs that it takes for lost; how many it took."""
    if HEARTBEATS:
        return len(models.rescue_stale_workers())
    before = rows(Process).all().count()
    rows(Process).all().mark_lost_jobs()
    left: int = rows(Process).all().count()
    return int(before) - left


def by_queue(found: Iterable[Any]) -> dict[str, int]:
    return dict(Counter(one.queue for one in found))


def waiting() -> dict[str, Any]:
    """Requests by queue, and the moments that their ages count from."""
    now = timezone.now()
    requests = list(rows(models.JobRequest).all())
    later = [one for one in requests if one.start_at and one.start_at > now]
    due = [one for one in requests if one not in later]
    return {
        "ready": by_queue(due),
        "scheduled": by_queue(one for one in later if not one.retry_attempt),
        "retrying": by_queue(one for one in later if one.retry_attempt),
        "due": oldest(due, lambda one: max(one.start_at or one.created_at, one.created_at)),
        "enqueued": oldest(requests, lambda one: one.created_at),
    }


def claimed() -> dict[str, Any]:
    """Claimed jobs by queue: those that a process runs, and those that wait for one."""
    running = list(rows(Process).all().running())
    return {
        "running": by_queue(running),
        "blocked": by_queue(rows(Process).all().waiting()),
        "claimed": oldest(rows(Process).all(), lambda one: one.created_at),
    }


def oldest(found: Iterable[Any], since: Callable[[Any], Any]) -> dict[str, float]:
    """The age of the oldest in each queue, in seconds."""
    ages: dict[str, float] = {}
    for one in found:
        age = (timezone.now() - since(one)).total_seconds()
        ages[one.queue] = max(age, ages.get(one.queue, age))
    return ages


def ended() -> dict[str, Any]:
    """Results by queue, those to be tried again apart from those given up."""
    results = rows(models.JobResult)
    again = {one.id for one in results.retryable()}
    again |= {one.id for one in results.all() if one.retry_job_request_uuid}
    errored, lost = list(results.errored()), list(results.lost())
    return {
        "completed": by_queue(results.successful()),
        "cancelled": by_queue(results.cancelled()),
        "failed": by_queue(one for one in errored if one.id in again),
        "lost": by_queue(one for one in lost if one.id in again),
        "exhausted": by_queue(one for one in errored + lost if one.id not in again),
        "deferred": by_queue(one for one in results.all() if one.status == "DEFERRED"),
    }


def truth() -> dict[str, Any]:
    """What the library knows."""
    return {**waiting(), **claimed(), **ended()}


def gauges(queues: list[str]) -> dict[str, Any]:
    """What the library measures itself for OpenTelemetry, where it does."""
    otel = importlib.import_module(f"{NAME}.otel")
    otel.WorkerMetrics._current = SimpleNamespace(worker=SimpleNamespace(queues=queues))
    names = ("queue_depth", "queue_scheduled", "running", "workers")
    return {
        name: {str(next(iter(one.attributes.values()))): one.value for one in measured(None)}
        for name in names
        if (measured := getattr(otel.WorkerMetrics, f"_gauge_{name}", None))
    }


if __name__ == "__main__":
    answer(enqueue, retry_one, rescue, truth, gauges)
