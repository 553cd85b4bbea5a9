"""kodiai, simulated: a review bot that takes webhooks, runs reviews, and is shut down at times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import count
from random import Random
from typing import Any

from msgspec import Struct, field

from exporter.demo import webhooks
from exporter.demo.entries import Entry, Happening, arrivals, pino, take_due, uuid
from exporter.demo.scenes import Scene, Span, spans

SERVER = "kodiai/server"
WEBHOOKS_A_MINUTE = 8
SHARE_OF_JOBS = 0.4
GRACE, EXTENDED_GRACE = 180.0, 360.0
STARTING, REBOOT = 20.0, 30.0
REPLAY = 0.4  # of one webhook
INSTALLATION = 51234567

say = partial(Entry, log=SERVER, form=pino)


class Job(Struct, frozen=True):
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


class Bot(Struct):
    """What it works at, and its rows in webhook_queue: those that wait, and those left claimed."""

    running: list[Job] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    orphaned: list[int] = field(default_factory=list)
    rows: Iterator[int] = field(default_factory=partial(count, 118))


def server(script: Sequence[Scene], dice: Random) -> Iterator[Happening]:
    """What kodiai says and writes, in order, without end."""
    bot = Bot()
    yield from _boots(0.0)
    for span in spans(script):
        happens = {None: _serves, "drained": _drains, "abandoned": _gives_up}[span.scene.shutdown]
        waiting = list(happens(span, dice, bot))
        yield from take_due(waiting, span.end)


def _serves(span: Span, dice: Random, bot: Bot) -> Iterator[Happening]:
    for at in arrivals(dice, span.begin, span.end - 1.0, WEBHOOKS_A_MINUTE):
        asked = {"deliveryId": uuid(dice), "eventName": "pull_request", "action": "synchronize"}
        mention = dice.random() < 0.3
        if mention:
            asked |= {"eventName": "issue_comment", "action": "created"}
        yield _accepted(at, asked, dice)
        if dice.random() < SHARE_OF_JOBS:
            yield from _begins(at, asked, span.scene, dice, bot.running)
    for job in [one for one in bot.running if one.ends < span.end]:
        bot.running.remove(job)
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


def _drains(span: Span, dice: Random, bot: Bot) -> Iterator[Happening]:
    """Each job ends within the grace; webhooks wait in the database for the next start."""
    done = span.begin + GRACE * 0.8
    yield _signal(span.begin, len(bot.running))
    yield from _end_all(bot.running, span.begin, done, dice)
    yield from _queues(span.begin, done, dice, bot)
    yield say(done, level="INFO", message="Graceful drain completed successfully")
    yield from _starts(done + STARTING, span, dice, bot)


def _end_all(running: list[Job], begin: float, end: float, dice: Random) -> Iterator[Entry]:
    for job in running:
        yield job.end(min(job.ends, dice.uniform(begin, end)))
    running.clear()


def _queues(begin: float, end: float, dice: Random, bot: Bot) -> Iterator[Happening]:
    """What comes while it shuts down; something always does."""
    for at in [begin + 2.0, *arrivals(dice, begin + 2.0, end, WEBHOOKS_A_MINUTE / 2)]:
        row, delivery, event = next(bot.rows), uuid(dice), "pull_request"
        bot.pending.append(row)
        yield webhooks.enqueue(at, row, delivery, event)
        about = {"id": str(row), "source": "github", "deliveryId": delivery, "eventName": event}
        text = "Webhook queued to PostgreSQL for drain-time replay"
        yield say(at, level="INFO", message=text, fields=about)


def _gives_up(span: Span, dice: Random, bot: Bot) -> Iterator[Happening]:
    """One job hangs, through the grace and its extension; kodiai ends without it."""
    late = span.begin + 1.0 + GRACE
    gone = late + EXTENDED_GRACE
    yield _signal(span.begin + 1.0, len(bot.running) + 1)
    yield from _end_all(bot.running, span.begin + 1.0, late, dice)
    asked = {"deliveryId": uuid(dice), "eventName": "pull_request", "action": "opened"}
    yield _accepted(span.begin, asked, dice)
    yield from _begins(span.begin, asked, span.scene, dice, bot.running)
    lost = bot.running.pop()
    yield from _queues(span.begin + 1.0, gone, dice, bot)
    extended = {**_active(1), "extendedGraceMs": int(EXTENDED_GRACE * 1000)}
    text = "Drain timeout, extending grace window once"
    yield say(late, level="WARNING", message=text, fields=extended)
    left = {"abandonedRequests": 0, "abandonedJobs": 1, "abandonedTotal": 1}
    text = "Force exit after extended grace timeout, work abandoned"
    yield say(gone, level="ERROR", message=text, fields=left)
    notice = {"count": 1, "maxNotices": 20, "jobIds": [lost.about["jobId"]]}
    text = "Notifying PRs of review jobs abandoned by shutdown force-exit"
    yield say(gone, level="WARNING", message=text, fields=notice)
    yield from _starts(gone + STARTING, span, dice, bot)


# -- starts ---------------------------------------------------------------------------------------


def _boots(at: float) -> Iterator[Entry]:
    steps: list[tuple[str, dict[str, Any]]] = [
        ("Database migrations complete", {"migrationCount": 58}),
        ("PostgreSQL connected and migrations applied", {}),
        ("Shutdown manager registered SIGTERM/SIGINT handlers", {"graceMs": int(GRACE * 1000)}),
        ("Kodiai server started", {"port": 3000, "idleBudgetSeconds": 60}),
    ]
    for message, about in steps:
        yield say(at, level="INFO", message=message, fields=about)


def _starts(at: float, span: Span, dice: Random, bot: Bot) -> Iterator[Happening]:
    """A start, the replay of what waits, and what comes after it.

    Where it crashes before the last webhook is replayed, it starts again at once: too soon to take
    that row back, for it leaves what was claimed within a minute to another instance. So the row
    stays claimed until a later start, and no line tells of it.
    """
    yield from _boots(at)
    yield from _replays(at, bot, crash=span.scene.crash)
    if span.scene.crash:
        at += REBOOT
        yield from _boots(at)
    yield from _serves(Span(at + 1.0, span.end, span.scene), dice, bot)


def _replays(at: float, bot: Bot, *, crash: bool) -> Iterator[Happening]:
    if bot.orphaned:
        found = {"count": len(bot.orphaned), "ids": [str(row) for row in bot.orphaned]}
        text = "Recovered webhook_queue rows stuck in 'processing' from a prior crash"
        yield say(at, level="WARNING", message=text, fields=found)
        yield webhooks.recover(at, bot.orphaned)
    rows = [*bot.orphaned, *bot.pending]
    bot.orphaned, bot.pending = [], []
    yield webhooks.claim(at, rows)
    text = "Dequeued pending webhooks for replay"
    yield say(at, level="INFO", message=text, fields={"count": len(rows)})
    if crash:
        bot.orphaned = [rows.pop()]
    done = at
    for row in rows:
        done += REPLAY
        yield webhooks.complete(done, row)
    if not crash:
        text = "Startup webhook queue replay complete"
        yield say(done, level="INFO", message=text, fields=_replay(len(rows), done - at))


def _replay(replayed: int, seconds: float) -> dict[str, Any]:
    return {
        "startupDurationMs": int(seconds * 1000),
        "queuedWebhooksProcessed": replayed,
        "queuedWebhooksFailed": 0,
        "budgetMs": int(GRACE * 1000),
        "budgetExhausted": False,
        "dbStatus": "connected",
    }
