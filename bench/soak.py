"""Hours at a rate of lines whose labels change for ever: memory stays, and every line counts.

`./run bench soak [--minutes 60] [--rate 50000] [--write]`. Two logs, key-value and JSON, with plain
lines and tracebacks between, are rotated by renaming, so that the disk stays bounded. A sample
every ten seconds, and a verdict: how memory grew after the warm-up, and whether what was counted is
what was written. `--write` puts samples and verdict into docs/performance.md.

PSS is told, but judged is what the kernel calls anonymous: what the process has written, on its
heap and elsewhere, which is all that can leak. The rest of PSS is its share of files, libraries for
the most part. That moves without any doing of ours: it grows when another process ends that had
the same files, and shrinks when the kernel takes back what nobody has looked at for long.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from report import heading, table, write
from sidecar import Sidecar, series, sidecar, value

from exporter import __version__
from exporter.engine import choice
from tests.support import costs

SAMPLE_SECONDS = 10.0
TICK_SECONDS = 0.02
NEW_EVERY = 50  # lines to a label value that was never seen before
KEPT = 3  # rotated files of each log
LARGEST = 128 << 20  # bytes of a log before it is rotated
FLAT = 0.02  # of the memory, in an hour
APART = 600.0  # seconds between two samples that the page quotes
CATCH_UP_SECONDS = 120.0
CONFIG = """\
state: state
apps:
  - name: shop
    metrics:
      shop_orders_total: {{type: counter, help: Orders., labels: [customer]}}
      shop_delivery_seconds: {{type: histogram, help: Deliveries., labels: [customer]}}
    limits: {{shop_orders_total: 3000, shop_delivery_seconds: 300}}
    rules:
      - {{message: Order taken, count: {{shop_orders_total: {{customer: customer}}}}}}
      - message: delivered
        observe: {{shop_delivery_seconds: {{value: took, labels: {{customer: customer}}}}}}
    logs:
      - {{files: ["{logs}/*.log"], from: beginning}}
"""
TRACEBACK = """\
Traceback (most recent call last):
  File "/srv/shop/orders.py", line 12, in order
    raise KeyError(customer)
KeyError: 'nobody'
"""


@dataclass
class Writer:
    """Writes lines at a rate, in a thread, until it is told to stop."""

    folder: Path
    rate: int
    lines: int = 0
    ordered: int = 0
    delivered: int = 0
    rotations: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        began, logs = (
            time.monotonic(),
            [Log(self.folder / "orders.log"), Log(self.folder / "j.log")],
        )
        while not self.stop.wait(TICK_SECONDS):
            due = int((time.monotonic() - began) * self.rate) - self.lines
            while due > 0 and not self.stop.is_set():
                some = min(due, 5000)
                logs[0].write(self._orders(some // 2))
                logs[1].write(self._deliveries(some - some // 2))
                due -= some
            self.rotations = sum(log.rotations for log in logs)
        for log in logs:
            log.close()

    def _orders(self, count: int) -> bytes:
        """Key-value lines, at times with a traceback after one."""
        first, head = self.ordered, f"INFO {datetime.now(UTC):%Y-%m-%dT%H:%M:%S}Z Order taken"
        rows = [f"{head} customer=c{(first + n) // NEW_EVERY} amount={n}\n" for n in range(count)]
        self.ordered += count
        self.lines += count
        if first % 1000 < count:
            rows.append(f"ERROR An order failed number={first}\n{TRACEBACK}")
            self.lines += 1 + TRACEBACK.count("\n")
        return "".join(rows).encode()

    def _deliveries(self, count: int) -> bytes:
        """JSON lines, at times with a plain one between."""
        first = self.delivered
        rows = [
            f'{{"level":"info","msg":"delivered","customer":"d{(first + n) // NEW_EVERY}",'
            f'"took":0.{n % 1000:03}}}\n'
            for n in range(count)
        ]
        self.delivered += count
        self.lines += count
        if first % 1000 < count:
            rows.append(f"a plain line, number {first}, that nobody understands\n")
            self.lines += 1
        return "".join(rows).encode()


class Log:
    """A file that grows and is renamed when it is large, with a few old ones beside it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab", buffering=0)
        self._size = self.rotations = 0

    def write(self, lines: bytes) -> None:
        self._file.write(lines)
        self._size += len(lines)
        if self._size >= LARGEST:
            self._rotate()

    def close(self) -> None:
        self._file.close()

    def _rotate(self) -> None:
        self.close()
        names = [self._path, *(Path(f"{self._path}.{n}") for n in range(1, KEPT + 1))]
        for older, newer in reversed(list(zip(names[1:], names, strict=False))):
            if newer.exists():
                newer.replace(older)
        self._file, self._size = self._path.open("ab", buffering=0), 0
        self.rotations += 1


