"""pullapprove, simulated: a server that takes webhooks, and two workers on one queue.

The lines are those of the plain framework's current generation. The second worker already logs
JSON, as in the middle of a change; nothing needs to be told of that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from exporter.demo.entries import (
    Entry,
    Form,
    arrivals,
    bare,
    keyvalue,
    plain_json,
    take_due,
    uuid,
)
from exporter.demo.scenes import Scene, Span, spans

SERVER = "pullapprove/server"
WORKERS: tuple[tuple[str, Form], ...] = (
    ("pullapprove/worker-1", keyvalue),
    ("pullapprove/worker-2", plain_json),
)
WEBHOOKS_A_MINUTE = 16
PAGES_A_MINUTE = 4
JOBS_A_MINUTE = 10
STATS_SECONDS = 60
PROCESSES = 2

# Classes of jobs, and how long one usually takes, in seconds.
JOBS = {
    "app.pullrequests.jobs.PullRequestProcessUpdates": 2.0,
    "app.pullrequests.jobs.PullRequestReport": 0.8,
    "app.insights.jobs.InsightsSync": 12.0,
}
PAGES = ("/", "/acme/web/", "/acme/web/pulls/812/", "/acme/billing/settings/")

TRACEBACK = """\
Traceback (most recent call last):
  File "/app/.venv/lib/python3.13/site-packages/plain/{file}", line {line}, in {name}
    {code}
  File "/app/app/pullrequests/events.py", line 88, in read
    number = payload["pull_request"]["number"]
             ~~~~~~~^^^^^^^^^^^^^^^^
