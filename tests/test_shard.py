"""One application's series: caught up, idle, full; and what a restart makes of each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from exporter.app.assembly import assemble
from exporter.clock import SetClock
from exporter.config import load_profile
from exporter.model import Cursor
from tests.support.desk import NOON, SOURCE, Desk, lines, started
from tests.support.scrape import one

HOUR = 3600.0
LINES = "watched_log_lines_total"
RECORDS = "watched_log_records_total"
STARTED = "watched_jobs_started_total"
FAILED = "[ERROR] Job failed number=1"
EVENT = {"service": "web", "event": "job_failed", "impact": "info"}


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    """Three lines counted, saved, and shown."""
    made = Desk(tmp_path)
    made.says(*lines(3))
    await made.settle()
    return made


async def _restart_after(desk: Desk, seconds: float) -> Cursor:
    """Killed, and started so much later; what is unread is known."""
    desk.clock.advance(seconds)
    desk.restart()
    cursor = desk.open()
    desk.shard.lag(cursor, len(desk.log) - cursor.offset, desk.clock.now())
    return cursor


# -- catching up ---------------------------------------------------------------------------------


async def test_a_backlog_of_hours_appears_in_one_sample(desk: Desk) -> None:
    desk.write(*lines(90))
    cursor = await _restart_after(desk, 2 * HOUR)
    seen = [await desk.scrape()]
    for _ in range(9):
        chunk = desk.log[cursor.offset :].splitlines(keepends=True)[:10]
        desk.clock.advance(2)
        desk.shard.feed(cursor, b"".join(chunk))
        desk.shard.lag(cursor, len(desk.log) - cursor.offset, desk.clock.now())
        seen.append(await desk.scrape())
    assert seen == [None] * 9 + [93]


async def test_what_is_new_in_a_backlog_is_no_news(desk: Desk) -> None:
    desk.write(*(started("app.jobs.New") for _ in range(90)))
    cursor = await _restart_after(desk, 2 * HOUR)
    desk.shard.feed(cursor, desk.log[cursor.offset :])  # all of it between two scrapes
    desk.shard.lag(cursor, 0, desk.clock.now())
    labels = {"queue": "default", "job_class": "app.jobs.New"}
    assert await desk.scrape(STARTED, **labels) == 90, "not 0 first, and then 90 as if it were now"
    assert await desk.scrape() == 93


async def test_a_backlog_is_withheld_for_ten_minutes_at_most(desk: Desk) -> None:
    desk.write(*lines(90))
    await _restart_after(desk, HOUR / 2)
    assert await desk.scrape() is None
    assert await desk.scrape("sidewatch_source_catching_up", source=SOURCE) == 1
    desk.clock.advance(599)
    assert await desk.scrape() is None
    desk.clock.advance(1)
    assert await desk.scrape() == 3
    assert await desk.scrape("sidewatch_source_catching_up", source=SOURCE) == 1


async def test_a_lag_of_a_minute_withholds_nothing(desk: Desk) -> None:
    desk.write(*lines(90))
    await _restart_after(desk, 60 - 31)
    assert await desk.scrape() == 3
    assert await desk.scrape("sidewatch_source_catching_up", source=SOURCE) == 0


async def test_only_the_service_that_is_behind_is_withheld(desk: Desk) -> None:
    other = Cursor("other", "mail", "file")
    desk.shard.open(SOURCE, other)
    desk.shard.feed(other, desk.log)
    await desk.settle()
    desk.write(*lines(90))
    await _restart_after(desk, HOUR / 2)
    assert await desk.scrape() is None
    assert await desk.scrape(LINES, service="mail", stream="file") == 3


async def test_stamps_of_events_are_shown_while_counters_are_withheld(desk: Desk) -> None:
    desk.write(FAILED, *lines(90))
    cursor = await _restart_after(desk, 2 * HOUR)
    desk.shard.feed(cursor, f"{FAILED}\n".encode())
    desk.shard.lag(cursor, 90, desk.clock.now())
    read = await desk.scrape("watched_event_read_timestamp_seconds", **EVENT)
    assert read == desk.clock.now()
    assert await desk.scrape("watched_events_total", **EVENT) is None


async def test_an_idle_log_that_gets_a_line_is_not_behind(desk: Desk) -> None:
    cursor = desk.shard.cursors(SOURCE)[0]
    desk.shard.lag(cursor, 0, NOON)
    desk.clock.advance(HOUR / 2)
    desk.shard.lag(cursor, 80, desk.clock.now())
    assert await desk.scrape() == 3
    assert await desk.scrape("sidewatch_source_lag_seconds", source=SOURCE) == 0
    desk.clock.advance(61)
    assert await desk.scrape() is None, "but it is when nobody reads the line"


async def test_who_is_never_at_the_end_but_reads_as_fast_as_is_written_is_not_behind(
    desk: Desk,
) -> None:
    cursor = desk.shard.cursors(SOURCE)[0]
    for seconds in range(300):  # each time what was written a second before is read
        desk.says(*lines(2))
        desk.shard.lag(cursor, 500, desk.clock.now())
        desk.clock.advance(1)
        if seconds % 50 == 49:
            assert await desk.scrape() == 3 + 2 * (seconds + 1)
            lag = await desk.scrape("sidewatch_source_lag_seconds", source=SOURCE)
            assert lag is not None
            assert lag <= 8


async def test_who_reads_slower_than_is_written_is_behind(desk: Desk) -> None:
    cursor, waiting = desk.shard.cursors(SOURCE)[0], 500
    for _ in range(300):
        desk.says(*lines(2))
        desk.shard.lag(cursor, waiting, desk.clock.now())
        desk.clock.advance(1)
        waiting += 500  # far more than the two lines that are read
    lag = await desk.scrape("sidewatch_source_lag_seconds", source=SOURCE)
    assert lag is not None
    assert lag > 60
    assert await desk.scrape() is None


async def test_the_next_file_of_a_log_that_is_behind_is_behind_as_well(desk: Desk) -> None:
    desk.write(*lines(90))
    cursor = await _restart_after(desk, 2 * HOUR)
    rotated_in = Cursor("next", "web", "file")
    desk.shard.open(SOURCE, rotated_in)
    desk.shard.lag(rotated_in, 1000, desk.clock.now())
    desk.shard.looked(SOURCE)
    desk.shard.feed(cursor, desk.log[cursor.offset :])
    desk.shard.lag(cursor, 0, desk.clock.now())
    assert await desk.scrape() is None
    desk.shard.lag(rotated_in, 0, desk.clock.now())
    assert await desk.scrape() == 93


async def test_a_file_that_comes_later_is_not_behind(desk: Desk) -> None:
    cursor = desk.shard.cursors(SOURCE)[0]
    desk.shard.lag(cursor, 0, NOON)
    desk.shard.looked(SOURCE)
    desk.clock.advance(HOUR / 2)
    later = Cursor("later", "web", "file")
    desk.shard.open(SOURCE, later)
    desk.shard.lag(later, 1000, desk.clock.now())
    assert await desk.scrape() == 3


# -- ready ---------------------------------------------------------------------------------------


def test_a_source_is_ready_when_it_has_passed_the_end_it_saw_at_start(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    assert desk.shard.unfinished(SOURCE) == "not looked at yet"
    cursor = desk.open()
    desk.shard.lag(cursor, 500, NOON)
    desk.shard.looked(SOURCE)
    assert desk.shard.unfinished(SOURCE) == "500 bytes behind"
    desk.shard.lag(cursor, 0, NOON)
    assert desk.shard.unfinished(SOURCE) is None


def test_a_source_that_was_ready_stays_so_whatever_comes(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    cursor = desk.open()
    desk.shard.lag(cursor, 0, NOON)
    desk.shard.looked(SOURCE)
    desk.shard.lag(cursor, 90, NOON)
    later = Cursor("later", "web", "file")
    desk.shard.open(SOURCE, later)
    desk.shard.lag(later, 90, NOON)
    assert desk.shard.unfinished(SOURCE) is None


# -- idle ----------------------------------------------------------------------------------------


async def _mail(desk: Desk) -> float | None:
    return await desk.scrape(STARTED, queue="default", job_class="app.jobs.Mail")


async def test_an_idle_series_is_hidden_after_an_hour_and_resumes_with_its_value(
    desk: Desk,
) -> None:
    assert await _mail(desk) == 3
    desk.clock.advance(HOUR - 32)
    assert await _mail(desk) == 3
    desk.clock.advance(62)
    await _mail(desk)
    desk.clock.advance(1)
    assert await _mail(desk) is None
    desk.clock.advance(1)
    desk.says(*lines(2))
    assert await _mail(desk) == 3, "first its value of before, so that the lines are an increase"
    desk.clock.advance(30)
    assert await _mail(desk) == 5


async def test_a_hidden_series_resumes_alike_across_a_restart(desk: Desk) -> None:
    desk.clock.advance(HOUR + 62)
    await desk.scrape()
    desk.clock.advance(1)
    assert await _mail(desk) is None
    desk.restart()
    desk.says(*lines(2))  # before anyone has looked
    assert await _mail(desk) == 3
    desk.clock.advance(30)
    assert await _mail(desk) == 5


async def test_a_series_is_forgotten_after_a_day_and_starts_anew(desk: Desk) -> None:
    desk.clock.advance(24 * HOUR + 62)
    assert await _mail(desk) is None
    desk.says(*lines(2))
    await desk.settle()
    assert await _mail(desk) == 2
    (created,) = {
        series.created
        for family, rows in desk.shard.registry.layout()
        for series in rows
        if family.name == STARTED
    }
    assert created > NOON + 24 * HOUR


@pytest.mark.parametrize("away", [2 * HOUR, 100 * HOUR])
async def test_a_declared_series_is_neither_hidden_nor_forgotten_by_a_restart(
    desk: Desk, away: float
) -> None:
    labels = {"service": "web", "level": "error"}
    desk.says(FAILED)
    await desk.settle()
    desk.clock.advance(away)
    desk.restart(opening=False)
    assert await desk.scrape(RECORDS, **labels) == 1, "before its service is met again"
    desk.clock.advance(1)
    desk.says(FAILED)
    assert await desk.scrape(RECORDS, **labels) == 2


async def test_a_declared_series_that_was_hidden_while_its_log_was_away_is_back_with_it(
    desk: Desk,
) -> None:
    labels = {"service": "web", "level": "info"}
    desk.restart(opening=False)
    desk.clock.advance(HOUR + 62)
    assert await desk.scrape(RECORDS, **labels) is None
    desk.open()
    desk.clock.advance(1)
    assert await desk.scrape(RECORDS, **labels) == 3


# -- what is set anew ----------------------------------------------------------------------------


async def test_a_source_that_is_no_more_is_not_up_after_a_restart(desk: Desk) -> None:
    desk.shard.source_state("files:/old/*.log", up=True)
    assert await desk.scrape("sidewatch_source_up", source="files:/old/*.log") == 1
    desk.says(*lines(1))
    desk.clock.advance(1)
    await desk.scrape()
    desk.restart()
    assert await desk.scrape("sidewatch_source_up", source="files:/old/*.log") is None


async def test_a_changed_objective_does_not_leave_the_old_one_behind(desk: Desk) -> None:
    name = "watched_job_wait_objective_seconds"
    assert await desk.scrape(name, queue="default", le="300.0") is None
    desk.says(f"{started('app.jobs.Mail')}", "[INFO] Completed job job_class=a job_queue_time=1")
    await desk.settle()
    assert await desk.scrape(name, queue="default", le="300.0") == 300
    goal = desk.plan.objectives["job_wait"]
    desk.plan = replace(desk.plan, objectives={"job_wait": replace(goal, values={(): 600.0})})
    desk.restart()
    shown = {key: value for key, value in (await desk.page()).items() if key[0] == name}
    assert shown == {one(name, app="shop", queue="default", le="600.0"): 600}


# -- limits --------------------------------------------------------------------------------------


@pytest.fixture
def full(tmp_path: Path) -> Desk:
    """Room for three series of started jobs."""
    plan = load_profile("pullapprove", "shop")
    family = replace(plan.families[STARTED], limit=3)
    return Desk(tmp_path, replace(plan, families={**plan.families, STARTED: family}))


async def test_what_is_too_much_goes_to_other_and_the_guilty_label_is_named(full: Desk) -> None:
    full.says(*(started(f"Job{number}") for number in range(5)))
    await full.settle()
    assert [
        await full.scrape(STARTED, queue="default", job_class=name)
        for name in ("Job0", "Job1", "Job2", "Job3", "other")
    ] == [1, 1, 1, None, 2]
    assert (
        await full.scrape("sidewatch_series_dropped_total", metric=STARTED, label="queue") is None
    )
    await full.settle()
    dropped = await full.scrape("sidewatch_series_dropped_total", metric=STARTED, label="job_class")
    assert dropped == 2


async def test_who_was_admitted_stays_so_across_a_restart(full: Desk) -> None:
    full.says(*(started(f"Job{number}") for number in range(5)))
    await full.settle()
    full.restart()
    full.says(started("Job4"), started("Job2"))
    full.clock.advance(1)
    seen = [
        await full.scrape(STARTED, queue="default", job_class=name)
        for name in ("Job2", "Job4", "other")
    ]
    assert seen == [2, None, 3]


CHAIN = """Traceback (most recent call last):
  File "/app/a.py", line 1, in a