@dataclass(frozen=True)
class Sample:
    """What is seen of it at a moment, in seconds since the start."""

    at: float
    written: int
    counted: float
    pss: float
    own: float
    rss: float
    series: int
    cpu: float
    lag_bytes: float
    lag_seconds: float
    dropped: float
    lost: float
    threads: int

    HEAD = (
        "      s      written      counted     PSS     own     RSS  series  CPU %    lag, B"
        "  lag, s    dropped  lost  threads"
    )

    def __str__(self) -> str:
        return (
            f"{self.at:7.0f} {self.written:12} {self.counted:12.0f} {self.pss:7.1f}"
            f" {self.own:7.2f} {self.rss:7.1f} {self.series:7} {self.cpu:6.1f}"
            f" {self.lag_bytes:9.0f} {self.lag_seconds:7.1f} {self.dropped:10.0f}"
            f" {self.lost:5.0f} {self.threads:8}"
        )


def sample(one: Sidecar, writer: Writer, began: float, before: tuple[float, float]) -> Sample:
    """`before` are the time and the CPU of the sample before, in seconds."""
    written, text, now = writer.lines, one.page(), time.monotonic()
    found = costs.memory(one.pid)
    return Sample(
        now - began,
        written,
        value(text, "watched_log_lines_total"),
        found["Pss"],
        found["Anonymous"],
        found["Rss"],
        series(text),
        100 * (one.cpu() - before[1]) / max(0.001, now - before[0]),
        value(text, "sidewatch_source_lag_bytes"),
        value(text, "sidewatch_source_lag_seconds"),
        value(text, "sidewatch_series_dropped_total"),
        value(text, "sidewatch_log_lost_bytes_total"),
        costs.threads(one.pid),
    )


def watch(one: Sidecar, writer: Writer, seconds: float) -> list[Sample]:
    """A sample every ten seconds."""
    print(Sample.HEAD, flush=True)
    began = then = time.monotonic()
    cpu, samples = one.cpu(), list[Sample]()
    while then - began < seconds:
        time.sleep(max(0.0, then + SAMPLE_SECONDS - time.monotonic()))
        latest = sample(one, writer, began, (then, cpu))
        then, cpu = time.monotonic(), one.cpu()
        print(latest, flush=True)
        samples.append(latest)
    return samples


def counted_all(one: Sidecar, writer: Writer) -> list[str]:
    """What was not counted as it was written, each metric by its own, once it had time to be."""
    wanted = {
        "watched_log_lines_total": writer.lines,
        "shop_orders_total": writer.ordered,
        "shop_delivery_seconds_count": writer.delivered,
    }
    end = time.monotonic() + CATCH_UP_SECONDS
    while True:
        text = one.page()
        counted = {metric: value(text, metric) for metric in wanted}
        if counted == wanted or time.monotonic() > end:
            break
        time.sleep(1.0)
    return [
        f"{metric} is {counted[metric]:,.0f} where {number:,} was written"
        for metric, number in wanted.items()
        if counted[metric] != number
    ]


