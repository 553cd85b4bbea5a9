"""The reference engine against its oracle: hostile lines, in any chunks, move the same numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from exporter.engine.plan import Plan
from exporter.engine.rules import (
    Count,
    Drain,
    Event,
    Label,
    LogRule,
    LogRules,
    Observe,
    Set,
    Where,
)
from exporter.model import REQUEST_BUCKETS, Family
from exporter.vocabulary import FAMILIES
from tests.support.hostile import NOW, Hostile
from tests.support.oracle import Counted, Oracle, differences, plan_of, profile_plan

GOLDEN = Path(__file__).parent / "golden"
PROFILES = sorted(folder.name for folder in GOLDEN.iterdir() if folder.is_dir())
GENERIC = ("keyvalue", "json")
LINES = 4_000  # of each profile, and five times that of each generic format
LONG = 150_000

OWN = {
    family.name: family
    for family in (
        Family("jobs_total", "counter", "Jobs.", ("kind", "who", "service")),
        Family("bytes_total", "counter", "Bytes.", ("kind",)),
        Family("took_seconds", "histogram", "Took.", ("kind", "ok"), buckets=REQUEST_BUCKETS),
        Family("deep_total", "counter", "Deep.", ("one", "two", "three"), limit=20),
        Family("told_total", "counter", "Told.", ("message", "level", "n")),
        Family("size_last", "gauge", "Size.", ("kind",)),
        Family("size_min", "gauge", "Size.", ()),
        Family("size_max", "gauge", "Size.", ("stream",)),
        Family("size_sum", "gauge", "Size.", ()),
    )
}
KIND = {"kind": Label(field="kind")}
RULES = LogRules(
    rules=(
        LogRule(
            message="Job done",
            count=(
                Count("jobs_total", {**KIND, "who": Label(field="who", default="nobody")}),
                Count("bytes_total", KIND, by="size"),
            ),
            observe=(
                Observe("took_seconds", "took", {**KIND, "ok": Label(field="ok")}, "ms", "who"),
            ),
            heartbeat="jobs",
        ),
        LogRule(
            message="Job {*}",
            where=(Where("kind", values=("a", "two*", "1")), Where("status", none_of=("x*",))),
            count=(Count("bytes_total", {"kind": Label(value="some")}),),
            set=(
                Set("size_last", "size", {"kind": Label(field="kind", lower=True)}),
                Set("size_sum", "size", {}, aggregate="sum", window=60.0, per_stream=True),
            ),
        ),
        LogRule(
            message="{*}",
            level=("error", "warning"),
            where=(Where("status", min=0.5, max=5.0),),
            event=Event("bad_status", "page"),
        ),
        LogRule(
            message="{*}",
            set=(
                Set("size_min", "size", {}, "ms", "min"),
                Set("size_max", "took", {"stream": Label(value="any")}, aggregate="max"),
            ),
        ),
        LogRule(message="{*}", set=(Set("size_last", "x", {"kind": Label(value="any")}),)),
        LogRule(
            message="Task ended",
            format="jsonlines",
            level=("info", "error"),
            count=(
                Count(
                    "deep_total",
                    {
                        "one": Label(field="a.b", default="none"),
                        "two": Label(field="x.b.c", map={"a": "A", "1*": "ones"}, default="rest"),
                        "three": Label(field="err.code", default="none"),
                    },
                ),
            ),
            drain=Drain("begin", grace="took"),
        ),
        LogRule(
            where=(Where("kind", values=("b", "true", "0")), Where("service", values=("service",))),
            observe=(
                Observe(
                    "took_seconds",
                    "a.b",
                    {"kind": Label(field="ok"), "ok": Label(field="status", default="-")},
                ),
            ),
        ),
        LogRule(
            message="Step {n:number}: {*}",
            count=(
                Count(
                    "told_total",
                    {
                        "message": Label(field="message"),
                        "level": Label(field="level", default="none"),
                        "n": Label(field="n"),
                    },
                ),
            ),
        ),
        LogRule(
            message="Cache",
            count=(
                Count(
                    "told_total",
                    {
                        "message": Label(field="msg", default="none"),
                        "level": Label(field="time", default="none"),
                        "n": Label(field="a.c.d", default="none"),
                    },
                ),
            ),
            set=(Set("size_max", "size", {"stream": Label(field="stream")}, aggregate="max"),),
            drain=Drain("end"),
        ),
        LogRule(exception="ValueError: {*}", event=Event("value_error", "ticket")),
        LogRule(
            message="Job{*}", exception="{type}: {*}", where=(Where("kind", values=("a",)),),
            count=(Count("bytes_total", {"kind": Label(field="type")}),),
        ),
    ),
    heartbeats={"jobs": 60.0},
)  # fmt: skip


def _plan(name: str) -> Plan:
    return profile_plan(name) if name in PROFILES else plan_of(RULES, {**FAMILIES, **OWN})


def _hostile(name: str, seed: int) -> Hostile:
    dice = Random(f"{name} {seed}")
    if name not in PROFILES:
        return Hostile(dice, made=(name,), usual=seed)
    logs = sorted((GOLDEN / name).glob("*.log"))
    return Hostile(dice, tuple(line for log in logs for line in log.read_bytes().splitlines()))


def _chunks(data: bytes, dice: Random) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size = dice.choice((1, 7, 100, 1000, 5000, 50_000))
        yield data[at : at + size]
        at += size


def _compare(name: str, lines: list[bytes], seed: int) -> list[str]:
    """Both ways over these lines, with room for few series, so that some are folded."""
    limits = {"jobs_total": 40, "watched_exceptions_total": 20, "told_total": 500}
    fast = Counted(_plan(name), NOW, limits)
    fast.feed(_chunks(b"".join(line + b"\n" for line in lines), Random(seed)))
    exact = Oracle(_plan(name), NOW, limits)
    exact.read(lines)
    return differences(fast.numbers(), exact.numbers())


def _smallest(name: str, lines: list[bytes], seed: int) -> list[bytes]:
    """The fewest of these lines that still show a difference, as far as leaving out finds them."""
    size = len(lines)
    while size:
        size //= 2
        at = 0
        while size and at < len(lines):
            fewer = lines[:at] + lines[at + size :]
            if _compare(name, fewer, seed):
                lines = fewer
            else:
                at += size
    return lines


def _check(name: str, count: int, seed: int) -> None:
    lines = _hostile(name, seed).lines(count)
    if not _compare(name, lines, seed):
        return
    lines = _smallest(name, lines, seed)
    told = [*map(repr, lines), *_compare(name, lines, seed)]
    pytest.fail("the fast paths read these lines otherwise:\n" + "\n".join(told), pytrace=False)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", PROFILES)
def test_hostile_lines_of_a_profile_move_what_the_exact_reading_says(name: str, seed: int) -> None:
    _check(name, LINES // 2, seed)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("name", GENERIC)
def test_hostile_lines_of_a_format_move_what_the_exact_reading_says(name: str, seed: int) -> None:
    _check(name, LINES // 2, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 120))
@pytest.mark.parametrize("name", [*PROFILES, *GENERIC])
def test_a_million_hostile_lines_move_what_the_exact_reading_says(name: str, seed: int) -> None:
    _check(name, LONG // 20, seed)


@pytest.mark.parametrize("name", PROFILES)
def test_a_replay_is_at_each_record_within_a_second(name: str) -> None:
    logs = sorted((GOLDEN / name).glob("*.log"))
    lines = [line for log in logs for line in log.read_bytes().splitlines()]
    fast = Counted(_plan(name), NOW, replaying=True)
    fast.feed(_chunks(b"".join(line + b"\n" for line in lines * 5), Random(name)))
    exact = Oracle(_plan(name), NOW, replaying=True)
    exact.read(lines * 5)
    found, expected = fast.numbers(), exact.numbers()
    stamps = [key for key in expected if key[0].endswith("_timestamp_seconds")]
    for key in stamps:
        assert found.pop(key) == pytest.approx(expected.pop(key), abs=1.0)
    assert not differences(found, expected)
