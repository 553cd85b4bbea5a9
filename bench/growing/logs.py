"""Curves of log lines: how many, in how many files, for how many rules and applications."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from growing.effort import Effort
from growing.feed import BENCH, Feed, generated
from growing.findings import Curve, Measure
from growing.side import Side, sidewatch

RATES = (500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
REST = 12.0  # seconds: past the first looks at the files, and the first save
SAMPLE = 50_000  # lines of the generator, taken again and again
NOON = 1_795_262_400_000  # of a day, in milliseconds since 1970
APPS = """\
state: ./state
apps:
"""
APP = """\
  - name: {name}
    profile: {profile}
    logs:
      - {{files: ["{files}"], service: web, from: beginning}}
"""


def app(name: str, profile: Path, files: str) -> str:
    return APP.format(name=name, profile=profile, files=files)


@dataclass
class Fed:
    """A sidewatch and what it reads."""

    side: Side
    feed: Feed

    def cost(self, rate: float, seconds: float) -> tuple[float, float]:
        """At so many lines a second: percent of a core, microseconds of CPU a line."""
        before, began = self.side.cpu(), time.perf_counter()
        lines = self.feed.at(rate, seconds)
        took = time.perf_counter() - began
        used = self.counted(before) - before
        return used / took * 100, used / lines * 1e6

    def burst(self, lines: int) -> float:
        """The microseconds of CPU of each of so many lines that are there at once."""
        before = self.side.cpu()
        self.feed.burst(lines)
        return (self.counted(before) - before) / lines * 1e6

    def counted(self, since: float) -> float:
        """The CPU that it has used once all is read that came since; commonly without a scrape."""
        while True:
            used = self.side.settled(since)
            if not self.side.behind():
                return used

    def whole(self, effort: Effort) -> None:
        """Hold that every line was counted, once."""
        if not effort.quick:
            self.side.counted(self.feed.sent)


# -- lines a second ----------------------------------------------------------------------------


def lines(effort: Effort, folder: Path) -> Curve:
    """Key-value and JSON lines of bench/gen.py in one file, each with the rules of the bench."""
    curve = Curve("lines", "lines a second", ())
    rates = effort.of(RATES, (1_000, 10_000, 100_000))
    measures = []
    with ExitStack() as stack:
        kinds = {}
        for kind, name in (("kv", "key-value"), ("json", "JSON")):
            log = folder / f"{kind}.log"
            log.touch()
            config = APPS + app("bench", BENCH / f"{kind}.yaml", str(log))
            side = stack.enter_context(sidewatch(folder / kind, config))
            fed = Fed(side, Feed(generated(kind, folder, SAMPLE), [log]))
            share, each = Measure(name, "% of a core", plotted=True), Measure(name, "us CPU a line")
            kinds[kind] = fed, share, each
            measures += [share, each]
        curve.measures = measures
        for fed, _, _ in kinds.values():
            fed.side.ready()
            fed.burst(SAMPLE)
        for _ in range(effort.rounds):
            for rate in rates:
                for fed, share, each in kinds.values():
                    percent, microseconds = fed.cost(rate, effort.seconds(2.0))
                    curve.add(rate, share, percent)
                    curve.add(rate, each, microseconds)
        for fed, _, _ in kinds.values():
            fed.whole(effort)
    return curve


# -- files -------------------------------------------------------------------------------------


def files(effort: Effort, folder: Path) -> Curve:
    """Empty files that are watched, and two thousand lines a second spread over them."""
    idle = Measure("left alone", "% of a core", plotted=True)
    busy = Measure("2,000 lines/s over all", "% of a core", plotted=True)
    memory, scrape = Measure("memory", "MiB"), Measure("a scrape", "ms")
    curve = Curve("files", "files", (idle, busy, memory, scrape))
    sample = generated("kv", folder, SAMPLE)
    with ExitStack() as stack:
        watched = {}
        for number in effort.of((1, 10, 100, 1_000, 3_000), (1, 10, 100, 1_000)):
            home = folder / f"logs{number}"
            home.mkdir()
            logs = [home / f"web{each}.log" for each in range(number)]
            for log in logs:
                log.touch()
            config = APPS + app("bench", BENCH / "kv.yaml", f"{home}/*.log")
            side = stack.enter_context(sidewatch(folder / f"files{number}", config))
            watched[number] = Fed(side, Feed(sample, logs))
        for number, fed in watched.items():
            fed.side.ready()
            before = fed.side.cpu()
            fed.feed.spread(number)  # so that each was read once
            fed.counted(before)
        _leave_alone(curve, idle, {number: fed.side for number, fed in watched.items()}, effort)
        for _ in range(effort.rounds):
            for number, fed in watched.items():
                curve.add(number, busy, fed.cost(2_000, effort.seconds(2.0))[0])
                curve.add(number, memory, fed.side.memory())
                curve.add(number, scrape, fed.side.scrape())
        for fed in watched.values():
            fed.whole(effort)
    return curve


def _leave_alone(curve: Curve, idle: Measure, sides: Mapping[int, Side], effort: Effort) -> None:
    """What each uses while nobody does anything, all at the same time."""
    time.sleep(REST)
    for _ in range(effort.rounds):
        before, began = {number: side.cpu() for number, side in sides.items()}, time.perf_counter()
        time.sleep(effort.seconds(10.0))
        took = time.perf_counter() - began
        for number, side in sides.items():
            curve.add(number, idle, (side.cpu() - before[number]) / took * 100)


# -- rules -------------------------------------------------------------------------------------

PROFILE = """\
profile: bench
about: many rules of one kind
metrics:
  bench_seen_total: {type: counter, help: Seen., labels: [rule]}
