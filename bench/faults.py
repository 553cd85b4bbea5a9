"""Faults of a real server, and what exporters make of them: sidewatch beside its peers.

Run by a person: `./run bench faults [FAULT...]`. Needs Debian's postgresql-15 and pgbouncer; peers
are run where they are installed: Debian's prometheus-postgres-exporter and prometheus-sql-exporter,
and query-exporter of PyPI with psycopg2. All watch the same two tables at the same time, every
second where they have an interval. A fault hits the orders, or everything; the pulse is a number
that goes on in the other table. Where several hosts can be told, both of a pair are.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from harm import FAULTS, Fault, Place
from watchers import PAID, PATIENCE, Watcher, installed, watching

SECONDS = 12.0  # how long a fault lasts
RECOVERY = 40.0
LATE = 4  # pulses, of which there are two a second
HEAD = """\
| fault | exporter | `/metrics`: healthy, ms | during: median, worst, ms | orders | pulse \
| connections: healthy, during, after | all right again after, s |
| --- | --- | --- | --- | --- | --- | --- | --- |"""


@dataclass
class Pulse:
    """Counts on in the table, once every half second while the server lets it."""

    at: Place
    n: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def beat(self) -> None:
        while not self.over.wait(0.5):
            with suppress(AssertionError):
                self.at.sql(f"UPDATE pulse SET n = {self.n + 1}, at = now()")
                self.n += 1


def at_once(watchers: list[Watcher], job: Callable[[Watcher], None]) -> None:
    """Do it for each in a thread of its own, so that one that hangs delays no other."""
    threads = [threading.Thread(target=job, args=(one,)) for one in watchers]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def scrape_for(seconds: float) -> Callable[[Watcher], None]:
    def job(one: Watcher) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            one.page()
            time.sleep(0.25)

    return job


def measure(name: str, folder: Path) -> Iterator[str]:
    """The rows of the table for one fault."""
    fault = FAULTS[name]
    with ExitStack() as stack, ExitStack() as harmed:
        at = stack.enter_context(fault.place(folder))
        pulse = Pulse(at)
        thread = threading.Thread(target=pulse.beat)
        thread.start()
        stack.callback(thread.join)
        stack.callback(pulse.over.set)
        if fault.first:
            harmed.enter_context(fault.inject(at))
        watchers = stack.enter_context(
            watching(installed(), folder, at.ports, at.database, readable=not fault.first)
        )
        seen = Seen(name, fault, at, watchers, pulse)
        if not fault.first:
            seen.before()
            harmed.enter_context(fault.inject(at))
        seen.meanwhile()
        harmed.close()
        seen.after()
    yield from seen.rows()


@dataclass
class Seen:
    """What was seen of one fault, by the exporters' names."""

    name: str
    fault: Fault
    at: Place
    watchers: list[Watcher]
    pulse: Pulse
    healthy: dict[str, str] = field(default_factory=dict)
    during: dict[str, str] = field(default_factory=dict)
    shown: dict[str, tuple[str, str]] = field(default_factory=dict)
    again: dict[str, str] = field(default_factory=dict)
    connections: dict[str, list[str]] = field(default_factory=dict)

    def before(self) -> None:
        at_once(self.watchers, scrape_for(2.0))
        for one in self.watchers:
            self.healthy[one.kind.name] = _ms(statistics.median(one.times))
            one.times.clear()
        self._count()

    def meanwhile(self) -> None:
        at_once(self.watchers, self._look)
        self._count(silent=self.fault.silent)

    def after(self) -> None:
        self._recovery()
        self._count()

    def rows(self) -> Iterator[str]:
        for one in self.watchers:
            name = one.kind.name
            cells = (
                self.name,
                name,
                self.healthy.get(name, "-"),
                self.during[name],
                *self.shown[name],
                ", ".join(self.connections[name]),
                self.again[name],
            )
            yield f"| {' | '.join(cells)} |"

    def _count(self, *, silent: bool = False) -> None:
        """Count the connections, where the server can be asked."""
        now = {} if silent else self.at.connections()
        for one in self.watchers:
            found = "-" if silent else now.get(one.kind.role, "0")
            self.connections.setdefault(one.kind.name, []).append(found)

    def _look(self, one: Watcher) -> None:
        scrape_for(SECONDS)(one)
        self.during[one.kind.name] = f"{_ms(statistics.median(one.times))}, {_ms(max(one.times))}"
        least = {"orders": PAID, "pulse": self.pulse.n - LATE}
        values = {"orders": one.paid(), "pulse": one.pulse()}
        orders, pulse = (
            _said(values[each], least[each], readable=each not in self.fault.hides)
            for each in ("orders", "pulse")
        )
        if self.at.clock is not None:
            pulse += f", its age {_age(one.age())}"
        self.shown[one.kind.name] = (orders, pulse)

    def _recovery(self) -> None:
        began, n = time.monotonic(), self.pulse.n

        def wait(one: Watcher) -> None:
            self.again[one.kind.name] = f"not within {RECOVERY:.0f}"
            while time.monotonic() - began < RECOVERY:
                if (one.pulse() or 0) > n and one.paid() == PAID:
                    self.again[one.kind.name] = f"{time.monotonic() - began:.0f}"
                    return
                time.sleep(0.25)

        at_once(self.watchers, wait)


def _said(value: float | None, least: float, *, readable: bool) -> str:
    """What a value on a page is worth, `readable` being whether anybody can read the true one."""
    if value is None:
        return "not shown"
    if not readable:
        return "old, as if new"
    return "right" if value >= least else "frozen"


def _age(seconds: float | None) -> str:
    return "not shown" if seconds is None else f"{seconds:.1f} s"


def _ms(seconds: float) -> str:
    return "no answer" if seconds >= PATIENCE else f"{1000 * seconds:.1f}"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("faults", nargs="*", help="words of those to run; all without")
    words = options.parse_args().faults
    chosen = [name for name in FAULTS if not words or any(word in name for word in words)]
    print("run:", ", ".join(kind.name for kind in installed()), file=sys.stderr)
    print(HEAD, flush=True)
    for name in chosen:
        with tempfile.TemporaryDirectory() as folder:
            for row in measure(name, Path(folder)):
                print(row, flush=True)


if __name__ == "__main__":
    main()
