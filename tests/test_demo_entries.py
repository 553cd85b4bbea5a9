"""The simulated applications: sidewatch understands each line that they write.

What a scene moves is counted by hand from its entries, or from the times of the script; then the
profiles that are shipped must say the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice, takewhile
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
import yaml
from msgspec.structs import replace

from exporter.app.assembly import assemble, declare
from exporter.clock import SetClock
from exporter.config import load_profile
from exporter.demo import kodiai, pullapprove
from exporter.demo.entries import Entry, Happening
from exporter.demo.page import Page, parse
from exporter.demo.scenes import SCRIPT, Scene
from exporter.demo.show import MINUTE, play
from exporter.demo.workers import workers
from exporter.engine.exact import Exact
from exporter.engine.joining import Lane
from exporter.engine.plan import compile_rules
from exporter.exposition import Form, blocks
from exporter.model import Cursor
from parsers import Record

ROOT = Path(__file__).parents[1]
BEGAN = 1_795_219_100.0
CYCLE = sum(scene.minutes for scene in SCRIPT) * 60.0
CALM = Scene("calm", 5, "", "")


def entries(happenings: Iterable[Happening]) -> Iterator[Entry]:
    """What is said, without what is written to databases."""
    return (one for one in happenings if isinstance(one, Entry))


# -- reading entries as `explain` does ------------------------------------------------------------


class Reading:
    """The records and updates that the exact reading makes of entries, log by log."""

    def __init__(self, happenings: Iterable[Happening]) -> None:
        self.entries = list(entries(happenings))
        self.records: list[Record] = []
        self.moved: Counter[tuple[str, tuple[str, ...]]] = Counter()
        logs = {one.log for one in self.entries}
        readers = {log: (_exact(log), Lane()) for log in logs}
        for one in self.entries:
            exact, lane = readers[one.log]
            for line in one.text(BEGAN + one.at).splitlines():
                self._read(exact, lane, line)

    def _read(self, exact: Exact, lane: Lane, line: str) -> None:
        step, updates = exact.read(lane, line)
        if step is not None and step.begins:
            self.records.append(step.record)
        for update in updates:
            self.moved[update.effect.family.name, update.labels] += 1

    def times(self, metric: str, *labels: str) -> int:
        """How often a metric was moved whose label values include these."""
        return sum(
            count
            for (name, values), count in self.moved.items()
            if name == metric and set(labels) <= set(values)
        )

    def said(self, message: str) -> int:
        """How many entries say this."""
        return sum(one.message == message for one in self.entries)


def _exact(log: str) -> Exact:
    plan = load_profile(log.partition("/")[0])
    compiled = compile_rules(plan.rules, plan.families)
    return Exact(compiled, "service", "file", ZoneInfo("UTC"))


def a_cycle(seed: int) -> Iterator[Happening]:
    return takewhile(lambda one: one.at < CYCLE, play(seed))


def first(part: Iterator[Happening], scene: Scene) -> Iterator[Entry]:
    """What is said in the first round of a script that has only this scene."""
    return entries(takewhile(lambda one: one.at < scene.minutes * 60.0, part))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_entry_of_a_cycle_is_one_record_and_none_is_unparsed_but_the_preamble(
    seed: int,
) -> None:
    read = Reading(a_cycle(seed))
    assert len(read.records) == len(read.entries) > 2000
    for record, entry in zip(read.records, read.entries, strict=True):
        assert record.message == entry.message.partition("\n")[0]
    unparsed = [one.message for one in read.records if one.format == "text"]
    assert unparsed == ["Settings from env:"]
    formats = Counter(one.format for one in read.records)
    assert formats.keys() == {"text", "keyvalue", "jsonlines"}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_rule_counts_what_was_said(seed: int) -> None:
    read = Reading(a_cycle(seed))
    for message, metric, label in (
        ("Request", "watched_http_requests_total", ""),
        ("Request", "watched_http_request_duration_seconds", ""),
        ("Executing job", "watched_jobs_started_total", "default"),
        ("Completed job", "watched_job_wait_seconds", "default"),
        ("Job failed", "watched_events_total", "job_failed"),
        ("Server error", "watched_events_total", "server_error"),
        ("API response", "watched_api_responses_total", ""),
        ("Job worker stats", "watched_worker_processes", ""),
        ("Enqueuing job for installation", "watched_jobs_enqueued_total", ""),
        ("Job execution completed", "watched_jobs_finished_total", "completed"),
        ("Job execution failed", "watched_jobs_finished_total", "failed"),
        (
            "Webhook queued to PostgreSQL for drain-time replay",
            "watched_events_total",
            "webhook_queued",
        ),
        ("Drain timeout, extending grace window once", "watched_events_total", "drain_extended"),
        (
            "Force exit after extended grace timeout, work abandoned",
            "watched_events_total",
            "force_exit",
        ),
        ("Kodiai server started", "watched_events_total", "started"),
    ):
        labels = [label] if label else []
        assert read.times(metric, *labels) == read.said(message) > 0, message
    failures = read.said("Job failed") + read.said("Server error")
    assert read.times("watched_exceptions_total", "KeyError") == failures
    pages = {labels[1] for (name, labels) in read.moved if name == "watched_events_total"}
    assert not pages & {"fatal", "webhook_lost", "replay_failed", "webhook_unparsable"}


def test_the_same_seed_plays_the_same_and_always_in_order() -> None:
    def lines(seed: int) -> list[str]:
        return [one.text(BEGAN) for one in entries(islice(play(seed), 5000))]

    assert lines(7) == lines(7) != lines(8)
    times = [one.at for one in islice(play(7), 40000)]
    assert times == sorted(times)
    assert times[-1] > 2 * CYCLE


# -- what each scene of the script is for ---------------------------------------------------------


def statuses(scene: Scene, seed: int = 1) -> Counter[str]:
    read = Reading(first(pullapprove.server([scene], Random(seed)), scene))
    found: Counter[str] = Counter()
    for (name, labels), count in read.moved.items():
        if name == "watched_http_requests_total" and "webhooks" in labels:
            found[labels[-1]] += count
    return found


def test_a_calm_scene_has_no_error() -> None:
    apart = first(pullapprove.server([CALM], Random(1)), CALM)
    jobs = first(workers([CALM], Random(1)), CALM)
    bot = first(kodiai.server([CALM], Random(1)), CALM)
    levels = Counter(one.level for one in chain(apart, jobs, bot))
    assert levels["INFO"] > 200
    assert not levels["WARNING"]
    assert not levels["ERROR"]


def test_a_broken_release_answers_webhooks_with_500() -> None:
    found = statuses(replace(CALM, broken=1.0))
    assert found.keys() == {"500"}
    assert statuses(CALM).keys() == {"200"}
    # The share that the script asks for, out of some 640 webhooks.
    mixed = statuses(replace(CALM, broken=0.67, minutes=40))
    assert mixed["500"] / mixed.total() == pytest.approx(0.67, abs=0.06)


def test_killed_workers_say_nothing_and_leave_their_jobs_unfinished() -> None:
    dead = replace(CALM, workers=False)
    script = [replace(CALM, minutes=30), dead]
    whole = (30 + 5) * 60.0
    happens = takewhile(lambda one: one.at < whole, workers(script, Random(1)))
    told = list(entries(happens))
    assert max(one.at for one in told) < 30 * 60.0
    read = Reading(told)
    assert read.said("Completed job") <= read.said("Executing job")
    # Twice a minute, one for each worker, from the first second on.
    assert read.said("Job worker stats") == 2 * 30
    again = next(one for one in entries(workers(script, Random(1))) if one.at >= whole)
    assert (again.at, again.message) == (whole, "Starting Plain worker")


def test_the_workers_stay_dead_until_the_real_rule_fires() -> None:
    dead = sum(scene.minutes for scene in SCRIPT if not scene.workers) * MINUTE
    rules = yaml.safe_load((ROOT / "rules/liveness.yaml").read_text())["groups"][0]["rules"]
    (rule,) = [one for one in rules if one["alert"] == "WatchedHeartbeatMissing"]
    assert rule["for"] == "1m"
    # Two intervals, the minute, and what a scrape and an evaluation every 5 s may add.
    assert dead >= 2 * MINUTE + 60 + 10


def test_a_low_quota_is_told_by_every_answer_that_was_not_cached() -> None:
    low = replace(CALM, quota=(12, 180))
    told = list(first(workers([low], Random(1)), low))
    left = [
        one.fields["rate_limit_remaining"] for one in told if "rate_limit_remaining" in one.fields
    ]
    assert len(left) > 10
    assert 12 <= min(left) <= max(left) <= 180
    assert Reading(told).times("watched_quota_remaining") == len(left)


# -- shutdowns, in a real shard at hand-made times ------------------------------------------------


class Box:
    """A shard of kodiai that reads what it says up to any time."""

    def __init__(self, scene: Scene) -> None:
        plan = load_profile("kodiai")
        self.clock = SetClock(BEGAN)
        self.shard = assemble(plan, self.clock)
        declare(self.shard, plan)
        self.cursor = Cursor("log", "server", "file")
        self.shard.open("test", self.cursor)
        self.entries = entries(kodiai.server([scene], Random(5)))
        self.ahead = next(self.entries)

    def until(self, seconds: float) -> Page:
        """The page, so many seconds after the beginning."""
        while self.ahead.at <= seconds:
            self.clock.reach(BEGAN + self.ahead.at)
            line = self.ahead.text(self.clock.now()).encode()
            assert self.shard.feed(self.cursor, line) == len(line)
            self.ahead = next(self.entries)
        self.clock.reach(BEGAN + seconds)
        return parse(b"".join(blocks([self.shard.snapshot()], Form.TEXT)).decode())


def test_a_deploy_drains_within_its_grace_under_a_quiet_window() -> None:
    box = Box(replace(CALM, shutdown="drained", minutes=5))
    during = box.until(100.0)
    assert during.total("watched_draining") == 1
    assert during.total("watched_quiet_window") == 1
    # The signal comes at once and grants three minutes.
    assert during.total("watched_drain_deadline_timestamp_seconds") == BEGAN + 180
    after = box.until(200.0)
    assert after.total("watched_draining") == 0
    assert not after.find("watched_event_read_timestamp_seconds", event="force_exit")


def test_a_shutdown_that_does_not_end_is_extended_once_then_pages() -> None:
    box = Box(replace(CALM, shutdown="abandoned", minutes=11))
    extended = box.until(182.0)  # one second, then three minutes
    assert extended.total("watched_draining") == 1
    assert extended.total("watched_drain_deadline_timestamp_seconds") == BEGAN + 181 + 360
    assert not extended.find("watched_event_read_timestamp_seconds", event="force_exit")
    gone = box.until(542.0)  # and six minutes more
    (event,) = gone.find("watched_event_read_timestamp_seconds", event="force_exit")
    assert event.labels["impact"] == "page"
    assert event.value == BEGAN + 541
    assert gone.total("watched_draining") == 0
    assert gone.total("watched_quiet_window") == 0


def test_an_abandoned_job_is_started_and_never_finished() -> None:
    scene = replace(CALM, shutdown="abandoned", minutes=9.3)  # up to its next start
    read = Reading(first(kodiai.server([scene], Random(5)), scene))
    assert read.said("Job execution started") == 1
    assert read.said("Job execution completed") == 0


def test_jobs_of_kodiai_that_fail_are_counted_by_outcome() -> None:
    scene = replace(CALM, failing=1.0, minutes=30)
    read = Reading(first(kodiai.server([scene], Random(1)), scene))
    assert read.times("watched_jobs_finished_total", "failed") > 30
    assert read.times("watched_jobs_finished_total", "completed") == 0
