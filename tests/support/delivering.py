"""The proof of delivery: numbered lines, a sidewatch and a receiver that are killed, all processes.

Every number must arrive. What arrives more than once is counted by phase: with kills, a little is
sent again each time; without them next to nothing may be.
"""

from __future__ import annotations

import gzip
import http.client
import signal
import sys
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.support.process import Running, start
from tests.support.waiting import free_port, wait_for
from tests.support.web import get

ROOT = Path(__file__).parents[2]
CONFIG = """\
listen: 127.0.0.1:{port}
state: ./state
{forward}apps:
  - name: shop
    profile: pullapprove
    logs:
      - {{files: ["{folder}/*.log"], from: beginning, poll: 200ms}}
"""
FORWARD = """\
forward:
  central:
    endpoint: "http://127.0.0.1:{port}"
    timeout: 2s
    window: 1MiB
    batch: {{delay: 200ms}}
"""
LINES = (
    "2026-11-21T12:00:00.{ms:03d}Z INFO app: a line of text, number {n}\n",
    '{{"time": "2026-11-21T12:00:00.{ms:03d}Z", "level": "info", "message": "json number {n}"}}\n',
    'timestamp=2026-11-21T12:00:00.{ms:03d}Z level=info msg="key value number {n}"\n',
)


@dataclass
class Proof:
    """`written` numbers are in the logs; `kills` counts those of either side."""

    folder: Path
    seed: int
    forwarding: bool = True
    written: int = 0
    rotations: int = 0
    kills: int = 0
    doubles: dict[str, int] = field(default_factory=dict)
    received: dict[str, int] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = Random(self.seed)
        self.logs = self.folder / "logs"
        self.logs.mkdir(parents=True)
        self.kept, self.mode = self.folder / "kept", self.folder / "mode"
        for form in range(len(LINES)):
            (self.logs / f"web{form}.log").touch()  # so that their series are born at zero
        self.kept.touch()
        self.mode.touch()
        self.port, self.receiving = free_port(), free_port()
        forward = FORWARD.format(port=self.receiving) if self.forwarding else ""
        config = CONFIG.format(port=self.port, folder=self.logs, forward=forward)
        (self.folder / "sidewatch.yaml").write_text(config)
        self.sidewatch: Running | None = None
        self.receiver: Running | None = None
        self._counted, self._tallied = 0, (0, 0)
        self._seen: set[int] = set()

    @contextmanager
    def running(self, *, receiving: bool = True) -> Iterator[None]:
        """Both at work; or nobody listens where records are sent to."""
        self.watch()
        if receiving:
            self.receive()
        try:
            yield
        except BaseException as error:
            error.add_note(f"{self!r}\n{(self.folder / 'sidewatch.out').read_text()[-3000:]}")
            raise
        finally:
            for child in (self.sidewatch, self.receiver):
                if child is not None:
                    child.stop()

    # -- the two sides ----------------------------------------------------------------------

    def watch(self) -> None:
        """Start sidewatch."""
        command = [sys.executable, "-m", "exporter", "run", "--config", "sidewatch.yaml"]
        env = {"PYTHONPATH": str(ROOT)}
        self.sidewatch = start(command, self.folder / "sidewatch.out", cwd=self.folder, env=env)

    def receive(self) -> None:
        """Start the receiver."""
        command = [sys.executable, "-m", "tests.support.collecting", self.receiving]
        words = [str(one) for one in (*command, self.kept, self.mode)]
        self.receiver = start(words, self.folder / "receiver.out", cwd=ROOT)

    def kill(self, which: str) -> None:
        """SIGKILL to `sidewatch` or `receiver`, and start it again."""
        child = self.sidewatch if which == "sidewatch" else self.receiver
        if child is not None:
            child.process.send_signal(signal.SIGKILL)
            child.process.wait()
        self.kills += 1
        if which == "sidewatch":
            self.watch()
        else:
            self.receive()

    # -- the logs -----------------------------------------------------------------------------

    def write(self, count: int) -> None:
        """So many numbered lines more, in three formats, to three logs."""
        for form, line in enumerate(LINES):
            numbers = range(self.written + form, self.written + count, len(LINES))
            text = "".join(line.format(n=number, ms=number % 1000) for number in numbers)
            with (self.logs / f"web{form}.log").open("a") as file:
                file.write(text)
        self.written += count

    def rotate(self) -> None:
        """Rename a log, or empty it after a copy, and now and then compress an older one."""
        live = self.logs / f"web{self.dice.randrange(len(LINES))}.log"
        if not live.exists():
            return
        self.rotations += 1
        older = live.with_name(f"{live.name}.{self.rotations}")
        live.rename(older)
        live.touch()
        plain = [one for one in self.logs.glob("*.log.*") if one.suffix != ".gz" and one != older]
        if plain and self.dice.random() < 0.3:
            packed = plain[0].with_name(plain[0].name + ".gz")
            packed.write_bytes(gzip.compress(plain[0].read_bytes(), 1))
            plain[0].unlink()

    # -- what has arrived -----------------------------------------------------------------------

    def settle(self, phase: str, within: float) -> None:
        """Wait until every number that was written has arrived, and count what came twice."""
        wait_for(self._arrived, f"{self.written} numbers", within=within, every=0.2)
        time.sleep(1.0)  # what may still come twice comes soon
        self.tally(phase)

    def tally(self, phase: str) -> None:
        """Count what came since the last time."""
        self._arrived()
        came, new = self._counted - self._tallied[0], len(self._seen) - self._tallied[1]
        self._tallied = self._counted, len(self._seen)
        self.received[phase] = self.received.get(phase, 0) + came
        self.doubles[phase] = self.doubles.get(phase, 0) + came - new

    def missing(self) -> list[int]:
        """Numbers that have not arrived."""
        self._arrived()
        return sorted(set(range(self.written)) - self._seen)

    def _arrived(self) -> bool:
        with self.kept.open("rb") as file:
            file.seek(4 * self._counted)
            data = file.read()
        fresh = array("I", data[: len(data) // 4 * 4])
        self._counted += len(fresh)
        self._seen.update(fresh)
        return len(self._seen) >= self.written

    def breathe(self, within: float) -> None:
        """Let things happen: until something arrives, and for a moment more, but no longer."""
        before, deadline = self._counted, time.monotonic() + within
        while self._counted == before and time.monotonic() < deadline:
            time.sleep(0.1)
            self._arrived()
        time.sleep(self.dice.uniform(0.0, 0.5))

    def table(self) -> str:
        """What arrived in each phase, and what of it came before."""
        rows = [f"{'phase':<12}{'arrived':>10}{'doubles':>10}"]
        rows += [
            f"{name:<12}{came:>10}{self.doubles[name]:>10}" for name, came in self.received.items()
        ]
        total, doubles = sum(self.received.values()), sum(self.doubles.values())
        rows.append(f"{'all':<12}{total:>10}{doubles:>10}")
        rows.append(f"{self.kills} kills, {self.rotations} rotations, {self.written} numbers")
        return "\n".join(rows)

    # -- /metrics -------------------------------------------------------------------------------

    def scrape(self) -> dict[str, float]:
        """The samples by name and labels; how long it took is kept."""
        began = time.perf_counter()
        text = get(f"http://127.0.0.1:{self.port}/metrics").decode()
        self.latencies.append(time.perf_counter() - began)
        rows = (line.rpartition(" ") for line in text.splitlines() if line[:1] != "#")
        return {name: float(value) for name, _, value in rows}

    def up(self) -> bool:
        """Whether sidewatch answers."""
        try:
            return bool(self.scrape())
        except (OSError, http.client.HTTPException):
            return False
