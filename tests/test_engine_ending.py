"""The end of a stream: the half lines that it leaves count where its whole ones did."""

from __future__ import annotations

import pytest

from exporter.engine.counting import Stream
from exporter.engine.rules import Count, Label, LogRule, LogRules, Set
from exporter.model import Family
from exporter.vocabulary import FAMILIES
from tests.support.hostile import NOW, docker
from tests.support.oracle import Counted, plan_of

pytestmark = pytest.mark.usefixtures("each_engine")

TIME = "2026-11-20T23:59:58.1Z"
HOUR = 3600.0
KIND = {"kind": Label(field="kind")}
FAMILY = {
    **FAMILIES,
    "size": Family("size", "gauge", "Size.", ()),
    "jobs_total": Family("jobs_total", "counter", "Jobs.", ("kind",)),
    "others_total": Family("others_total", "counter", "Others.", ("kind",)),
}
RULES = LogRules(
    rules=(
        LogRule(message="Size", set=(Set("size", "n", {}, per_stream=True),)),
        LogRule(message="Job", count=(Count("jobs_total", KIND),)),
        LogRule(message="Other", count=(Count("others_total", KIND),)),
    )
)
JOB = b'{"level":30,"msg":"Job","kind":"x"}'
OTHER = b'{"level":30,"msg":"Other","kind":"y"}'


def _size(size: int) -> bytes:
    return b'{"level":30,"msg":"Size","n":%d}' % size


def _entry(text: bytes, *, partial: bool = False) -> bytes:
    return docker(text, "stdout", TIME, partial=partial) + b"\n"


def test_half_a_line_sets_the_gauge_of_its_own_stream() -> None:
    counted = Counted(plan_of(RULES, FAMILY), NOW)
    first, second = Stream("a", "service", "docker"), Stream("b", "service", "docker")
    counted.engine.feed(first, _entry(_size(3)) * 3, NOW)
    counted.engine.feed(first, _entry(_size(7), partial=True), NOW)
    counted.engine.feed(second, _entry(_size(100)) * 3, NOW)
    counted.engine.finish(first, b"", NOW)
    assert counted.numbers()["size", ()] == (107.0,)


def test_half_a_line_counts_though_its_series_was_forgotten_meanwhile() -> None:
    counted = Counted(plan_of(RULES, FAMILY), NOW)
    counted.feed([_entry(JOB) * 4, _entry(JOB, partial=True)])
    now = NOW
    for _ in range(40):
        now += HOUR
        counted.registry.snapshot(now)
        counted.registry.snapshot(now + 70)
    another = Stream("another", "two", "docker")
    counted.engine.feed(another, _entry(OTHER) * 3, now)  # its series lies where the other did
    counted.engine.finish(counted.stream, b"", now)
    numbers = counted.numbers()
    assert numbers["others_total", ("y",)] == (3.0,)
    assert numbers["jobs_total", ("x",)] == (1.0,)


def test_half_a_line_counts_at_the_time_of_the_end() -> None:
    counted = Counted(plan_of(RULES, FAMILY), NOW)
    counted.feed([_entry(JOB, partial=True)])
    counted.engine.finish(counted.stream, b"", NOW + HOUR)
    assert counted.engine.moment.now == NOW + HOUR
