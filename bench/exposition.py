"""What a scrape costs: our renderer beside prometheus_client's generate_latest, same series.

Run by a person: `./run bench exposition [LINES ...]`. Nine lines of counters to one of histograms;
counters are whole numbers, sums are not, and every number changes between two renders. CPU seconds,
alternated in one run, median and spread. Taking the snapshot is on our account.

Then whole scrapes, over HTTP from a client in another process, and for how long each held up the
event loop that the sources need, too: by the clock of a task that wants to run every 5 ms, and by
the work that the loop itself did between two such ticks.
"""

from __future__ import annotations

import asyncio
import gc
import os
import platform
import random
import statistics
import sys
import tempfile
import time
import tracemalloc
import zlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families

sys.path.insert(0, str(Path(__file__).parent.parent))

from exporter.exposition import Form, compress, render
from exporter.model import REQUEST_BUCKETS, Snapshot
from exporter.registry import Registry
from tests.support.crowd import (
    DURATION,
    FORMS,
    REQUESTS,
    TICK,
    Crowd,
    crowd,
    holding,
    labels,
    shares,
)

ROUNDS = 9
SCRAPES = 5
LINES = (10_000, 100_000)
MANY = 20  # applications that share the lines of the last row


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


def row(name: str, seconds: list[float]) -> float:
    middle = statistics.median(seconds)
    low, high = min(seconds) * 1e3, max(seconds) * 1e3
    print(f"{name:34} {middle * 1e3:9.2f} ms   ({low:.2f} to {high:.2f})")
    return middle


def gzip_levels(body: bytes) -> None:
    first: tuple[float, int] | None = None
    for level in (1, 2, 3, 6, 9):
        spent, size = [], 0
        for _ in range(ROUNDS):
            before = time.process_time()
            size = len(zlib.compress(body, level))
            spent.append(time.process_time() - before)
        middle = row(f"gzip -{level}: {len(body)} -> {size} bytes", spent)
        first = first or (middle, size)
        print(f"{'':34} {middle / first[0]:9.1f} times the time, {size / first[1]:.2f} the size")


def beside(lines: int) -> None:
    """Rendering, beside prometheus_client."""
    counters, histograms = shares(lines)
    ours, theirs = Ours(counters, histograms), Theirs(counters, histograms)
    print(f"\n{lines} lines: {counters} counters, {histograms} histograms; {ROUNDS} rounds")
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
        each = zip(spent[f"prometheus_client, {form}"], spent[f"ours, {form}"], strict=True)
        ratios = [theirs / ours for theirs, ours in each]
        ratio = medians[f"prometheus_client, {form}"] / medians[f"ours, {form}"]
        print(f"{form}: {ratio:.1f} times cheaper ({min(ratios):.1f} to {max(ratios):.1f})")
    gzip_levels(ours.text())
    kept_alive(ours.registry)


def kept_alive(registry: Registry) -> None:
    """What two snapshots take that are alive at once: one being written, one being taken."""
    tracemalloc.start()
    alive = [registry.snapshot(0.0, final=True) for _ in range(2)]
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"{len(alive)} snapshots alive: {taken / 1024:.0f} KiB")


# -- whole scrapes --------------------------------------------------------------------------------


async def whole(apps: int, lines: int) -> None:
    """All that a scrape goes through, in the states that its series may be in."""
    print(f"\n{apps} x {lines} lines, {SCRAPES} scrapes each; every number moves between two")
    print("| what | answered, ms | loop held up, ms by the clock | its own work, ms | body, kB |")
    print("| --- | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        async with crowd(Path(folder), apps, lines) as made:
            async with holding() as held:
                await asyncio.sleep(1.0)
            idle = f"{max(held.waited) * 1e3:.1f} | {max(held.worked) * 1e3:.1f}"
            print(f"| nothing happens | - | {idle} | - |")
            await scrapes(made, "all are born, text, gzip", "text, gzip", 1)
            await scrapes(made, "while they are, text, gzip", "text, gzip", SCRAPES)
            made.clock.advance(31)
            for form in FORMS:
                await scrapes(made, form, form, SCRAPES)
            made.behind(90)
            await scrapes(made, "catching up, text, gzip", "text, gzip", SCRAPES)
            if made.saver.degraded:
                print("A save took too long: the machine is too busy for these figures.")


async def scrapes(made: Crowd, what: str, form: str, count: int) -> None:
    answered, waited, worked, size = [], [], [], 0
    for _ in range(count):
        made.clock.advance(2)
        made.move()
        gc.collect()
        async with holding() as held:
            seconds, size = await made.scrape(FORMS[form])
        answered.append(seconds)
        waited.append(max(held.waited))
        worked.append(max(held.worked))
    cells = " | ".join(spread(each) for each in (answered, waited, worked))
    print(f"| {what} | {cells} | {size / 1000:.0f} |")


def spread(seconds: list[float]) -> str:
    middle, low, high = statistics.median(seconds), min(seconds), max(seconds)
    return f"{middle * 1e3:.1f} ({low * 1e3:.1f}-{high * 1e3:.1f})"


def main() -> None:
    asked = tuple(map(int, sys.argv[1:])) or LINES
    versions = (f"{name} {version(name)}" for name in ("prometheus_client", "aiohttp"))
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {', '.join(versions)}")
    print(f"zlib {zlib.ZLIB_RUNTIME_VERSION}; a tick every {TICK * 1e3:g} ms")
    disable_created_metrics()  # type: ignore[no-untyped-call]  # theirs
    for lines in asked:
        beside(lines)
    for lines in asked:
        asyncio.run(whole(1, lines))
    asyncio.run(whole(MANY, asked[-1] // MANY))


if __name__ == "__main__":
    main()
