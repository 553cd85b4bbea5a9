"""The renderer beside prometheus_client's: the same numbers, at a fraction of the cost."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client import generate_latest as text_by_the_library
from prometheus_client.core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_by_the_library

from exporter.collector import SnapshotCollector
from exporter.exposition import Form, render
from exporter.model import Snapshot
from tests.support.scrape import EVENTS, NOW, a_registry, final, metrics, observe, samples


@pytest.mark.parametrize("form", list(Form))
@given(
    counters=st.dictionaries(st.text(min_size=1), st.floats(0, 1e18), max_size=4),
    queues=st.dictionaries(
        st.text(min_size=1), st.lists(st.integers(0, 2**40), min_size=4, max_size=4), max_size=3
    ),
)
def test_it_agrees_with_prometheus_client(
    form: Form, counters: dict[str, float], queues: dict[str, list[int]]
) -> None:
    registry = a_registry()
    for service, value in counters.items():
        registry.inc(EVENTS, (service, "x"), NOW, value)
    for queue, buckets in queues.items():
        index = observe(registry, queue, buckets, 2.5)
        registry.exemplars[index] = ("request_id", f"r{buckets[0]}", 0.125, NOW)
    shown = [final(registry)]
    library = CollectorRegistry()
    library.register(SnapshotCollector(lambda: shown))
    peer = openmetrics_by_the_library if form.openmetrics else text_by_the_library
    ours, theirs = metrics(render(shown, form), form), metrics(peer(library), form)
    assert samples(ours) == samples(theirs)
    assert [(m.name, m.type) for m in ours] == [(m.name, m.type) for m in theirs]
    assert [s.exemplar for m in ours for s in m.samples] == [
        s.exemplar for m in theirs for s in m.samples
    ]


class Collected:
    """Families made beforehand, so that only their writing is measured."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.families = list(SnapshotCollector(lambda: [snapshot]).collect())

    def collect(self) -> list[Metric]:
        return self.families


@pytest.mark.alone(reason="it compares times of work")
def test_it_is_at_least_five_times_cheaper_than_the_library() -> None:
    """About twenty-five times in bench/exposition.py, which measures with more care."""
    registry = a_registry()
    for number in range(3000):
        registry.inc(EVENTS, (str(number // 10), str(number % 10)), NOW, number)
    snapshot = final(registry)
    library = CollectorRegistry()
    library.register(Collected(snapshot))
    ours = _least(lambda: render([snapshot]))
    theirs = _least(lambda: text_by_the_library(library))
    assert ours * 5 < theirs


def _least(work: Callable[[], bytes]) -> float:
    spent = []
    for _ in range(5):
        before = time.process_time()
        work()
        spent.append(time.process_time() - before)
    return min(spent)
