"""The snapshots as prometheus_client sees them."""

from __future__ import annotations

import math

from prometheus_client import CollectorRegistry

from exporter.collector import SnapshotCollector
from exporter.model import Family
from exporter.registry import Registry

JOBS = Family("watched_jobs_total", "counter", "Jobs.", ("queue",))
WAIT = Family("watched_wait_seconds", "histogram", "Wait.", ("queue",), buckets=(1.0,))
DEPTH = Family("watched_depth", "gauge", "Depth.")


def test_values_can_be_asked_of_the_library() -> None:
    shop, mill = Registry((("app", "shop"),)), Registry((("app", "mill"),))
    shop.inc(JOBS, ("mail",), 0.0, 3)
    mill.inc(JOBS, ("mail",), 0.0, 4)
    shop.values[shop.cell(WAIT, ("mail",), 0.0).index + 1] = 2
    library = CollectorRegistry()
    library.register(
        SnapshotCollector(lambda: [one.snapshot(0.0, final=True) for one in (shop, mill)])
    )
    shop.inc(JOBS, ("mail",), 0.0)
    value = library.get_sample_value
    assert value("watched_jobs_total", {"app": "shop", "queue": "mail"}) == 4
    assert value("watched_jobs_total", {"app": "mill", "queue": "mail"}) == 4
    assert value("watched_wait_seconds_count", {"app": "shop", "queue": "mail"}) == 2
    bucket = {"app": "shop", "queue": "mail", "le": "1.0"}
    assert value("watched_wait_seconds_bucket", bucket) == 0


def test_what_is_hidden_is_hidden_here_too() -> None:
    shop = Registry()
    shop.put(DEPTH, (), 0.0, 1)
    shop.drop(DEPTH, ())
    shop.values[shop.cell(WAIT, ("mail",), 0.0).index] = math.nan
    assert list(SnapshotCollector(lambda: [shop.snapshot(0.0, final=True)]).collect()) == []
