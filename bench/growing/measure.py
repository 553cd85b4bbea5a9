"""A running process as a bench sees it: its CPU to the nanosecond, and its page."""

from __future__ import annotations

import gzip
import http.client
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

# What Prometheus sends: our page has two forms and is packed for whoever takes that.
ASKED = {
    "Accept": "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3",
    "Accept-Encoding": "gzip",
}
_SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \S+)?$")


def cpu_seconds(pid: int) -> float:
    """The CPU that a process has used, with all of its threads, to the nanosecond.

    It is what the kernel sums in /proc/PID/stat, read by the clock that every process has
    (clock_getcpuclockid(3)): the ticks there are of 10 ms, more than an idle process uses.
    """
    return time.clock_gettime((~pid << 3) | 2)


def group_seconds(pids: Iterable[int]) -> dict[int, float]:
    """The same of several, without those that have just ended."""
    found = {}
    for pid in pids:
        try:
            found[pid] = cpu_seconds(pid)
        except OSError:
            continue
    return found


def spent(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """What several processes used between two looks; one that is new began at nothing."""
    return sum(now - before.get(pid, 0.0) for pid, now in after.items())


@dataclass
class Page:
    """An HTTP page of a process, over one connection, as Prometheus asks for it."""

    port: int
    times: list[float] = field(default_factory=list)
    size: int = 0  # of the newest answer, as it came
    _connection: http.client.HTTPConnection | None = None

    def get(self, path: str = "/metrics") -> str:
        """The text. Raises OSError."""
        began = time.perf_counter()
        try:
            raw, packed = self._ask(path)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise OSError(str(error)) from error
        self.times.append(time.perf_counter() - began)
        self.size = len(raw)
        return (gzip.decompress(raw) if packed else raw).decode()

    def _ask(self, path: str) -> tuple[bytes, bool]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        self._connection.request("GET", path, headers=ASKED)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise OSError(f"{path}: {answer.status}")
        return body, answer.getheader("Content-Encoding") == "gzip"

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def total(text: str, name: str, *labels: str) -> float:
    """The sum of a metric's samples that carry these labels, each written as NAME="VALUE"."""
    found = 0.0
    for line in text.splitlines():
        if line.startswith(name) and (sample := _SAMPLE.match(line)) and sample[1] == name:
            given = sample[2] or ""
            if all(label in given for label in labels):
                found += float(sample[3])
    return found


def series(text: str) -> int:
    """How many samples a page has."""
    return sum(1 for line in text.splitlines() if line and not line.startswith("#"))
