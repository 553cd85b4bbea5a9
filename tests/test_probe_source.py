"""What is told of probes: verdicts, reasons, starts, and for how long what was read stays."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import pytest

from exporter.app.assembly import assemble
from exporter.clock import SetClock
from exporter.commands import check
from exporter.config import parse
from exporter.sources.probes.checks import Probes
from exporter.sources.probes.examine import examine
from exporter.sources.probes.readings import Point
from exporter.sources.probes.round import Lane, Round, new_lane
from exporter.sources.probes.settings import HttpCheck
from exporter.sources.probes.verdict import REASONS, Phases, ProbeError, Reason, Result
from tests.support.asking import Asked, until
from tests.support.probing import http, plan_of, probed, saying, serving
from tests.support.waiting import free_port

SUCCESS = "watched_probe_success"
FAILING = "watched_probe_failing"
SINCE = "watched_probe_failing_since_timestamp_seconds"
FAILURES = "watched_probe_failures_total"
NOT_AFTER = "watched_tls_not_after_timestamp_seconds"


class Desk:
    """One probe, told results by hand at times that are set."""

    def __init__(self, settings: str, before: Desk | None = None) -> None:
        plan = plan_of(f"base: http://shop\ninterval: 10s\ntimeout: 1s\nhttp: {{x: {settings}}}")
        assert plan.probing.probes is not None
        (check,) = plan.probing.probes.checks
        assert isinstance(check, HttpCheck)
        self.clock: SetClock = SetClock(1000.0 if before is None else before.clock.now())
        self.asked = Asked(assemble(plan, self.clock))
        if before is not None:
            self.asked.shard.load(before.asked.shard.dump())
        self.round = Round(
            Probes((check,)), self.asked.shard, self.clock, "probes", now=self.clock.now
        )
        started = self.round.memory.started(check)
        self.lane: Lane = new_lane(check, _nothing, started=started)
        self.kind = check.kind

    def tell(
        self,
        reason: Reason | None = None,
        points: Sequence[Point] | None = None,
        *,
        not_after: float | None = None,
    ) -> None:
        """A result, a second after the one before."""
        self.clock.advance(1)
        result = Result(Phases(self.clock.now), not_after=not_after)
        result.points = None if points is None else list(points)
        result.failure = None if reason is None else ProbeError(reason, "for a test")
        self.round.tell(self.lane, result)

    def later(self, seconds: float) -> None:
        """Time passes without an answer."""
        self.clock.advance(seconds)
        self.round.expire([self.lane])

    def value(self, metric: str) -> float | None:
        return self.asked.value(metric, "x", self.kind)

    def reasons(self) -> dict[str, float]:
        """The reasons that are 1."""
        told = self.asked.series(FAILING)
        assert {labels[2] for labels in told} == set(REASONS), "each is shown, at 0 mostly"
        return {labels[2]: value for labels, value in told.items() if value}


async def _nothing(result: Result) -> None:
    _ = result


def test_a_verdict_has_its_reason_and_since_when() -> None:
    desk = Desk("{}")
    desk.tell()
    assert (desk.value(SUCCESS), desk.value(SINCE), desk.reasons()) == (1, None, {})
    desk.tell("timeout")
    desk.tell("status")
    assert (desk.value(SUCCESS), desk.value(SINCE)) == (0, 1002)
    assert desk.reasons() == {"status": 1}
    counted = desk.asked.series(FAILURES)
    assert {labels[2]: value for labels, value in counted.items()} == {
        **dict.fromkeys(REASONS, 0),
        "timeout": 1,
        "status": 1,
    }
    desk.tell()
    assert (desk.value(SUCCESS), desk.value(SINCE), desk.reasons()) == (1, None, {})


def test_a_start_fails_only_while_nobody_answers() -> None:
    desk = Desk("{kind: startup}")
    desk.tell("refused")
    desk.tell("timeout")
    assert (desk.value(SUCCESS), desk.value(SINCE), desk.reasons()) == (0, 1001, {"timeout": 1})
    desk.tell("status")
    assert (desk.value(SUCCESS), desk.value(SINCE), desk.reasons()) == (1, None, {})
    desk.tell("timeout")
    assert desk.value(SUCCESS) == 1, "an application that hangs does not start"
    desk.tell("refused")
    assert (desk.value(SUCCESS), desk.value(SINCE)) == (0, 1005)


@pytest.mark.parametrize(
    ("away", "since"),
    [
        (31, 1001),  # a restart, or a reload
        (31.5, None),  # three intervals and a timeout: what was meanwhile is unknown
        (-5, None),  # a clock that was set back
    ],
)
def test_since_when_it_fails_outlives_a_restart(away: float, since: float | None) -> None:
    first = Desk("{}")
    first.tell("refused")
    first.tell("timeout")
    second = Desk("{}", first)
    second.clock.at += away - 1
    second.tell("refused")
    assert second.value(SINCE) == (since or second.clock.now())
    second.tell()
    second.tell("refused")
    assert second.value(SINCE) == second.clock.now(), "it was well between"


def test_a_clock_that_is_set_back_puts_no_failure_into_the_future() -> None:
    desk = Desk("{}")
    desk.tell("refused")
    desk.clock.at -= 500
    desk.tell("refused")
    assert desk.value(SINCE) == desk.clock.now()
    desk.tell("refused")
    assert desk.value(SINCE) == desk.clock.now() - 1


def test_an_application_that_hangs_at_a_restart_of_ours_does_not_start() -> None:
    first = Desk("{kind: startup}")
    first.tell()
    second = Desk("{kind: startup}", first)
    second.tell("timeout")
    assert second.value(SUCCESS) == 1
    second.tell("refused")
    third = Desk("{kind: startup}", second)
    third.tell("timeout")
    assert (third.value(SUCCESS), third.value(SINCE)) == (0, second.clock.now())


def test_of_a_probe_that_is_asked_no_more_nothing_is_remembered() -> None:
    desk = Desk("{}")
    desk.tell("refused")
    assert desk.asked.shard.recall("probes")
    desk.round.memory.keep([])
    assert not desk.asked.shard.recall("probes")


def test_what_a_body_does_not_say_any_more_is_gone_at_once() -> None:
    desk = Desk("{}")
    depth = Point("watched_probe_field", {"field": "depth"}, 5.0)
    idle = Point("watched_probe_field", {"field": "idle"}, 1.0)
    desk.tell(points=[depth, idle])
    desk.tell(points=[depth])
    assert desk.asked.series("watched_probe_field") == {("x", "depth"): 5}


def test_what_no_body_could_say_stays_for_three_intervals() -> None:
    desk = Desk("{}")
    desk.tell(points=[Point("watched_component_up", {"component": "db"}, 0.0)], not_after=5000)
    for _ in range(3):
        desk.later(8)
        desk.tell("timeout")
    assert desk.asked.series("watched_component_up") == {("x", "db"): 0}
    assert list(desk.asked.series(NOT_AFTER).values()) == [5000]
    desk.later(10)
    desk.tell("timeout")
    desk.later(0)
    assert not desk.asked.series("watched_component_up")
    assert not desk.asked.series(NOT_AFTER)
    assert desk.value(SUCCESS) == 0, "the verdict itself is fresh"


def test_a_verdict_that_is_not_told_again_is_unknown() -> None:
    desk = Desk("{}")
    desk.tell()
    desk.later(30)
    assert desk.value(SUCCESS) == 1
    desk.later(2)
    assert desk.value(SUCCESS) is None
    assert not desk.asked.series(FAILING)
    assert desk.asked.series(FAILURES), "what was counted stays"


async def test_an_application_is_watched_through_its_life() -> None:
    """Nobody there, then red, then well: each is told with its reason, by the pipeline."""
    answer = [http('{"status": "error", "component": "database"}', "503 Service Unavailable")]

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await saying(answer[0])(reader, writer)

    async with serving(server) as port:
        probes = f"""\
