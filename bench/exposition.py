"""What a scrape costs: our renderer beside prometheus_client's generate_latest, same series.

Run by a person: `./run bench exposition [--write] [LINES ...]`. Nine lines of counters to one of
histograms; counters are whole numbers, sums are not, and every number changes between two renders.
CPU, alternated in one run. Taking the snapshot is on our account. Then zlib's levels, and whole
scrapes over HTTP; see `scraped.py`.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from report import heading, ratios, spread, table, write
from scraped import scrapes

from exporter.exposition import Form, render
from exporter.exposition.render import GZIP_LEVEL
from exporter.model import REQUEST_BUCKETS, Snapshot
from exporter.registry import Registry
from tests.support.crowd import DURATION, REQUESTS, labels, shares

ROUNDS = 9
LINES = (10_000, 100_000)
LEVELS = (1, 2, 3, 6, 9)
MANY = 20  # applications that share the lines of the last table


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


def milliseconds(seconds: Sequence[float]) -> str:
    return spread([each * 1e3 for each in seconds])


def beside(lines: int) -> str:
    """Rendering beside prometheus_client, zlib's levels, and what snapshots take."""
    counters, histograms = shares(lines)
    ours, theirs = Ours(counters, histograms), Theirs(counters, histograms)
    first, _ = cpu(ours.text)
    spent: dict[tuple[str, str], list[float]] = {}
    dice = random.Random(7)
    for _ in range(ROUNDS):
        whole = [dice.randrange(1, 1000) for _ in range(counters)]
        parts = [dice.random() for _ in range(histograms)]
        ours.move(whole, parts)
        theirs.move(whole, parts)
        for form in ("text", "openmetrics"):
            for name, side in (("ours", ours), ("theirs", theirs)):
                spent.setdefault((form, name), []).append(cpu(getattr(side, form))[0])
    body = ours.text()
    if samples(body) != samples(theirs.text()):
        sys.exit("The two sides show different numbers: the figures would mean nothing.")
    rows = [
        (
            form,
            milliseconds(spent[form, "ours"]),
            milliseconds(spent[form, "theirs"]),
            spread(ratios(spent[form, "theirs"], spent[form, "ours"]), "x"),
        )
        for form in ("text", "openmetrics")
    ]
    size = f"{lines} lines: {counters} counters, {histograms} histograms; {ROUNDS} rounds"
    return "\n\n".join(
        [
            f"{size}, CPU in ms. The first text, which writes the labels: {first * 1e3:.0f} ms.",
            table(("", "ours", "prometheus_client", "ratio"), rows),
            table(("gzip", "CPU, ms", "beside level 1", "kB", "beside level 1"), levels(body)),
            f"Two snapshots that are alive at once take {kept_alive(ours.registry):.0f} KiB.",
        ]
    )


def levels(body: bytes) -> list[tuple[str, ...]]:
    """What zlib's levels take, and leave."""
    spent: dict[int, list[float]] = {level: [] for level in LEVELS}
    sizes = {}
    for _ in range(ROUNDS):
        for level in LEVELS:
            seconds, packed = cpu(lambda level=level: zlib.compress(body, level))  # type: ignore[misc]  # bound here
            spent[level].append(seconds)
            sizes[level] = len(packed)
    return [
        (
            f"level {level}{' (used)' if level == GZIP_LEVEL else ''}",
            milliseconds(spent[level]),
            spread(ratios(spent[level], spent[LEVELS[0]]), "x"),
            f"{sizes[level] / 1000:.0f} of {len(body) / 1000:.0f}",
            f"{sizes[level] / sizes[LEVELS[0]]:.2f}x",
        )
        for level in LEVELS
    ]


def kept_alive(registry: Registry) -> float:
    """KiB of two snapshots that are alive at once: one being written, one being taken."""
    tracemalloc.start()
    alive = [registry.snapshot(0.0, final=True) for _ in range(2)]
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del alive
    return taken / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lines", nargs="*", type=int, default=LINES)
    parser.add_argument(
        "--write", action="store_true", help="put the figures into docs/performance.md"
    )
    asked = parser.parse_args()
    disable_created_metrics()  # type: ignore[no-untyped-call]  # theirs
    versions = [f"{name} {version(name)}" for name in ("prometheus_client", "aiohttp")]
    parts = [heading("./run bench exposition", *versions, f"zlib {zlib.ZLIB_RUNTIME_VERSION}")]
    parts += [beside(lines) for lines in asked.lines]
    parts += [scrapes(1, lines) for lines in asked.lines]
    parts.append(scrapes(MANY, asked.lines[-1] // MANY))
    text = "\n\n".join(parts)
    print(text)
    if asked.write:
        write("exposition", text)


if __name__ == "__main__":
    main()
