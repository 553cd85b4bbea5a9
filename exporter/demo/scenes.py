"""The script: which faults come and go, and for how long. Times are the applications' own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Literal

from msgspec import Struct


class Scene(Struct, frozen=True):
    """What is the case for some minutes, how it is told, and in which metric it shows.

    `broken` is the share of pullapprove's webhooks and jobs that fail, `failing` that of kodiai's
    jobs. `quota` is the range of what is left. `crash`: kodiai is killed at its next start, as it
    replays webhooks. `redirected`: pullapprove sends its health check to https. `github`: kodiai
    reaches it. `backups`: there is something in those of pullapprove.
    """

    title: str
    minutes: float
    story: str
    look: str
    broken: float = 0.0
    failing: float = 0.0
    workers: bool = True
    quota: tuple[int, int] = (3800, 4900)
    shutdown: Literal["drained", "abandoned"] | None = None
    crash: bool = False
    redirected: bool = False
    github: bool = True
    backups: bool = True


# The workers are dead for 20 minutes, 100 s of ours: a heartbeat is missed after 10 s, and its rule
# waits a minute more, so that a Prometheus beside the demo fires it.
SCRIPT = (
    Scene(
        "All is well",
        3,
        "Webhooks are answered, jobs run, and every worker says once a minute that it lives.",
        'watched_http_requests_total{route="webhooks"}, watched_job_duration_seconds, '
        "watched_queue_jobs",
    ),
    Scene(
        "A release breaks pullapprove's webhooks",
        4,
        "Two of three webhooks get a 500, and the jobs of that release fail with a traceback. "
        "Their lines do not say how they end; the database does. Its health check is sent on to "
        "https, which says nothing of it, so that is told as what it is.",
        'watched_http_requests_total{status="500"}, watched_exceptions_total{type="KeyError"}, '
        'watched_queue_recent_jobs, watched_probe_failing{reason="redirect"}',
        broken=0.67,
        redirected=True,
    ),
    Scene(
        "The release is taken back",
        2,
        "All is well again. Rules look back ten minutes or more, so they hold on for a while.",
        'watched_http_requests_total{status="200"}',
    ),
    Scene(
        "Both workers of pullapprove are killed",
        9,
        "No last word, no error: their lines just stop. Webhooks are still answered, so jobs pile "
        "up in the database, and after five minutes the workers count as dead there.",
        'watched_heartbeat_timestamp_seconds{heartbeat="worker_stats"} stands still, '
        'watched_workers{state="stale"}, watched_queue_oldest_age_seconds{clock="due"}',
        workers=False,
    ),
    Scene(
        "A shutdown of kodiai that does not end, while those workers stay dead",
        11,
        "One review hangs: the grace of 3 minutes is extended once, to 6 more, then kodiai gives "
        "it up. Work is lost, so this pages, quiet window or not. Webhooks wait in the database "
        "for the next start, which is killed as it replays the last of them, and made once more.",
        'watched_event_read_timestamp_seconds{event="force_exit",impact="page"}, '
        'watched_queue_jobs{app="kodiai",state="ready"}',
        workers=False,
        shutdown="abandoned",
        crash=True,
    ),
    Scene(
        "The workers are back",
        3,
        "They find what piled up, and work it off, the newest first. What the dead ones had begun "
        "is lost, and asked for again.",
        "watched_jobs_requested falls, watched_jobs_started_total rises",
    ),
    Scene(
        "The quota of the Git provider runs low",
        3,
        "pullapprove pauses its background sync by itself; reviews go on. kodiai does not reach "
        "it at all: its readiness is a 200 still, and only the body names GitHub.",
        "watched_quota_remaining (the lowest of a minute), watched_quota_remaining_objective, "
        'watched_component_up{component="github"}',
        quota=(12, 180),
        github=False,
    ),
    Scene(
        "The model that kodiai asks answers with errors",
        3,
        "A third of the reviews fail.",
        'watched_jobs_finished_total{outcome="failed"}',
        failing=0.35,
    ),
    Scene(
        "A webhook of kodiai is stuck",
        8,
        "The last one of that replay is still marked as being processed, by a kodiai that is dead. "
        "After a quarter of an hour that is no hope any more; no line tells it, only the database. "
        "And the backups of pullapprove are empty: a file is there each time, as it should be.",
        'watched_queue_stuck_jobs{app="kodiai"}, watched_file_newest_bytes',
        backups=False,
    ),
    Scene(
        "A deploy of kodiai",
        5,
        "It drains, ends in time and starts again. A quiet window covers it (two an hour at most) "
        "so nobody is called for it. Its start takes the stuck webhook back.",
        "watched_draining, watched_drain_deadline_timestamp_seconds, watched_quiet_window",
        shutdown="drained",
    ),
)


class Span(Struct, frozen=True):
    """A scene at its place in time: `begin` and `end` in seconds since the demo began."""

    begin: float
    end: float
    scene: Scene


def spans(script: Sequence[Scene] = SCRIPT) -> Iterator[Span]:
    """The scenes one after another, again and again."""
    at = 0.0
    for scene in cycle(script):
        span = Span(at, at + scene.minutes * 60.0, scene)
        yield span
        at = span.end
