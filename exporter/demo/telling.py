"""What the demo tells, as lines: the scene, the numbers of /metrics, the alarms."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from msgspec import Struct, field

from exporter.demo.alarms import Alarm
from exporter.demo.inbox import Message
from exporter.demo.page import Page
from exporter.demo.scenes import Span

INDENT = "    "


class Told(Struct, frozen=True):
    """What is new since the last moment: messages that came, words of sidewatch's, alarms."""

    messages: tuple[Message, ...] = ()
    complaints: tuple[str, ...] = ()
    begun: tuple[Alarm, ...] = ()
    ceased: tuple[Alarm, ...] = ()


class Moment(Struct, frozen=True):
    """All that is known at one time: `left` seconds of the scene."""

    span: Span
    left: float
    page: Page
    now: float
    told: Told


class Board(Struct):
    """Which alarms hold, and since when."""

    since: dict[Alarm, float] = field(default_factory=dict)

    def take(self, found: Sequence[Alarm], now: float) -> tuple[list[Alarm], list[Alarm]]:
        """What has begun to hold, and what has ceased to."""
        begun = [one for one in found if one not in self.since]
        ceased = [one for one in self.since if one not in found]
        self.since = {one: self.since.get(one, now) for one in found}
        return begun, ceased

    def lines(self, now: float) -> Iterator[str]:
        """All of them, the newest first."""
        for alarm, since in sorted(self.since.items(), key=lambda one: -one[1]):
            yield f"{alarm_line(alarm)} (for {now - since:.0f} s)"


def alarm_line(alarm: Alarm) -> str:
    """An alarm in one line."""
    return f"{alarm.rule} · {alarm.subject} · {alarm.why}"


def scene_lines(span: Span) -> Iterator[str]:
    """What happens, and in which metrics it shows."""
    yield f"{INDENT}{span.scene.story}"
    yield f"{INDENT}look at: {span.scene.look}"


def number_lines(page: Page, now: float) -> Iterator[str]:
    """What /metrics says of each application."""
    yield f"pullapprove  {' · '.join(_pullapprove(page, now))}"
    yield f"kodiai       {' · '.join(_kodiai(page))}"
    if page.find("watched_queue_jobs"):
        yield f"in SQL       {' · '.join(_databases(page))}"
    if page.find("watched_probe_success"):
        yield f"asked        {' · '.join(_health(page))}"
    if page.find("watched_file_count"):
        yield f"on disk      {' · '.join(_files(page))}"


def _pullapprove(page: Page, now: float) -> Iterator[str]:
    def total(name: str, **labels: str) -> str:
        return whole(page.total(name, app="pullapprove", **labels))

    answered = "watched_http_requests_total"
    yield f"webhooks {total(answered, route='webhooks', status='200')}"
    yield f"with a 500 {total(answered, route='webhooks', status='500')}"
    yield f"jobs {total('watched_job_duration_seconds_count')}"
    yield f"failed {total('watched_events_total', event='job_failed')}"
    yield f"waiting {total('watched_jobs_requested')}"
    beat = page.total("watched_heartbeat_timestamp_seconds", heartbeat="worker_stats")
    yield f"workers heard {whole(now - beat)} s ago"
    yield f"quota {total('watched_quota_remaining')}"


def _kodiai(page: Page) -> Iterator[str]:
    def total(name: str, **labels: str) -> str:
        return whole(page.total(name, app="kodiai", **labels))

    finished = "watched_jobs_finished_total"
    yield f"jobs {total('watched_jobs_started_total')}"
    yield f"completed {total(finished, outcome='completed')}"
    yield f"failed {total(finished, outcome='failed')}"
    yield f"draining {_yes(page.total('watched_draining', app='kodiai'))}"
    yield f"quiet window {_yes(page.total('watched_quiet_window', app='kodiai'))}"
    yield f"forced exits {total('watched_events_total', event='force_exit')}"


def _databases(page: Page) -> Iterator[str]:
    def total(name: str, **labels: str) -> str:
        return whole(page.total(name, **labels))

    jobs, ages = "watched_queue_jobs", "watched_queue_oldest_age_seconds"
    yield f"pullapprove: due {total(jobs, app='pullapprove', state='ready')}"
    yield f"the oldest for {total(ages, app='pullapprove', clock='due')} s of its time"
    yield f"running {total(jobs, app='pullapprove', state='running')}"
    yield f"to retry {total(jobs, app='pullapprove', state='retrying')}"
    live, stale = (total("watched_workers", state=state) for state in ("live", "stale"))
    yield f"workers {live} alive, {stale} dead"
    yield f"kodiai: webhooks waiting {total(jobs, app='kodiai', state='ready')}"
    yield f"stuck {total('watched_queue_stuck_jobs', app='kodiai')}"


def _health(page: Page) -> Iterator[str]:
    for app, kind in (("pullapprove", "liveness"), ("kodiai", "liveness"), ("kodiai", "readiness")):
        well = _yes(page.total("watched_probe_success", app=app, kind=kind))
        found = page.find("watched_probe_failing", app=app, kind=kind)
        reasons = [one.labels["reason"] for one in found if one.value == 1.0]
        yield f"{app} {kind} {' '.join([well, *reasons])}"
    yield f"its GitHub {_yes(page.total('watched_component_up', component='github'))}"


def _files(page: Page) -> Iterator[str]:
    yield f"backups {whole(page.total('watched_file_count'))}"
    yield f"the newest with {whole(page.total('watched_file_newest_bytes'))} bytes"


def whole(value: float) -> str:
    """A number to be read; unknown is not zero."""
    return "-" if math.isnan(value) else f"{value:.0f}"


def _yes(value: float) -> str:
    return "yes" if value == 1.0 else "no"