KeyError: 'pull_request'"""
IN_A_VIEW = TRACEBACK.format(
    file="internal/handlers/base.py",
    line=343,
    name="_run_sync_pipeline",
    code="response = view.get_response()",
)
IN_A_JOB = TRACEBACK.format(file="jobs/models.py", line=325, name="run", code="job.run()")


def server(script: Sequence[Scene], dice: Random) -> Iterator[Entry]:
    """What the server says, in order, without end."""
    yield from _server_start()
    for span in spans(script):
        waiting = [*_webhooks(span, dice), *_pages(span, dice)]
        yield from take_due(waiting, span.end)


def _server_start() -> Iterator[Entry]:
    settings = "Settings from env:\n  PLAIN_LOG_FORMAT -> LOG_FORMAT='keyvalue'"
    yield Entry(0.0, SERVER, bare, "", settings)
    about = {"address": "http://0.0.0.0:8000", "pid": 7, "workers": 1, "threads": 4}
    yield Entry(0.0, SERVER, keyvalue, "INFO", "Plain server started", about)
    yield Entry(0.0, SERVER, keyvalue, "INFO", "Server worker started (pid: 9)")


def _webhooks(span: Span, dice: Random) -> Iterator[Entry]:
    for at in arrivals(dice, span.begin, span.end, WEBHOOKS_A_MINUTE):
        broken = dice.random() < span.scene.broken
        path = "/webhooks/github/"
        if broken:
            where = {"path": path}
            yield Entry(
                at, SERVER, keyvalue, "ERROR", "Server error", where, "plain.request", IN_A_VIEW
            )
        yield _request(at, dice, "POST", path, 500 if broken else 200)


def _pages(span: Span, dice: Random) -> Iterator[Entry]:
    for at in arrivals(dice, span.begin, span.end, PAGES_A_MINUTE):
        status = 200 if dice.random() < 0.9 else 404
        yield _request(at, dice, "GET", dice.choice(PAGES), status)


def _request(at: float, dice: Random, method: str, path: str, status: int) -> Entry:
    hook = method == "POST"
    about = {
        "method": method,
        "path": path,
        "query": "",
        "status": status,
        "duration_ms": 4 + int(dice.lognormvariate(3.4, 0.6)),
        "size": {200: 2 if hook else dice.randrange(3000, 40000), 404: 1460, 500: 25}[status],
        "ip": f"140.82.115.{dice.randrange(2, 250)}" if hook else "203.0.113.24",
        "user_agent": "GitHub-Hookshot/0cc5b77" if hook else "Mozilla/5.0 (X11; Linux x86_64)",
        "referer": "",
    }
    return Entry(at, SERVER, keyvalue, "INFO", "Request", about, "plain.server.access")


# -- the workers ----------------------------------------------------------------------------------


def workers(script: Sequence[Scene], dice: Random) -> Iterator[Entry]:
    """What both workers say, in order, without end. Killed ones leave their jobs unfinished."""
    waiting: list[Entry] = []
    alive = False
    for span in spans(script):
        if span.scene.workers:
            if not alive:
                waiting += _worker_starts(span.begin, dice)
            waiting += [*_jobs(span, dice), *_stats(span, dice)]
        else:
            waiting.clear()
        alive = span.scene.workers
        yield from take_due(waiting, span.end)


def _worker_starts(at: float, dice: Random) -> Iterator[Entry]:
    for pid, (log, form) in enumerate(WORKERS, start=7):
        about = {
            "registered_jobs": list(JOBS),
            "queues": ["default"],
            "jobs_schedule": [],
            "stats_every": STATS_SECONDS,
            "max_processes": PROCESSES,
            "max_jobs_per_process": None,
            "max_pending_per_process": 10,
            "pid": pid,
            "worker_id": uuid(dice),
        }
        yield Entry(at, log, form, "INFO", "Starting Plain worker", about, "plain.jobs")


def _jobs(span: Span, dice: Random) -> Iterator[Entry]:
    """The jobs begun in a scene: three times as many while a backlog is worked off."""
    hurry = 3 if span.scene.backlog else 1
    for at in arrivals(dice, span.begin, span.end, JOBS_A_MINUTE * hurry):
        log, form = dice.choice(WORKERS)
        yield from _job(at, log, form, span.scene, dice)


def _job(at: float, log: str, form: Form, scene: Scene, dice: Random) -> Iterator[Entry]:
    def say(
        after: float,
        message: str,
        about: dict[str, Any],
        level: str = "INFO",
        logger: str = "plain.jobs",
        traceback: str = "",
    ) -> Entry:
        return Entry(at + after, log, form, level, message, about, logger, traceback)

    name = dice.choices(list(JOBS), (6, 3, 1))[0]
    took = round(JOBS[name] * dice.lognormvariate(0.0, 0.5), 6)
    request, process = uuid(dice), uuid(dice)
    work = {"job_request_uuid": request, "job_process_uuid": process}
    job = {
        "job_priority": 10,
        "job_source": "/app/app/webhooks/views.py:88",
        "job_queue": "default",
    }
    pid = {"worker_pid": dice.randrange(30, 30 + PROCESSES)}
    yield say(0.0, "Executing job", {**pid, "job_class": name, "job_request_uuid": request, **job})
    left = dice.randint(*scene.quota)
    if left < 500:
        low = {**work, "rate_limit_remaining": left, "org": 'acme "prod"'}
        text = "Rate limit below threshold, pausing background sync"
        yield say(took / 2, text, low, "WARNING", "app")
    yield say(took / 2, "API response", {**work, **_api_response(left, dice)}, "INFO", "app")
    if dice.random() < scene.broken:
        yield say(took, "Job failed", {}, "ERROR", traceback=IN_A_JOB)
    done = {
        **pid,
        "job_class": name,
        "job_process_uuid": process,
        "job_request_uuid": request,
        "job_result_uuid": uuid(dice),
        **job,
        "job_duration": took,
        "job_queue_time": round(dice.lognormvariate(-0.5, 0.5) * (20 if scene.backlog else 1), 6),
    }
    yield say(took, "Completed job", done)  # printed for a failed one too


def _api_response(left: int, dice: Random) -> dict[str, Any]:
    """An answer out of the cache costs nothing, and does not tell what is left."""
    url = f"https://api.github.com/repos/acme/web/pulls/{dice.randrange(700, 900)}"
    if dice.random() < 0.4:
        return {"status": 200, "from_cache": True, "url": url}
    return {
        "status": 200,
        "from_cache": False,
        "rate_limit_remaining": left,
        "rate_limit_reset": lambda now: int(now) // 3600 * 3600 + 3600,
        "url": url,
    }


def _stats(span: Span, dice: Random) -> Iterator[Entry]:
    """Once a minute; jobs_* are counted in the database, so both workers tell the same."""
    begin, end = int(span.begin), int(span.end)
    for at in range(begin - begin % -STATS_SECONDS, end, STATS_SECONDS):
        gone = (at - span.begin) / (span.end - span.begin)
        about = {
            "worker_processes": PROCESSES,
            "worker_queues": "default",
            "jobs_requested": int(span.scene.backlog * (1.0 - gone)) + dice.randint(0, 2),
            "jobs_processing": 2 * PROCESSES if span.scene.backlog else dice.randint(0, 2),
            "worker_max_processes": PROCESSES,
            "worker_max_jobs_per_process": None,
        }
        for log, form in WORKERS:
            yield Entry(float(at), log, form, "INFO", "Job worker stats", about, "plain.jobs")