base: http://127.0.0.1:{port}
interval: 1s
http:
  health:
    json: {{status: ok}}
    components: {{database: {{path: component, is_not: database}}}}
  start: {{probe: health, kind: startup}}
"""
        async with probed(probes) as asked:
            key = ("health", "liveness")
            await until(lambda: asked.value(SUCCESS, *key) == 0, "the first answer")
            assert asked.value(FAILING, *key, "status") == 1
            assert asked.value("watched_component_up", "health", "database") == 0
            answer[0] = http('{"status": "ok"}')
            await until(lambda: asked.value(SUCCESS, *key) == 1, "a good one")
            assert asked.value("watched_component_up", "health", "database") == 1
            assert asked.value("watched_probe_duration_seconds", *key, "wait") is not None
            assert asked.value(SUCCESS, "health", "startup") == 1
            assert asked.value("sidewatch_source_up", "probes") == 1
            assert asked.value("sidewatch_source_interval_seconds", "probes") == 1
            assert asked.series("sidewatch_source_last_success_timestamp_seconds")


async def test_what_nobody_foresaw_is_a_result_too(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_: Result) -> None:
        raise UnicodeDecodeError("utf-8", b"hunter2", 0, 1, "for a test")

    clock = SetClock()
    result = await examine(broken, 1.0, clock.now)
    assert result.failure is not None
    assert result.failure.reason == "other"
    assert "hunter2" not in str(result.failure)
    assert "hunter2" not in caplog.text


def test_an_objective_comes_with_its_subject() -> None:
    plan = parse(
        """\
apps:
  - name: shop
    probes: {base: "http://shop", http: {x: {}}}
    objectives:
      probe_start: {probes: {x: 200s}}
      probe_field: {x: {dead: 0}}
      certificate_left: 14d
""",
        Path("sidewatch.yaml"),
        {},
    ).apps[0]
    shard = assemble(plan, SetClock(1.0))
    labels = {"probe": "x", "kind": "liveness", "file": "", "vhost": ""}
    shard.put(SUCCESS, labels, 1.0)
    shard.put(NOT_AFTER, labels, 5.0)
    for name in ("dead", "other"):
        shard.put("watched_probe_field", {"probe": "x", "field": name}, 1.0)
    asked = Asked(shard)
    assert asked.series("watched_probe_start_objective_seconds") == {("x",): 200}
    assert asked.series("watched_probe_field_objective") == {("x", "dead"): 0}
    assert asked.series("watched_tls_objective_seconds") == {("x", "", ""): 14 * 86400}


def test_check_asks_each_probe_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, port = tmp_path / "sidewatch.yaml", free_port()
    config.write_text(f"""\
apps:
  - name: shop
    probes:
      base: http://127.0.0.1:{port}
      http: {{server: {{}}}}
""")
    assert check.run(Namespace(config=config, connect=True, web_config=None)) == 1
    told = capsys.readouterr().out
    assert "shop: profile generic, 0 sources, 0 log rules, 0 objectives, 1 probe" in told
    fault = "fault: refused: nobody listens there"
    assert f"shop: probe server (liveness) at 127.0.0.1:{port}: {fault}" in told
