"""What the demo tells: which alerts' conditions hold, the numbers of a page, and on what."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from exporter.demo.alarms import NAMES, Alarm, alarms
from exporter.demo.page import Memory, parse
from exporter.demo.scenes import SCRIPT, Span
from exporter.demo.telling import Board, Moment, Told
from exporter.demo.voices import InPlace, LineByLine, Listener, voice
from tests.support import yamls

ROOT = Path(__file__).parents[1]
NOW = 1_800_000_000.0


# -- which alerts' conditions hold ----------------------------------------------------------------

QUIET = f"""\
watched_heartbeat_timestamp_seconds{{app="pa",heartbeat="worker_stats"}} {NOW - 9}
watched_heartbeat_timestamp_seconds{{app="pa",heartbeat="webhooks"}} {NOW - 900}
watched_heartbeat_interval_seconds{{app="pa",heartbeat="worker_stats"}} 5
watched_heartbeat_interval_seconds{{app="pa",heartbeat="webhooks"}} 60
watched_http_requests_total{{app="pa",route="webhooks",method="POST",status="200"}} 0
watched_http_requests_total{{app="pa",route="webhooks",method="POST",status="500"}} 0
watched_jobs_finished_total{{app="ko",queue="a",job_class="review",outcome="completed"}} 0
watched_jobs_finished_total{{app="ko",queue="a",job_class="review",outcome="failed"}} 0
watched_job_failures_objective{{app="ko",job_class="review"}} 3
watched_exceptions_total{{app="pa",service="server",type="KeyError"}} 0
watched_log_records_total{{app="pa",service="server",level="info"}} 0
watched_log_records_total{{app="pa",service="server",level="warning"}} 0
watched_log_records_total{{app="pa",service="server",level="error"}} 0
watched_log_records_total{{app="pa",service="server",level="critical"}} 0
watched_quota_remaining{{app="pa",quota="git",scope="all"}} 500
watched_quota_remaining_objective{{app="pa",quota="git",scope="all"}} 500
watched_quiet_window{{app="pa",service="server"}} 0
watched_draining{{app="ko",service="server"}} 1
watched_drain_deadline_timestamp_seconds{{app="ko",service="server"}} {NOW}
watched_event_read_timestamp_seconds{{app="ko",service="s",event="lost",impact="page"}} {NOW - 600}
watched_event_read_timestamp_seconds{{app="ko",service="s",event="slow",impact="ticket"}} 0
watched_event_read_timestamp_seconds{{app="ko",service="s",event="seen",impact="info"}} {NOW}
watched_queue_jobs{{app="pa",queue="q",state="ready"}} 9
watched_queue_jobs{{app="pa",queue="q",state="overdue"}} 0
watched_queue_oldest_age_seconds{{app="pa",queue="q",clock="due"}} 300
watched_queue_oldest_age_seconds{{app="ko",queue="k",clock="due"}} 300
watched_queue_oldest_age_objective_seconds{{app="ko",queue="k"}} 600
watched_queue_stuck_jobs{{app="pa",queue="q",reason="lease"}} 0
watched_queue_recent_jobs{{app="pa",queue="q",outcome="completed",window="1h"}} 57
watched_queue_recent_jobs{{app="pa",queue="q",outcome="failed",window="15m"}} 9
watched_queue_recent_jobs{{app="pa",queue="q",outcome="failed",window="1h"}} 1
watched_queue_recent_jobs{{app="pa",queue="q",outcome="lost",window="1h"}} 2
watched_queue_recent_jobs{{app="pa",queue="q",outcome="exhausted",window="1h"}} 0
watched_queue_recent_jobs{{app="pa",queue="q",outcome="cancelled",window="1h"}} 9
watched_workers{{app="pa",queue_library="l",state="live"}} 1
watched_workers{{app="pa",queue_library="l",state="stale"}} 2
watched_probe_success{{app="ko",probe="s",kind="readiness"}} 1
watched_probe_success{{app="ko",probe="s",kind="status"}} 0
watched_probe_failing{{app="pa",probe="s",kind="liveness",reason="redirect"}} 0
watched_probe_failing{{app="pa",probe="s",kind="liveness",reason="status"}} 1
watched_component_up{{app="ko",probe="s",component="github"}} 1
watched_file_newest_bytes{{app="pa",file="dump"}} 50
watched_file_previous_bytes{{app="pa",file="dump"}} 100
"""


def changed(changes: dict[str, float]) -> str:
    """QUIET with other values: each key is a part of the line that is meant."""
    lines = QUIET.splitlines()
    for part, value in changes.items():
        (at,) = [n for n, line in enumerate(lines) if part in line]
        lines[at] = f"{lines[at].rpartition(' ')[0]} {value}"
    return "\n".join([*lines, ""])


HOLDS = [
    ({}, None),
    ({'amp_seconds{app="pa",heartbeat="worker_stats"': NOW - 11}, "WatchedHeartbeatMissing"),
    (
        {
            'amp_seconds{app="pa",heartbeat="worker_stats"': NOW - 11,
            'watched_quiet_window{app="pa"': 1,
        },
        None,
    ),
    ({'status="200"': 84, 'status="500"': 5}, "WatchedHttpErrors"),
    ({'status="200"': 95, 'status="500"': 5}, None),  # 5 %, and more than that is too much
    ({'status="200"': 10, 'status="500"': 4}, None),  # fewer than five
    ({'review",outcome="completed"': 47, 'review",outcome="failed"': 3}, "WatchedJobFailures"),
    ({'review",outcome="completed"': 57, 'review",outcome="failed"': 3}, None),
    ({'review",outcome="completed"': 1, 'review",outcome="failed"': 2}, None),
    ({"KeyError": 5, 'level="error"': 4, 'level="critical"': 1}, "WatchedExceptionsRepeated"),
    ({"KeyError": 4, 'level="error"': 9}, None),
    ({"KeyError": 9, 'level="warning"': 9, 'level="error"': 4}, None),  # it got over some of them
    ({"KeyError": 9, 'level="error"': 9, "watched_quiet_window": 1}, None),
    ({"watched_quota_remaining{": 499}, "WatchedQuotaLow"),
    ({"watched_drain_deadline": NOW - 1}, "WatchedDrainStuck"),
    ({"watched_drain_deadline": NOW - 1, "watched_draining": 0}, None),
    ({'event="lost"': NOW - 599}, "WatchedEventCritical"),
    ({'event="slow"': NOW - 3599}, "WatchedEventTicket"),
    ({'seconds{app="pa",queue="q",clock="due"': 301}, "WatchedQueueOld"),
    ({'seconds{app="pa",queue="q",clock="due"': 301, "watched_quiet_window": 1}, None),
    ({'seconds{app="ko",queue="k",clock="due"': 600}, None),
    ({'seconds{app="ko",queue="k",clock="due"': 601, "watched_draining": 0}, "WatchedQueueOld"),
    ({'seconds{app="ko",queue="k",clock="due"': 601}, None),  # while it shuts down
    ({'state="live"': 0}, "WatchedQueueNoWorkers"),
    ({'state="live"': 0, 'state="ready"': 0}, None),
    ({'state="live"': 0, 'state="ready"': 0, 'state="overdue"': 1}, "WatchedQueueNoWorkers"),
    ({'reason="lease"': 1}, "WatchedQueueStuck"),
    ({'reason="lease"': 1, "watched_quiet_window": 1}, None),
    ({'outcome="completed",window="1h"': 56}, "WatchedJobFailureRatio"),  # 3 of 59
    ({'outcome="completed",window="1h"': 0, 'outcome="lost"': 1}, None),  # fewer than three
    ({'outcome="exhausted"': 1, 'outcome="lost"': 0}, "WatchedJobsExhausted"),
    ({'reason="redirect"': 1}, "WatchedProbeRedirected"),
    ({"watched_component_up": 0}, "WatchedComponentDown"),
    ({"watched_component_up": 0, 'kind="readiness"': 0}, None),  # it fails as a whole
    ({"watched_file_newest_bytes": 49}, "WatchedFileShrunk"),
    ({"watched_file_newest_bytes": 0, "watched_file_previous_bytes": 0}, "WatchedFileShrunk"),
]


@pytest.mark.parametrize(("changes", "rule"), HOLDS)
def test_a_condition_holds_where_the_rule_says(changes: dict[str, float], rule: str | None) -> None:
    memory = Memory(NAMES)
    memory.take(parse(QUIET), NOW - 30)
    memory.take(parse(changed(changes)), NOW)
    assert [one.rule for one in alarms(memory)] == ([rule] if rule else [])


def test_rules_look_back_as_far_as_theirs_and_no_farther() -> None:
    memory = Memory(NAMES)
    low = {"watched_quota_remaining{": 3.0}
    errors = {'status="200"': 10.0, 'status="500"': 10.0}
    memory.take(parse(QUIET), NOW - 700)
    memory.take(parse(changed(low | errors)), NOW - 601)
    memory.take(parse(changed(errors)), NOW - 599)
    memory.take(parse(changed(errors)), NOW)
    assert list(alarms(memory)) == []
    memory.take(parse(QUIET), NOW - 2)  # two seconds earlier the low page was within ten minutes
    assert "WatchedQuotaLow" in {one.rule for one in alarms(memory)}


def test_every_rule_that_it_names_is_shipped() -> None:
    shipped = {
        rule["alert"]
        for path in (ROOT / "rules").glob("*.yaml")
        for group in yamls.read(path.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert {rule for _, rule in HOLDS if rule} <= shipped


# -- reading --------------------------------------------------------------------------------------


def test_a_page_sums_what_it_is_asked_for_and_knows_unknown_from_zero() -> None:
    page = parse(QUIET)
    assert page.total("watched_http_requests_total", app="pa") == 0
    assert page.total("watched_quota_remaining", quota="git") == 500
    assert str(page.total("watched_quota_remaining", quota="none")) == "nan"
    assert page.sums("watched_heartbeat_interval_seconds", ("app",)) == {("pa",): 65.0}


# -- telling --------------------------------------------------------------------------------------

FIRST = Span(0, 60, SCRIPT[0])
AN_ALARM = Alarm("WatchedQuotaLow", "pa git", "3 are left")


def moment(*begun: Alarm, ceased: tuple[Alarm, ...] = (), span: Span = FIRST) -> Moment:
    told = Told((), ("it is slow",) if begun else (), begun, ceased)
    return Moment(span, 7.0, parse(QUIET), NOW, told)


class Terminal(io.StringIO):
    """What takes words and says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_lines_tell_each_change_once() -> None:
    out = io.StringIO()
    teller, board = LineByLine(Listener(out, lambda: None)), Board()
    teller.tell(moment(AN_ALARM), board)
    teller.tell(moment(), board)
    teller.tell(moment(ceased=(AN_ALARM,), span=Span(60, 120, SCRIPT[1])), board)
    assert out.getvalue().splitlines() == [
        f"-- {SCRIPT[0].title} (7 s)",
        f"    {SCRIPT[0].story}",
        f"    look at: {SCRIPT[0].look}",
        "would fire: WatchedQuotaLow · pa git · 3 are left",
        "sidewatch says: it is slow",
        f"-- {SCRIPT[1].title} (7 s)",
        f"    {SCRIPT[1].story}",
        f"    look at: {SCRIPT[1].look}",
        "no longer:  WatchedQuotaLow · pa git",
    ]


