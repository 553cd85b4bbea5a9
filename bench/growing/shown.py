"""The curve of series: what a scrape costs, and a line, where so many are shown."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

from growing.effort import Effort
from growing.feed import Feed
from growing.findings import Curve, Measure
from growing.logs import APPS, NOON, Fed, app
from growing.measure import series as samples
from growing.side import APART, Side, sidewatch

PROFILE = """\
profile: bench
about: many series
metrics:
  bench_things_total: {type: counter, help: Things., labels: [thing]}
limits: {bench_things_total: 200000}
logs:
  rules:
    - message: Thing
      count: {bench_things_total: {thing: thing}}
"""
BORN = 33.0  # seconds after which a new series is shown with its value


def series(effort: Effort, folder: Path) -> Curve:
    """Counters by one label, each moved by a line of its own."""
    same = Measure("a scrape, nothing moved", "ms CPU", plotted=True)
    one = Measure("a scrape, one moved", "ms CPU", plotted=True)
    every = Measure("a scrape, all moved", "ms CPU", plotted=True)
    line, memory = Measure("a line", "us CPU"), Measure("memory", "MiB")
    late, size = Measure("answered in", "ms"), Measure("packed", "kB")
    curve = Curve("series", "series", (same, one, every, late, size, line, memory))
    profile = folder / "bench.yaml"
    profile.write_text(PROFILE)
    with ExitStack() as stack:
        fed = {}
        for number in effort.of((100, 1_000, 10_000, 100_000), (100, 1_000, 10_000)):
            log = folder / f"{number}.log"
            log.touch()
            config = APPS + app("bench", profile, str(log))
            side = stack.enter_context(sidewatch(folder / f"series{number}", config))
            fed[number] = Fed(side, Feed(_lines(number), [log]))
        for number, each in fed.items():
            each.side.ready()
            each.burst(number)
        time.sleep(0.0 if effort.quick else BORN)
        for each in fed.values():  # the first one writes the labels of all
            each.side.fresh()
        for _ in range(effort.rounds):
            for number, each in fed.items():
                curve.add(number, line, each.burst(max(number, 5_000)))
                curve.add(number, every, _moved(each, max(number, 100)))
                curve.add(number, late, each.side.page.times[-1] * 1e3)
                curve.add(number, one, _moved(each, 1))
                curve.add(number, same, _moved(each, 0))
                curve.add(number, size, each.side.page.size / 1e3)
                curve.add(number, memory, each.side.memory())
        shown = {number: samples(each.side.page.get()) for number, each in fed.items()}
    curve.notes.append(
        "all series of a page, sidewatch's own included: "
        + ", ".join(f"{count:,}" for count in shown.values())
    )
    return curve


def _lines(number: int) -> list[bytes]:
    return [
        f'{{"level":30,"time":{NOON + n},"msg":"Thing","thing":"thing-{n:06}"}}\n'.encode()
        for n in range(number)
    ]


def _moved(fed: Fed, lines: int) -> float:
    """The milliseconds of CPU of a scrape that finds so many lines counted since the last."""
    if lines:
        fed.feed.burst(lines)
    time.sleep(APART)
    return _scraped(fed.side)


def _scraped(side: Side) -> float:
    before = side.settled()
    side.page.get()
    return (side.settled() - before) * 1e3
