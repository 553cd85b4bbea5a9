"""Snapshots in, prometheus_client's metrics out: for programs that embed a store of ours.

The scrape of sidewatch itself does not pass here; see `exporter.exposition`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar, Sample
from prometheus_client.utils import floatToGoString

from exporter.exposition import by_family, label_pairs
from exporter.model import Family, Series, Snapshot


class SnapshotCollector(Collector):  # the library takes nothing but what derives from its own
    """Give it to `CollectorRegistry.register`; `snapshots` is asked at each collection."""

    def __init__(self, snapshots: Callable[[], Sequence[Snapshot]]) -> None:
        self._snapshots = snapshots

    def collect(self) -> Iterator[Metric]:
        """The families that have something to show."""
        for family, parts in by_family(self._snapshots()):
            metric = Metric(family.name.removesuffix("_total"), family.help, family.kind)
            for part, snapshot, series in parts:
                for one in series:
                    metric.samples.extend(_samples(part, one, snapshot))
            if metric.samples:
                yield metric

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: families come and go with their applications."""
        return ()


def _samples(family: Family, series: Series, snapshot: Snapshot) -> Iterator[Sample]:
    labels = dict(label_pairs(snapshot.constant, series))
    if family.kind == "histogram":
        yield from _histogram(family, series, snapshot, labels)
    elif not math.isnan(value := snapshot.values[series.index]):
        yield Sample(family.name, labels, value)


def _histogram(
    family: Family, series: Series, snapshot: Snapshot, labels: dict[str, str]
) -> Iterator[Sample]:
    end = series.index + len(family.buckets) + 1
    counts = list(accumulate(snapshot.values[series.index : end]))
    if math.isnan(counts[-1]):
        return
    bounds = (*family.buckets, math.inf)
    for index, (bound, count) in enumerate(zip(bounds, counts, strict=True), series.index):
        told = snapshot.exemplars.get(index)
        exemplar = None if told is None else Exemplar({told[0]: told[1]}, told[2], told[3])
        told_bound = floatToGoString(bound)  # type: ignore[no-untyped-call]  # theirs has no types
        bucket = {**labels, "le": told_bound}
        yield Sample(f"{family.name}_bucket", bucket, count, exemplar=exemplar)
    yield Sample(f"{family.name}_sum", labels, snapshot.values[end])
    yield Sample(f"{family.name}_count", labels, counts[-1])