ValueError: no number

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/b.py", line 2, in b
KeyError: 'a'
"""


@pytest.mark.parametrize("head", ["[ERROR] Job failed \n", "json"])
def test_a_chain_counts_once_by_its_cause_however_it_is_printed(head: str) -> None:
    if head == "json":  # the text stands in the record, and raw once more behind it
        record = {"level": "ERROR", "message": "Job failed", "exception": CHAIN.strip()}
        head = json.dumps(record) + "\n"
    shard = assemble(load_profile("pullapprove"), SetClock(1e9))
    cursor = Cursor("a", "svc", "file")
    shard.open("test", cursor)
    shard.feed(cursor, (head + CHAIN).encode())
    assert shard.registry.value("watched_exceptions_total", ("svc", "ValueError")) == 1.0
    assert shard.registry.value("watched_exceptions_total", ("svc", "KeyError")) is None


def test_each_streams_worker_adds_to_the_sum() -> None:
    shard = assemble(load_profile("pullapprove"), SetClock(1e9))
    for key in ("worker-1", "worker-2"):
        cursor = Cursor(key, "svc", "file")
        shard.open("test", cursor)
        for _ in range(2):
            shard.feed(cursor, b"[INFO] Job worker stats worker_processes=2 jobs_processing=0\n")
    snapshot = shard.snapshot(final=True)
    (series,) = dict(snapshot.layout)[shard.families["watched_worker_processes"]]
    assert snapshot.values[series.index] == 4.0