limits: {bench_seen_total: 5000}
logs:
  rules:
"""


@dataclass(frozen=True)
class Kind:
    """A kind of rules: the condition of the rule `i`, and a message that meets it."""

    measure: Measure
    condition: str
    message: str


KINDS = (
    Kind(
        Measure("a message", "us CPU a line", plotted=True),
        'message: "Batch {i} done"',
        "Batch {i} done",
    ),
    Kind(
        Measure("a template", "us CPU a line", plotted=True),
        'message: "{letter}{i} batch {{batch}} took {{took:number}} ms"',
        "{letter}{i} batch b{n} took {n} ms",
    ),
    Kind(
        Measure("a template that begins with a gap", "us CPU a line", plotted=True),
        'message: "{{batch}} of kind{i} took {{took:number}} ms"',
        "b{n} of kind{i} took {n} ms",
    ),
    Kind(
        Measure("a condition alone", "us CPU a line", plotted=True),
        'where: {{code: "{i}"}}',
        "Batch b{n} done",
    ),
)


def rules(effort: Effort, folder: Path) -> Curve:
    """JSON lines each of which meets one of the rules, all of which count in one metric.

    Each kind and number of rules is an application of one sidewatch.
    """
    curve = Curve("rules", "rules", [kind.measure for kind in KINDS])
    numbers = (1, 10, 100, 1_000)
    ruled = {
        (number, kind): _ruled(kind, number, folder / f"rules{number}-{at}")
        for number in numbers
        for at, kind in enumerate(KINDS)
    }
    config = APPS + "".join(config for config, _ in ruled.values())
    with sidewatch(folder / "run", config) as side:
        side.ready()
        for feed in (feed for _, feed in ruled.values()):
            feed.burst(1_000)
        side.settled()
        for _ in range(effort.rounds):
            for (number, kind), (_, feed) in ruled.items():
                curve.add(number, kind.measure, _burst(side, feed, 50_000))
        if not effort.quick:
            side.counted(sum(feed.sent for _, feed in ruled.values()))
    return curve


def _burst(side: Side, feed: Feed, lines: int) -> float:
    before = side.settled()
    feed.burst(lines)
    return (side.settled(since=before) - before) / lines * 1e6


def _ruled(kind: Kind, number: int, home: Path) -> tuple[str, Feed]:
    """An application with so many rules of this kind, and lines that meet each as often."""
    home.mkdir()
    count = "count: {bench_seen_total: {rule: {value: 'rule%d'}}}"
    profile = home / "bench.yaml"
    with profile.open("w") as out:
        out.write(PROFILE)
        for i in range(number):
            condition = kind.condition.format(i=i, letter=_letter(i))
            out.write(f"    - {condition}\n      {count % i}\n")
    log = home / "web.log"
    log.touch()
    lines = []
    for n in range(max(5_000, 3 * number)):
        i = n * 7_919 % number
        message = kind.message.format(i=i, n=n, letter=_letter(i))
        lines.append(f'{{"level":30,"time":{NOON + n},"msg":"{message}","code":"{i}"}}\n'.encode())
    return app(home.name, profile, str(log)), Feed(lines, [log])


def _letter(number: int) -> str:
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[number % 26]


# -- cores -------------------------------------------------------------------------------------


def cores(effort: Effort, folder: Path) -> Curve:
    """As many applications, each with a file of as many key-value lines that is there at once."""
    speed = Measure("all of them", "thousand lines a second", plotted=True)
    used = Measure("cores used", "")
    curve = Curve("cores", "applications", (speed, used))
    sample = generated("kv", folder, SAMPLE)
    copies = 2 if effort.quick else 20  # fewer are over before a look at the CPU can tell
    ready = folder / "ready.log"
    with ready.open("wb") as out:
        out.writelines(b"".join(sample) for _ in range(copies))
    with ExitStack() as stack:
        sides = {}
        for number in (1, 2, 4):
            home = folder / f"cores{number}"
            logs = [folder / f"logs{number}-{each}" for each in range(number)]
            for each in logs:
                each.mkdir()
            apps = [
                app(f"bench{at}", BENCH / "kv.yaml", f"{log}/*.log") for at, log in enumerate(logs)
            ]
            sides[number] = stack.enter_context(sidewatch(home, APPS + "".join(apps))), logs
        for side, _ in sides.values():
            side.ready()
        for turn in range(effort.rounds):
            for number, (side, logs) in sides.items():
                copied = [Path(shutil.copy(ready, log / "next")) for log in logs]
                before, began = side.settled(), time.perf_counter()
                for each in copied:
                    each.rename(each.with_name(f"web{turn}.log"))
                after, end = side.worked(since=before)
                curve.add(number, speed, number * copies * SAMPLE / (end - began) / 1e3)
                curve.add(number, used, (after - before) / (end - began))
        for number, (side, _) in () if effort.quick else sides.items():
            side.counted(effort.rounds * number * copies * SAMPLE)
    return curve
