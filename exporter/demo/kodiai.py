"""kodiai, simulated: a review bot that takes webhooks, runs reviews, and is shut down at times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from random import Random
from typing import Any

from exporter.demo.entries import Entry, arrivals, pino, take_due, uuid
from exporter.demo.scenes import Scene, Span, spans

SERVER = "kodiai/server"
WEBHOOKS_A_MINUTE = 8
SHARE_OF_JOBS = 0.4
GRACE, EXTENDED_GRACE = 180.0, 360.0
STARTING = 20.0
INSTALLATION = 51234567

say = partial(Entry, log=SERVER, form=pino)


@dataclass(frozen=True, slots=True)
class Job:
    """A review at work: when it began, when it would end by itself, and what names it."""

    began: float
    ends: float
    fails: bool
    about: dict[str, Any]

    def end(self, at: float) -> Entry:
        """The line of its end, at `at`."""
        told = {**self.about, "phase": "running", "durationMs": int((at - self.began) * 1000)}
        if not self.fails:
            return say(at, level="INFO", message="Job execution completed", fields=told)
        error = {"type": "APIError", "message": "upstream answered 529 overloaded", "status": 529}
        fields = {"err": error, **told}
        return say(at, level="ERROR", message="Job execution failed", fields=fields)


def server(script: Sequence[Scene], dice: Random) -> Iterator[Entry]:
    """What kodiai says, in order, without end."""
    running: list[Job] = []
    yield from _starts(0.0)
    for span in spans(script):
        happens = {None: _serves, "drained": _drains, "abandoned": _gives_up}[span.scene.shutdown]
        waiting = list(happens(span, dice, running))
        yield from take_due(waiting, span.end)


def _serves(span: Span, dice: Random, running: list[Job]) -> Iterator[Entry]:
    for at in arrivals(dice, span.begin, span.end - 1.0, WEBHOOKS_A_MINUTE):
        asked = {"deliveryId": uuid(dice), "eventName": "pull_request", "action": "synchronize"}
        mention = dice.random() < 0.3
        if mention:
            asked |= {"eventName": "issue_comment", "action": "created"}
        yield _accepted(at, asked, dice)
        if dice.random() < SHARE_OF_JOBS:
            yield from _begins(at, asked, span.scene, dice, running)
    for job in [one for one in running if one.ends < span.end]:
        running.remove(job)
        yield job.end(job.ends)


def _accepted(at: float, asked: dict[str, Any], dice: Random) -> Entry:
    about = {
        **asked,
        "installationId": INSTALLATION,
        "repository": "xbmc/xbmc",
        "sender": dice.choice(("fuzzard", "garbear", "enen92", "ksooo")),
        "receivedAt": _iso,
        "userAgent": "GitHub-Hookshot/0cc5b77",
    }
    text = "Webhook accepted and queued for dispatch"
    return say(at, level="INFO", message=text, fields=about)


def _iso(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _begins(
    at: float, asked: dict[str, Any], scene: Scene, dice: Random, running: list[Job]
) -> Iterator[Entry]:
    """A job is queued and started; its end stands in `running`."""
    mention = asked["eventName"] == "issue_comment"
    number = dice.randrange(27000, 27900)
    about = {
        "jobId": f"{INSTALLATION}-{dice.randrange(10, 9999)}",
        "installationId": INSTALLATION,
        "lane": "interactive-review" if mention else "review",
        "key": f"xbmc/xbmc#{number}",
        **asked,
        "jobType": "mention" if mention else "pull-request-review",
        "prNumber": number,
    }
    queue = {"queueSize": 0, "pendingCount": 1, "laneQueueSize": 0, "lanePendingCount": 0}
    waited = dice.randrange(2, 900)
    queued = {**about, "phase": "queued", **queue, "activeJobCount": len(running)}
    yield say(at, level="INFO", message="Enqueuing job for installation", fields=queued)
    began = at + waited / 1000
    started = {**about, "phase": "running", "waitMs": waited, **queue, "lanePendingCount": 1}
    yield say(began, level="INFO", message="Job execution started", fields=started)
    takes = dice.uniform(8.0, 40.0) if mention else dice.uniform(30.0, 150.0)
    running.append(Job(began, began + takes, dice.random() < scene.failing, about))


# -- shutdowns ------------------------------------------------------------------------------------


def _signal(at: float, jobs: int) -> Entry:
    about = {"signal": "SIGTERM", **_active(jobs), "graceMs": int(GRACE * 1000)}
    text = "Shutdown signal received, starting graceful drain"
    return say(at, level="INFO", message=text, fields=about)


def _active(jobs: int) -> dict[str, int]:
    return {"activeRequests": 0, "activeJobs": jobs, "activeTotal": jobs}


def _drains(span: Span, dice: Random, running: list[Job]) -> Iterator[Entry]:
    """Each job ends within the grace; webhooks wait in the database for the next start."""
    done = span.begin + GRACE * 0.8
    yield _signal(span.begin, len(running))
    yield from _end_all(running, span.begin, done, dice)
    queued = list(arrivals(dice, span.begin, done, WEBHOOKS_A_MINUTE / 2))
    yield from (_queued(at, 118 + n, dice) for n, at in enumerate(queued))
    yield say(done, level="INFO", message="Graceful drain completed successfully")
    yield from _starts(done + STARTING, len(queued))
    yield from _serves(Span(done + STARTING + 1.0, span.end, span.scene), dice, running)


def _end_all(running: list[Job], begin: float, end: float, dice: Random) -> Iterator[Entry]:
    for job in running:
        yield job.end(min(job.ends, dice.uniform(begin, end)))
    running.clear()


def _queued(at: float, row: int, dice: Random) -> Entry:
    about = {"id": str(row), "source": "github", "deliveryId": uuid(dice)}
    text = "Webhook queued to PostgreSQL for drain-time replay"
    return say(at, level="INFO", message=text, fields={**about, "eventName": "pull_request"})


def _gives_up(span: Span, dice: Random, running: list[Job]) -> Iterator[Entry]:
    """One job hangs, through the grace and its extension; kodiai ends without it."""
    late = span.begin + 1.0 + GRACE
    gone = late + EXTENDED_GRACE
    yield _signal(span.begin + 1.0, len(running) + 1)
    yield from _end_all(running, span.begin + 1.0, late, dice)
    asked = {"deliveryId": uuid(dice), "eventName": "pull_request", "action": "opened"}
    yield _accepted(span.begin, asked, dice)
    yield from _begins(span.begin, asked, span.scene, dice, running)
    lost = running.pop()
    extended = {**_active(1), "extendedGraceMs": int(EXTENDED_GRACE * 1000)}
    text = "Drain timeout, extending grace window once"
    yield say(late, level="WARNING", message=text, fields=extended)
    left = {"abandonedRequests": 0, "abandonedJobs": 1, "abandonedTotal": 1}
    text = "Force exit after extended grace timeout, work abandoned"
    yield say(gone, level="ERROR", message=text, fields=left)
    notice = {"count": 1, "maxNotices": 20, "jobIds": [lost.about["jobId"]]}
    text = "Notifying PRs of review jobs abandoned by shutdown force-exit"
    yield say(gone, level="WARNING", message=text, fields=notice)
    yield from _starts(gone + STARTING)
    yield from _serves(Span(gone + STARTING + 1.0, span.end, span.scene), dice, running)


def _starts(at: float, replayed: int = 0) -> Iterator[Entry]:
    """A start, and the replay of webhooks that waited."""
    steps: list[tuple[str, dict[str, Any]]] = [
        ("Database migrations complete", {"migrationCount": 58}),
        ("PostgreSQL connected and migrations applied", {}),
        ("Shutdown manager registered SIGTERM/SIGINT handlers", {"graceMs": int(GRACE * 1000)}),
        ("Kodiai server started", {"port": 3000, "idleBudgetSeconds": 60}),
    ]
    if replayed:
        steps += [
            ("Dequeued pending webhooks for replay", {"count": replayed}),
            ("Startup webhook queue replay complete", _replay(replayed)),
        ]
    for message, about in steps:
        yield say(at, level="INFO", message=message, fields=about)


def _replay(replayed: int) -> dict[str, Any]:
    return {
        "startupDurationMs": 5123,
        "queuedWebhooksProcessed": replayed,
        "queuedWebhooksFailed": 0,
        "budgetMs": int(GRACE * 1000),
        "budgetExhausted": False,
        "dbStatus": "connected",
    }
