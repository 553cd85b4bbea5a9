"""Which shipped alerts' conditions hold now, as far as one process can tell from its own scrapes.

The truth is in rules/*.yaml, and Prometheus evaluates it. This only says beforehand what it will
find: each function has the condition of the rule that it names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from exporter.demo.page import Memory

REQUESTS = "watched_http_requests_total"
FINISHED = "watched_jobs_finished_total"
QUOTA = "watched_quota_remaining"
EXCEPTIONS = "watched_exceptions_total"
RECORDS = "watched_log_records_total"
NAMES = (REQUESTS, FINISHED, QUOTA, EXCEPTIONS, RECORDS)
SERVICE = ("app", "service")


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alert whose condition holds. `why` changes from second to second, so it is no identity."""

    rule: str
    subject: str
    why: str = field(compare=False)


def alarms(memory: Memory) -> Iterator[Alarm]:
    """All that would fire, sooner or later by a minute."""
    for tell in TELLERS:
        yield from tell(memory)


def _events(memory: Memory) -> Iterator[Alarm]:
    urgent = (("page", "WatchedEventCritical", 600.0), ("ticket", "WatchedEventTicket", 3600.0))
    for impact, rule, seconds in urgent:
        for one in memory.page.find("watched_event_read_timestamp_seconds", impact=impact):
            age = memory.now - one.value
            if age < seconds:
                subject = f"{one.labels['app']} {one.labels['event']}"
                yield Alarm(rule, subject, f"read {age:.0f} s ago")


def _heartbeats(memory: Memory) -> Iterator[Alarm]:
    page, by = memory.page, ("app", "heartbeat")
    intervals = page.sums("watched_heartbeat_interval_seconds", by)
    for key, at in page.sums("watched_heartbeat_timestamp_seconds", by).items():
        app, heartbeat = key
        age, interval = memory.now - at, intervals.get(key, math.inf)
        if heartbeat != "webhooks" and age > 2 * interval and not _quiet(memory, app):
            why = f"{age:.0f} s ago, and it comes every {interval:g} s"
            yield Alarm("WatchedHeartbeatMissing", f"{app} {heartbeat}", why)


def _http_errors(memory: Memory) -> Iterator[Alarm]:
    by = ("app", "route", "status")
    errors, requests = dict[tuple[str, str], float](), dict[tuple[str, str], float]()
    for (app, route, status), grown in memory.increase(REQUESTS, by, 600.0).items():
        requests[app, route] = requests.get((app, route), 0.0) + grown
        if status.startswith("5"):
            errors[app, route] = errors.get((app, route), 0.0) + grown
    for (app, route), failed in errors.items():
        share = failed / max(1.0, requests[app, route])
        if failed >= 5 and share > 0.05 and not _quiet(memory, app):
            why = f"{share:.0%} of {requests[app, route]:.0f} requests in ten minutes got a 5xx"
            yield Alarm("WatchedHttpErrors", f"{app} {route}", why)


def _job_failures(memory: Memory) -> Iterator[Alarm]:
    by = ("app", "job_class")
    finished = memory.increase(FINISHED, by, 3600.0)
    bearable = memory.page.sums("watched_job_failures_objective", by)
    for key, failed in memory.increase(FINISHED, by, 3600.0, outcome="failed").items():
        if failed >= bearable.get(key, 3.0) and failed / finished[key] > 0.05:
            why = f"{failed:.0f} of {finished[key]:.0f} failed in an hour"
            yield Alarm("WatchedJobFailures", " ".join(key), why)


def _exceptions(memory: Memory) -> Iterator[Alarm]:
    bad = dict[tuple[str, str], float]()
    records = memory.increase(RECORDS, (*SERVICE, "level"), 1800.0)
    for (app, service, level), grown in records.items():
        if level in {"error", "critical", "unknown"}:
            bad[app, service] = bad.get((app, service), 0.0) + grown
    for key, raised in memory.increase(EXCEPTIONS, (*SERVICE, "type"), 1800.0).items():
        app, service, _ = key
        if raised >= 5 and bad.get((app, service), 0.0) >= 5 and not _quiet(memory, app, service):
            why = f"raised {raised:.0f} times in half an hour"
            yield Alarm("WatchedExceptionsRepeated", " ".join(key), why)


def _quota(memory: Memory) -> Iterator[Alarm]:
    by = ("app", "quota", "scope")
    wanted = memory.page.sums("watched_quota_remaining_objective", by)
    for key, left in memory.lowest(QUOTA, by, 600.0).items():
        if key in wanted and left < wanted[key]:
            why = f"{left:.0f} were left within ten minutes, {wanted[key]:.0f} should be"
            yield Alarm("WatchedQuotaLow", f"{key[0]} {key[1]}", why)


