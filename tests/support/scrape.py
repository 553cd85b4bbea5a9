"""A small registry by hand, and what the parsers of prometheus_client read of a scrape."""

from __future__ import annotations

from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families as text_families

from exporter.exposition import Form
from exporter.model import Family, Snapshot
from exporter.registry import Registry

NOW = 1_700_000_000.0
EVENTS = Family("watched_events_total", "counter", "Events.", ("service", "event"))
AGE = Family("watched_oldest_age_seconds", "gauge", "Age.", ("queue",))
WAIT = Family("watched_wait_seconds", "histogram", "Wait.", ("queue",), buckets=(0.25, 1.0, 7200.0))
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def a_registry(app: str = "shop") -> Registry:
    return Registry((("app", app),))


def final(registry: Registry) -> Snapshot:
    return registry.snapshot(NOW, final=True)


def observe(registry: Registry, queue: str, buckets: list[int], total: float) -> int:
    """Put the count of each bucket's own range and the sum; the arena index of the first."""
    index = registry.cell(WAIT, (queue,), NOW).index
    for at, number in enumerate([*buckets, total], index):
        registry.values[at] = number
    return index


def metrics(body: bytes, form: Form) -> list[Metric]:
    families = openmetrics_families if form.openmetrics else text_families
    return list(families(body.decode()))


def samples(found: list[Metric]) -> Samples:
    read: Samples = {}
    for metric in found:
        for sample in metric.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in read
            read[key] = sample.value
    return read


def one(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())
