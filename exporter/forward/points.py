"""Snapshots in, the OpenTelemetry SDK's metric data out, in pieces of a bounded size.

The data model: opentelemetry.io/docs/specs/otel/metrics/data-model. Names and labels are those of
`/metrics`; counters and histograms are cumulative sums from the birth of their series on; what is
unknown, hidden or withheld is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, cast

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from exporter.exposition import by_family, label_pairs
from exporter.model import Family, Series, Snapshot

NANO = 10**9
# Units by how a name ends (UCUM, as OpenTelemetry wants them). Prometheus adds a unit's word to a
# name that does not hold it yet, so only those are told whose word is there.
UNITS = {"seconds": "s", "bytes": "By"}

Point = NumberDataPoint | HistogramDataPoint


def pieces(
    snapshots: Sequence[Snapshot], at: float, resource: Mapping[str, str], most: int
) -> Iterator[MetricsData]:
    """All that the snapshots show, stamped with the time `at`, at most `most` points a piece."""
    about, scope = Resource(resource), InstrumentationScope("sidewatch")
    points = _points(snapshots, at)
    while some := list(islice(points, most)):
        metrics = [
            _metric(found[0][0], [point for _, point in found])
            for _, group in groupby(some, key=itemgetter(0))
            if (found := list(group))
        ]
        yield MetricsData([ResourceMetrics(about, [ScopeMetrics(scope, metrics, "")], "")])


def _points(snapshots: Sequence[Snapshot], at: float) -> Iterator[tuple[Family, Point]]:
    """Every point that has a value, family by family."""
    for _, parts in by_family(snapshots):
        for family, snapshot, series in parts:
            make = _histogram if family.kind == "histogram" else _number
            for one in series:
                if (point := make(one, snapshot, at)) is not None:
                    yield family, point


def _metric(family: Family, points: list[Any]) -> Metric:
    data: Sum | Gauge | Histogram
    if family.kind == "gauge":
        data = Gauge(points)
    elif family.kind == "counter":
        data = Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True)
    else:
        data = Histogram(points, AggregationTemporality.CUMULATIVE)
    return Metric(family.name, family.help, _unit(family.name), data)


def _unit(name: str) -> str:
    return UNITS.get(name.removesuffix("_total").rpartition("_")[2], "")


def _number(series: Series, snapshot: Snapshot, at: float) -> NumberDataPoint | None:
    value = snapshot.values[series.index]
    if math.isnan(value):
        return None
    labels = dict(label_pairs(snapshot.constant, series))
    return NumberDataPoint(labels, _nanos(series.created), _nanos(at), value)


def _histogram(series: Series, snapshot: Snapshot, at: float) -> HistogramDataPoint | None:
    end = series.index + len(series.family.buckets) + 1
    numbers = snapshot.values[series.index : end + 1]
    if any(map(math.isnan, numbers)):
        return None
    counts = [int(count) for count in numbers[:-1]]
    told = (snapshot.exemplars.get(index) for index in range(series.index, end))
    return HistogramDataPoint(
        attributes=dict(label_pairs(snapshot.constant, series)),
        start_time_unix_nano=_nanos(series.created),
        time_unix_nano=_nanos(at),
        count=sum(counts),
        sum=numbers[-1],
        bucket_counts=counts,
        explicit_bounds=series.family.buckets,
        # Unset in the message: since when a smallest and a largest would hold, nobody could say.
        min=cast("float", None),
        max=cast("float", None),
        exemplars=[_exemplar(*one) for one in told if one is not None],
    )


def _exemplar(name: str, label: str, value: float, at: float) -> Exemplar:
    return Exemplar({name: label}, value, _nanos(at))


def _nanos(seconds: float) -> int:
    return round(seconds * NANO)
