"""The harness of kills: a writer, a sidewatch that is killed over and over, and two scrapers.

What the counters must show in the end is counted by the writer. What they may show on the way is
watched by the scrapers: whatever has been shown is never less in a later answer.
"""

from __future__ import annotations

import http.client
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Event, Thread

from prometheus_client.parser import text_string_to_metric_families

from tests.support.process import Running, start
from tests.support.rotating import Rotator
from tests.support.trap import POINTS
from tests.support.waiting import free_port
from tests.support.web import get
from tests.support.writing import Envelope, Form, Key, Log, Truth

ROOT = Path(__file__).parents[2]
ROTATION = "mid-rotation"
RANDOM = "anywhere"
SPREAD = (*POINTS, ROTATION, RANDOM)

CONFIG = """\
state: ./state
apps:
{apps}"""
APP = """\
  - name: {app}
    profile: pullapprove
    logs:
"""
LOG = """\
      - {{files: ["{path}"], service: {service}, from: beginning}}
"""
# One application with bare files, one with those of containers: two shards, two states.
LOGS: tuple[tuple[str, str, Form, Envelope], ...] = (
    ("shop", "web", "keyvalue", "file"),
    ("shop", "jobs", "json", "file"),
    ("blog", "docker", "keyvalue", "docker"),
    ("blog", "pod", "json", "cri"),
)
JUDGED = (
    "watched_log_lines_total",
    "watched_log_records_total",
    "watched_log_unparsed_total",
    "watched_exceptions_total",
    "watched_events_total",
    "watched_jobs_started_total",
    "watched_job_duration_seconds_bucket",
    "watched_job_duration_seconds_count",
    "watched_job_duration_seconds_sum",
    "watched_job_wait_seconds_bucket",
    "watched_job_wait_seconds_count",
    "watched_job_wait_seconds_sum",
    "sidewatch_log_lost_bytes_total",
)
GROWING = ("_total", "_count", "_bucket", "_sum")
TRAP_SECONDS = 8.0  # a trap that nothing has stepped into by then becomes a kill from outside


class VainError(AssertionError):
    """What was waited for never came: lines are not counted."""


@dataclass
class Scraper(Thread):
    """Asks for /metrics all along, and notes what was less than it had been."""

    url: str
    every: float
    decreases: list[str] = field(default_factory=list)
    answers: int = 0
    degraded: int = 0
    _highest: dict[str, float] = field(default_factory=dict)
    _done: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = Thread.__hash__  # threads are kept in a set

    def run(self) -> None:
        while not self._done.wait(self.every):
            body = scraped(self.url)
            if body is not None:
                self._hold(body.decode())
                self.answers += 1

    def end(self) -> None:
        self._done.set()
        self.join()

    def _hold(self, text: str) -> None:
        for line in text.splitlines():
            series, _, number = line.rpartition(" ")
            if not series.partition("{")[0].endswith(GROWING) or line.startswith("#"):
                self.degraded += line == "sidewatch_state_degraded 1"
                continue
            value, before = float(number), self._highest.get(series, 0.0)
            if value < before:
                self.decreases.append(f"answer {self.answers}: {series} {before:g} -> {value:g}")
            self._highest[series] = value


def scraped(url: str) -> bytes | None:
    """A whole answer; None where there was none, or the server died on the way."""
    try:
        return get(url)
    except (OSError, http.client.HTTPException):
        return None