def _drains(memory: Memory) -> Iterator[Alarm]:
    draining = memory.page.sums("watched_draining", SERVICE)
    deadlines = memory.page.sums("watched_drain_deadline_timestamp_seconds", SERVICE)
    for key, deadline in deadlines.items():
        late = memory.now - deadline
        if late > 0 and draining.get(key) == 1.0:
            why = f"its deadline passed {late:.0f} s ago"
            yield Alarm("WatchedDrainStuck", " ".join(key), why)


# -- what the databases tell ----------------------------------------------------------------------


def _queue_old(memory: Memory) -> Iterator[Alarm]:
    page, by = memory.page, ("app", "queue")
    wanted = page.sums("watched_queue_oldest_age_objective_seconds", by)
    for key, age in page.sums("watched_queue_oldest_age_seconds", by, clock="due").items():
        app, _ = key
        draining = page.total("watched_draining", app=app) == 1.0
        if age > wanted.get(key, 300.0) and not draining and not _quiet(memory, app):
            why = f"the oldest job has been due for {age:.0f} s, {wanted.get(key, 300.0):g} it may"
            yield Alarm("WatchedQueueOld", " ".join(key), why)


def _no_workers(memory: Memory) -> Iterator[Alarm]:
    page, by = memory.page, ("app", "queue_library")
    stale = page.sums("watched_workers", by, state="stale")
    for key, live in page.sums("watched_workers", by, state="live").items():
        app, _ = key
        due = [
            page.total("watched_queue_jobs", app=app, state=state) for state in ("ready", "overdue")
        ]
        if live == 0 and any(one > 0 for one in due) and not _quiet(memory, app):
            why = f"{stale.get(key, 0):.0f} of them died without a farewell"
            yield Alarm("WatchedQueueNoWorkers", " ".join(key), why)


def _stuck(memory: Memory) -> Iterator[Alarm]:
    by = ("app", "queue", "reason")
    for key, jobs in memory.page.sums("watched_queue_stuck_jobs", by).items():
        if jobs > 0 and not _quiet(memory, key[0]):
            yield Alarm("WatchedQueueStuck", " ".join(key), f"{jobs:.0f} that nobody works at")


def _ended_badly(memory: Memory) -> Iterator[Alarm]:
    by, outcomes = ("app", "queue"), dict[tuple[str, ...], dict[str, float]]()
    recent = memory.page.sums("watched_queue_recent_jobs", (*by, "outcome"), window="1h")
    for (app, queue, outcome), jobs in recent.items():
        outcomes.setdefault((app, queue), {})[outcome] = jobs
    for key, ended in outcomes.items():
        bad = sum(ended.get(one, 0.0) for one in ("failed", "lost", "exhausted"))
        every = sum(ended.values()) - ended.get("cancelled", 0.0)
        if bad >= 3 and bad / every > 0.05:
            why = f"{bad:.0f} of {every:.0f} jobs failed in an hour"
            yield Alarm("WatchedJobFailureRatio", " ".join(key), why)
        if gone := ended.get("exhausted", 0.0):
            why = f"{gone:.0f} in an hour will not be tried again"
            yield Alarm("WatchedJobsExhausted", " ".join(key), why)


# -- what they answer, and what lies on the disk --------------------------------------------------


def _redirected(memory: Memory) -> Iterator[Alarm]:
    for one in memory.page.find("watched_probe_failing", reason="redirect"):
        if one.value == 1.0:
            subject = f"{one.labels['app']} {one.labels['probe']}"
            yield Alarm("WatchedProbeRedirected", subject, "sent elsewhere, so nothing is known")


def _components(memory: Memory) -> Iterator[Alarm]:
    for one in memory.page.find("watched_component_up"):
        app, probe, part = (one.labels[name] for name in ("app", "probe", "component"))
        asked = memory.page.find("watched_probe_success", app=app, probe=probe)
        kinds = {each.labels["kind"] for each in asked if each.value == 0.0}
        if one.value == 0.0 and not kinds & {"liveness", "readiness"} and not _quiet(memory, app):
            yield Alarm("WatchedComponentDown", f"{app} {part}", f"{probe} names it in its body")


def _shrunk(memory: Memory) -> Iterator[Alarm]:
    page, by = memory.page, ("app", "file")
    before = page.sums("watched_file_previous_bytes", by)
    for key, size in page.sums("watched_file_newest_bytes", by).items():
        if size == 0 or size < before.get(key, 0.0) / 2:
            yield Alarm("WatchedFileShrunk", " ".join(key), f"the newest has {size:.0f} bytes")


def _quiet(memory: Memory, app: str, service: str | None = None) -> bool:
    labels = {"app": app} if service is None else {"app": app, "service": service}
    return any(one.value == 1.0 for one in memory.page.find("watched_quiet_window", **labels))


TELLERS: tuple[Callable[[Memory], Iterator[Alarm]], ...] = (
    _events,
    _heartbeats,
    _http_errors,
    _job_failures,
    _exceptions,
    _quota,
    _drains,
    _queue_old,
    _no_workers,
    _stuck,
    _ended_badly,
    _redirected,
    _components,
    _shrunk,
)