@dataclass(frozen=True)
class Trend:
    """How a figure goes, in MiB: its middle, its least and most, and its slope in an hour."""

    middle: float
    least: float
    most: float
    hourly: float

    @classmethod
    def of(cls, at: Sequence[float], values: Sequence[float]) -> Trend:
        """`at` are seconds; at least two of them differ."""
        slope = statistics.linear_regression(at, values).slope
        return cls(statistics.median(values), min(values), max(values), 3600 * slope)

    @property
    def flat(self) -> bool:
        return abs(self.hourly) <= FLAT * self.middle

    def __str__(self) -> str:
        return (
            f"median {self.middle:.1f} MiB ({self.least:.1f}-{self.most:.1f}),"
            f" {self.hourly:+.2f} MiB an hour"
        )


def steady(samples: Sequence[Sample]) -> list[Sample]:
    """Those from a sixth of the time on: before, it warms up."""
    return [one for one in samples if one.at >= samples[-1].at / 6]


def trends(samples: Sequence[Sample]) -> tuple[Trend, Trend]:
    """Of what is its own, and of PSS."""
    at = [one.at for one in samples]
    return (
        Trend.of(at, [one.own for one in samples]),
        Trend.of(at, [one.pss for one in samples]),
    )


def sparse(samples: Sequence[Sample]) -> list[Sample]:
    """One each ten minutes, the first of all and the last."""
    apart = [one for _, (one, *_) in itertools.groupby(samples, lambda x: int(x.at // APART))]
    return apart if apart[-1] is samples[-1] else [*apart, samples[-1]]


def told(samples: Sequence[Sample], writer: Writer, wrong: Sequence[str]) -> str:
    """What the page quotes."""
    heads = ("minute", "lines", "series", "PSS, MiB", "own, MiB", "RSS, MiB", "CPU, % of a core")
    rows = [
        (
            f"{one.at / 60:.0f}",
            f"{one.written:,}",
            f"{one.series:,}",
            *(f"{x:.1f}" for x in (one.pss, one.own, one.rss, one.cpu)),
        )
        for one in sparse(samples)
    ]
    settled, last = steady(samples), samples[-1]
    own, pss = trends(settled)
    counted = "; ".join(wrong) or f"each of {writer.lines:,} lines was counted once"
    rate, folded = f"{last.written / last.at:,.0f}", f"{last.dropped:,.0f}"
    return f"""\
{rate} lines a second, {writer.rotations} rotations; {folded} label values became `other`.

{table(heads, rows)}

"own" is what the process has written, on its heap and elsewhere. From minute
{settled[0].at / 60:.0f} on:

- own: {own}; within {FLAT * own.middle:.2f}, it is {"" if own.flat else "NOT "}flat
- PSS: {pss}
- lost: {last.lost:,.0f} bytes; {counted}"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=int, default=50_000, help="lines a second")
    parser.add_argument(
        "--write", action="store_true", help="put the figures into docs/performance.md"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "logs").mkdir()
        with sidecar(folder, CONFIG.format(logs=folder / "logs")) as one:
            command = f"./run bench soak --minutes {given.minutes:g} --rate {given.rate}"
            head = heading(command, f"sidewatch {__version__}", f"{choice.running()} engine")
            print(head, flush=True)
            writer = Writer(folder / "logs", given.rate)
            thread = threading.Thread(target=writer.run)
            thread.start()
            try:
                samples = watch(one, writer, 60 * given.minutes)
            finally:
                writer.stop.set()
                thread.join()
            wrong = counted_all(one, writer)
    text = told(samples, writer, wrong)
    print(f"\n{text}")
    if given.write:
        write("soak", f"{head}\n\n{text}")
    own, _ = trends(steady(samples))
    return 1 if wrong or samples[-1].lost or not own.flat else 0


if __name__ == "__main__":
    sys.exit(main())
