"""What a hostile stream costs: no more than a few times the exact reading of its lines."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import pytest
from msgspec.structs import replace

from exporter.engine import choice
from exporter.engine.plan import Plan
from exporter.engine.rules import Event, LogRule, LogRules, Where
from exporter.vocabulary import FAMILIES
from tests.support.differential import ENGINES, plan
from tests.support.hostile import NOW
from tests.support.hostile_streams import STREAMS, stream
from tests.support.oracle import Counted, Oracle, plan_of

LINES = 200
MEGABYTE = 1 << 20
PIECE = 1 << 14
MOST = 3.0  # times the exact reading
MOST_TURNS = 12
RULED: dict[str, tuple[Callable[[int], LogRule], str]] = {
    "a condition": (lambda i: LogRule(where=(Where("code", values=(f"{i}",)),)), "Batch b{n} done"),
    "a template": (
        lambda i: LogRule(f"{{b}} of kind{i} took {{t:number}} s"),
        "b{n} of kind{i} took 5 s",
    ),
}
Counts = TypeVar("Counts", bound=Counted)


def _once(make: Callable[[], Counts], task: Callable[[Counts], object]) -> float:
    """The CPU seconds of a task with something new that counts."""
    counts = make()
    begun = time.process_time()
    task(counts)
    return time.process_time() - begun


def _cost(make: Callable[[], Counts], task: Callable[[Counts], object]) -> float:
    """The same of the quickest of some times."""
    return min(_once(make, task) for _ in range(3))


def _ratio(ruled: Plan, lines: list[bytes], engine: str) -> float:
    """What an engine costs beside the exact reading, each at its quickest.

    Taken in turns, and more of them while it seems too much: a busy machine only ever adds.
    """
    data = b"".join(line + b"\n" for line in lines)
    exact, fast = [], []
    for turn in range(MOST_TURNS):
        exact.append(_once(lambda: Oracle(ruled, NOW), lambda counts: counts.read(lines)))
        fast.append(_once(lambda: Counted(ruled, NOW, by=engine), lambda one: one.feed([data])))
        if turn > 1 and min(fast) < MOST * min(exact):
            break
    return min(fast) / min(exact)


@pytest.mark.alone(reason="it compares CPU times")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", STREAMS)
def test_a_hostile_stream_costs_little_more_than_its_exact_reading(name: str, engine: str) -> None:
    assert _ratio(plan("keyvalue"), stream(name, LINES), engine) < MOST


@pytest.mark.alone(reason="it compares CPU times")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("size", [2_100, 100_000])
def test_a_value_that_is_too_long_to_be_remembered_is_asked_about_once(
    size: int, engine: str
) -> None:
    rules = (LogRule(where=(Where("path", values=(f"/v{i}*",)),)) for i in range(12))
    ruled = plan_of(LogRules(tuple(replace(one, event=Event("seen")) for one in rules)), FAMILIES)
    line = b'{"level":30,"msg":"Ran","path":"/v1%b"}' % (b"x" * size)
    assert _ratio(ruled, [line] * (500_000 // size), engine) < MOST


@pytest.mark.alone(reason="it compares CPU times")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", RULED)
def test_a_thousand_rules_cost_a_line_little_more_than_ten(kind: str, engine: str) -> None:
    rule, message = RULED[kind]
    costs = []
    for number in (10, 1_000):
        rules = LogRules(tuple(replace(rule(i), event=Event("seen")) for i in range(number)))
        ruled = plan_of(rules, FAMILIES)
        said = ((i % number, message.format(i=i % number, n=i)) for i in range(2_000))
        data = b"".join(
            b'{"level":30,"msg":"%b","code":"%d"}\n' % (one.encode(), i) for i, one in said
        )

        def learned(ruled: Plan = ruled, data: bytes = data) -> Counted:
            counted = Counted(ruled, NOW, by=engine)
            counted.feed([data])
            return counted

        def count(counted: Counted, data: bytes = data) -> None:
            counted.feed([data])

        costs.append(_cost(learned, count))
    assert costs[1] < 12 * costs[0]  # each of them tried would be a hundred


@pytest.mark.alone(reason="it compares CPU times")
def test_short_texts_that_nobody_knows_cost_the_same_in_a_block_of_any_size() -> None:
    plain = plan_of(LogRules(), FAMILIES)
    data = b"".join(b"%x\n" % (7919 * i) for i in range(MEGABYTE // 8))
    pieces, at = [], 0
    while at < len(data):
        end = data.rfind(b"\n", at, at + PIECE) + 1
        pieces.append(data[at:end])
        at = end
    costs = []
    for chunks in (pieces, [data]):
        counted = Counted(plain, NOW, by=choice.COMPILED)
        begun = time.process_time()
        counted.feed(chunks)
        costs.append(time.process_time() - begun)
    assert costs[1] < 1.5 * costs[0]