def test_a_terminal_is_drawn_over_and_never_overrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setenv("LINES", "12")
    out = Terminal()
    teller, board = voice(Listener(out, lambda: None)), Board()
    assert isinstance(teller, InPlace)
    teller.tell(moment(AN_ALARM), board)
    first = out.getvalue()
    lines = first.removeprefix("\x1b[J").splitlines()
    assert len(lines) == 11
    assert max(map(len, lines)) < 50
    teller.tell(moment(), board)
    assert out.getvalue().removeprefix(first).startswith("\x1b[11F\x1b[J")


def test_a_dumb_terminal_and_a_pipe_get_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(voice(Listener(io.StringIO(), lambda: None)), LineByLine)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(voice(Listener(Terminal(), lambda: None)), LineByLine)


def test_what_cannot_be_spelled_is_told_without_it() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    Listener(out, lambda: None).hear("webhooks · jobs\n")
    assert raw.getvalue() == b"webhooks ? jobs\n"


def test_the_board_knows_since_when() -> None:
    board = Board()
    again = Alarm("WatchedQuotaLow", "pa git", "2 are left")
    other = Alarm("WatchedHttpErrors", "pa webhooks", "many")
    assert board.take([AN_ALARM], NOW) == ([AN_ALARM], [])
    assert board.take([again, other], NOW + 5) == ([other], [])
    assert list(board.lines(NOW + 8)) == [
        "WatchedHttpErrors · pa webhooks · many (for 3 s)",
        "WatchedQuotaLow · pa git · 2 are left (for 8 s)",
    ]
    assert board.take([], NOW + 9) == ([], [again, other])
