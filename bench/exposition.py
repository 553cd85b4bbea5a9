"""What a scrape costs: our renderer beside prometheus_client's generate_latest, same series.

Run by a person: `python bench/exposition.py [LINES]`. Nine lines of counters to one of histograms;
counters are whole numbers, sums are not, and every number changes between two renders. CPU seconds,
alternated in one run, median and spread. Taking the snapshot is on our account.
"""

from __future__ import annotations

import gc
import random
import statistics
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families

sys.path.insert(0, str(Path(__file__).parent.parent))

from exporter.exposition import Form, compress, render
from exporter.model import REQUEST_BUCKETS, Family, Snapshot
from exporter.registry import Registry

ROUNDS = 9
REQUESTS = Family(
    "watched_http_requests_total",
    "counter",
    "Requests.",
    ("route", "method", "status"),
    limit=10**6,
)
DURATION = Family(
    "watched_http_request_duration_seconds",
    "histogram",
    "Time to answer.",
    ("route",),
    buckets=REQUEST_BUCKETS,
    limit=10**6,
)


class Ours:
    """The series in a registry of ours."""

    def __init__(self, counters: int, histograms: int) -> None:
        self.registry = Registry((("app", "shop"),))
        self.counters = [
            self.registry.cell(REQUESTS, labels(number), 0.0).index for number in range(counters)
        ]
        self.histograms = [
            self.registry.cell(DURATION, (f"/api/{number}",), 0.0).index
            for number in range(histograms)
        ]
        self.snapshot: Snapshot = self.registry.snapshot(0.0, final=True)

    def move(self, whole: list[int], parts: list[float]) -> None:
        values = self.registry.values
        for index, step in zip(self.counters, whole, strict=True):
            values[index] += step
        for index, part in zip(self.histograms, parts, strict=True):
            for at in range(index, index + len(REQUEST_BUCKETS) + 1):
                values[at] += 1
            values[index + len(REQUEST_BUCKETS) + 1] += part

    def text(self) -> bytes:
        return render([self.registry.snapshot(0.0, final=True)])

    def openmetrics(self) -> bytes:
        return render([self.registry.snapshot(0.0, final=True)], Form.OPENMETRICS)


class Theirs:
    """The same series in prometheus_client's own metrics."""

    def __init__(self, counters: int, histograms: int) -> None:
        self.registry = CollectorRegistry()
        counter = Counter(
            REQUESTS.name, REQUESTS.help, ("app", *REQUESTS.labels), registry=self.registry
        )
        histogram = Histogram(
            DURATION.name,
            DURATION.help,
            ("app", *DURATION.labels),
            buckets=REQUEST_BUCKETS,
            registry=self.registry,
        )
        self.counters = [counter.labels("shop", *labels(number)) for number in range(counters)]
        self.histograms = [
            histogram.labels("shop", f"/api/{number}") for number in range(histograms)
        ]

    def move(self, whole: list[int], parts: list[float]) -> None:
        for counter, step in zip(self.counters, whole, strict=True):
            counter.inc(step)
        for histogram, part in zip(self.histograms, parts, strict=True):
            # Its own inner cells: one observation in each bucket, and the same sum as ours.
            cells: Any = histogram
            for bucket in cells._buckets:  # noqa: SLF001  no public way to one bucket
                bucket.inc(1)
            cells._sum.inc(part)  # noqa: SLF001  the same

    def text(self) -> bytes:
        return generate_latest(self.registry)

    def openmetrics(self) -> bytes:
        return bytes(generate_openmetrics(self.registry))  # type: ignore[no-untyped-call]  # theirs


def labels(number: int) -> tuple[str, ...]:
    return f"/api/{number // 8}", ("GET", "POST")[number % 2], f"{200 + number // 2 % 4}"


def cpu(work: Callable[[], bytes]) -> tuple[float, bytes]:
    gc.collect()
    before = time.process_time()
    made = work()
    return time.process_time() - before, made


def samples(body: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(body.decode())
        for one in family.samples
    }


def row(name: str, seconds: list[float]) -> float:
    middle = statistics.median(seconds)
    low, high = min(seconds) * 1e3, max(seconds) * 1e3
    print(f"{name:34} {middle * 1e3:9.2f} ms   ({low:.2f} to {high:.2f})")
    return middle


def gzip_levels(body: bytes) -> None:
    for level in (1, 6, 9):
        spent, size = [], 0
        for _ in range(ROUNDS):
            before = time.process_time()
            size = len(zlib.compress(body, level))
            spent.append(time.process_time() - before)
        row(f"gzip -{level}: {len(body)} -> {size} bytes", spent)


def main() -> None:
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    histograms = round(lines / 10 / (len(REQUEST_BUCKETS) + 3))
    counters = lines - histograms * (len(REQUEST_BUCKETS) + 3)
    disable_created_metrics()  # type: ignore[no-untyped-call]  # theirs
    ours, theirs = Ours(counters, histograms), Theirs(counters, histograms)
    print(f"{lines} lines: {counters} counters, {histograms} histograms; {ROUNDS} rounds")
    row("ours, first text (writes labels)", [cpu(ours.text)[0]])
    spent: dict[str, list[float]] = {}
    dice = random.Random(7)
    for _ in range(ROUNDS):
        whole = [dice.randrange(1, 1000) for _ in range(counters)]
        parts = [dice.random() for _ in range(histograms)]
        ours.move(whole, parts)
        theirs.move(whole, parts)
        for form in ("text", "openmetrics"):
            for name, side in (("ours", ours), ("prometheus_client", theirs)):
                seconds, _ = cpu(getattr(side, form))
                spent.setdefault(f"{name}, {form}", []).append(seconds)
        packing, _ = cpu(lambda: compress([ours.text()]))
        spent.setdefault("ours, text and gzip", []).append(packing)
    if samples(ours.text()) != samples(theirs.text()):
        sys.exit("The two sides show different numbers: the figures would mean nothing.")
    medians = {name: row(name, seconds) for name, seconds in spent.items()}
    for form in ("text", "openmetrics"):
        ratio = medians[f"prometheus_client, {form}"] / medians[f"ours, {form}"]
        print(f"{form}: {ratio:.1f} times cheaper")
    gzip_levels(ours.text())


if __name__ == "__main__":
    main()