class Harness:
    """Everything in `folder`; `bug` is one of `trap.BUGS`."""

    def __init__(self, folder: Path, seed: int, bug: str | None = None) -> None:
        self.hits: Counter[str] = Counter()
        self.rotations: Counter[str] = Counter()
        self._folder = folder
        self._dice = Random(seed)
        self._bug = bug
        self._truths = {app: Truth(app) for app, *_ in LOGS}
        self.logs = [
            Log(service, folder / f"{service}.log", form, envelope, self._truths[app], Random(seed))
            for app, service, form, envelope in LOGS
        ]
        self._rotator = Rotator(self._dice, self._between_steps, self._wait_until_passed)
        self._address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{self._address}/metrics"
        self._plan: list[str] = []
        self._armed = RANDOM
        self._due = 0.0
        self._child: Running | None = None
        self.scrapers = [Scraper(self.url, 0.05), Scraper(self.url, 0.09)]

    # -- the run ----------------------------------------------------------------------------

    @contextmanager
    def watched(self) -> Iterator[Harness]:
        """With sidewatch and the scrapers at work."""
        self._configure()
        for log in self.logs:
            log.write()
        self._start()
        for scraper in self.scrapers:
            scraper.start()
        try:
            yield self
        finally:
            for scraper in self.scrapers:
                scraper.end()
            if self._child is not None:
                self._child.process.kill()
                self._child.process.wait()
            for log in self.logs:
                log.reopen()

    def kill(self, points: Iterable[str]) -> None:
        """Write and rotate, and kill at each of these points, in their order."""
        self._plan = list(points)
        self._restart()
        while self._armed:
            self._step()
        for log in self.logs:
            log.complete()

    def differences(self) -> list[str]:
        """Where what is shown now is not the truth."""
        body = scraped(self.url)
        if body is None:
            return ["no answer"]
        shown = {key: value for key, value in _samples(body.decode()).items() if value}
        true: dict[Key, float] = {}
        for truth in self._truths.values():
            true.update({key: value for key, value in truth.samples.items() if value})
        return [
            f"{name}{dict(labels)}: shown {shown.get((name, labels), 0):g}, true {value:g}"
            for name, labels in sorted(shown.keys() | true.keys(), key=str)
            if (value := true.get((name, labels), 0)) != shown.get((name, labels), 0)
        ]

    def settled(self, *, within: float = 20.0) -> list[str]:
        """The differences that are left when it has caught up, or had so much time to."""
        self._wait(lambda: scraped(self.url) is not None, "an answer")
        deadline = time.monotonic() + within
        while (wrong := self.differences()) and time.monotonic() < deadline:
            self._tend()
            time.sleep(0.1)
        return wrong

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self._child is not None
        self._armed = ""
        return self._child.stop()

    def go_on(self) -> None:
        """Start again, without a trap."""
        self._armed = ""
        self._start()

    def lines(self) -> int:
        """How many lines were written."""
        return int(sum(log.truth.lines(log.service) for log in self.logs))

    def output(self) -> str:
        return (self._folder / "sidewatch.out").read_text(errors="replace")

    def table(self) -> str:
        """How often each point was hit."""
        width = max(map(len, SPREAD))
        rotations = ", ".join(f"{way} {count}" for way, count in sorted(self.rotations.items()))
        answers = sum(scraper.answers for scraper in self.scrapers)
        rows = [f"{point:{width}}  {self.hits[point]:4}" for point in SPREAD]
        rows.append(f"{'kills':{width}}  {self.hits.total():4}")
        rows.append(f"{self.lines()} lines; rotations: {rotations}; {answers} answers")
        return "\n".join(rows)

    def _step(self) -> None:
        """Write a little, now and then rotate, and look after the child."""
        log = self._dice.choice(self.logs)
        if self._dice.random() < 0.01 or self._rotation_wanted():
            self.rotations[self._rotator.rotate(log)] += 1
        else:
            log.write(self._dice.choice([1, 1, 3, 20]))
        self._tend()
        time.sleep(0.004)

    # -- the child --------------------------------------------------------------------------

    def _tend(self) -> None:
        """Kill it where its time has come; start it again where it is dead."""
        assert self._child is not None
        code = self._child.process.poll()
        if code is None:
            if self._armed in (RANDOM, *POINTS) and time.monotonic() >= self._due:
                self._kill(RANDOM)
            return
        assert code == -signal.SIGKILL, f"ended with {code}:\n{self.output()[-4000:]}"
        assert self._armed in POINTS, f"killed by somebody else, armed for {self._armed!r}"
        self._after(self._armed)

    def _kill(self, point: str) -> None:
        assert self._child is not None
        self._child.process.kill()
        self._child.process.wait()
        self._after(point)

    def _after(self, point: str) -> None:
        self.hits[point] += 1
        self._restart()

    def _restart(self) -> None:
        """Start it with the next trap of the plan."""
        if self._child is not None and self._child.process.poll() is None:
            self._child.process.kill()
            self._child.process.wait()
        self._armed = self._plan.pop(0) if self._plan else ""
        trap = {}
        self._due = time.monotonic() + TRAP_SECONDS
        if self._armed in POINTS:
            most = 40 if "feed" in self._armed else 6
            trap = {"TRAP": f"{self._armed}:{self._dice.randint(1, most)}"}
        elif self._armed:
            self._due = time.monotonic() + self._dice.uniform(0.05, 1.6)
        self._start(trap)

    def _start(self, trap: dict[str, str] | None = None) -> None:
        planted = {"BUG": self._bug} if self._bug else {}
        config = self._folder / "sidewatch.yaml"
        self._child = start(
            [sys.executable, "-m", "tests.support.trap", "run", "--config", config],
            self._folder / "sidewatch.out",
            cwd=ROOT,
            env={"SIDEWATCH_LISTEN": self._address, **planted, **(trap or {})},
        )

    # -- amid a rotation --------------------------------------------------------------------

    def _rotation_wanted(self) -> bool:
        return self._armed == ROTATION and time.monotonic() >= self._due

    def _between_steps(self) -> None:
        """Between two steps of a rotation: kill; it may go on before or after the next start."""
        if not self._rotation_wanted() or self._dice.random() < 0.5:
            self._tend()
            return
        self._kill(ROTATION)
        if self._dice.random() < 0.5:
            self._wait(lambda: scraped(self.url) is not None, "the next start")

    def _wait_until_passed(self, log: Log) -> None:
        """Until what is shown, which is saved, has all lines of this log."""

        def passed() -> bool:
            body = scraped(self.url)
            return body is not None and _lines(body.decode(), log) >= log.truth.lines(log.service)

        self._wait(passed, f"{log.path.name} to be counted")

    def _wait(self, ask: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 60
        while not ask():
            self._tend()
            if time.monotonic() >= deadline:
                assert scraped(self.url) is not None, self.output()[-4000:]
                raise VainError(f"waited in vain for {what}: {self.differences()[:5]}")
            time.sleep(0.02)

    def _configure(self) -> None:
        apps = ""
        for app in self._truths:
            apps += APP.format(app=app)
            apps += "".join(
                LOG.format(path=log.path, service=log.service)
                for log in self.logs
                if log.truth.app == app
            )
        (self._folder / "sidewatch.yaml").write_text(CONFIG.format(apps=apps))


def _samples(text: str) -> dict[Key, float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for metric in text_string_to_metric_families(text)
        for sample in metric.samples
        if sample.name in JUDGED
    }


def _lines(text: str, log: Log) -> float:
    ours = f'service="{log.service}"'
    return sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("watched_log_lines_total{") and ours in line
    )


def spread(each: int, rest: int, seed: int) -> list[str]:
    """A plan: each named point so often, and so many kills anywhere, in any order."""
    plan = [point for point in (*POINTS, ROTATION) for _ in range(each)] + [RANDOM] * rest
    Random(seed).shuffle(plan)
    return plan
