"""What a hostile stream costs: no more than a few times the exact reading of its lines."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

from tests.support.differential import ENGINES, plan
from tests.support.hostile import NOW
from tests.support.hostile_streams import STREAMS, stream
from tests.support.oracle import Counted, Oracle

LINES = 200
MOST = 3.0  # times the exact reading
Counts = TypeVar("Counts", bound=Counted)


def _cost(make: Callable[[], Counts], task: Callable[[Counts], object]) -> float:
    """The CPU seconds of the quickest of some times, each with something new that counts."""
    found = []
    for _ in range(3):
        counts = make()
        begun = time.process_time()
        task(counts)
        found.append(time.process_time() - begun)
    return min(found)


@pytest.mark.alone(reason="it compares CPU times")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", STREAMS)
def test_a_hostile_stream_costs_little_more_than_its_exact_reading(name: str, engine: str) -> None:
    lines = stream(name, LINES)
    data = b"".join(line + b"\n" for line in lines)
    exact = _cost(lambda: Oracle(plan("keyvalue"), NOW), lambda counts: counts.read(lines))
    fast = _cost(
        lambda: Counted(plan("keyvalue"), NOW, by=engine), lambda counts: counts.feed([data])
    )
    assert fast < MOST * exact
