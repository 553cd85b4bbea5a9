"""Faults of a real server, and what exporters make of them: sidewatch beside its peers.

Run by a person: `./run bench faults [FAULT...]`. Needs Debian's postgresql-15 and pgbouncer; peers
are run where they are installed: Debian's prometheus-postgres-exporter and prometheus-sql-exporter,
and query-exporter of PyPI with psycopg2. All watch the same two tables at the same time, every
second where they have an interval. A fault hits the orders, or everything; the pulse is a number
that goes on in the other table.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from watchers import KINDS, PATIENCE, SETUP, Watcher, installed, watching

from tests.support import pg
from tests.support.proxy import Proxy, proxy

RESERVED = int(pg.SETTINGS["superuser_reserved_connections"])
SECONDS = 12.0  # how long a fault lasts
RECOVERY = 40.0
HEAD = """\
| fault | exporter | `/metrics`: healthy, ms | during: median, worst, ms | orders | pulse \
| connections: healthy, during, after | all right again after, s |
| --- | --- | --- | --- | --- | --- | --- | --- |"""


@dataclass(frozen=True)
class Place:
    """Where a fault happens."""

    server: pg.Server
    database: str
    network: Proxy
    folder: Path

    def sql(self, statements: str) -> str:
        return self.server.psql(statements, self.database)

    def kick(self) -> None:
        """End the exporters' connections."""
        roles = ", ".join(f"'{kind.role}'" for kind in KINDS)
        self.sql(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ({roles})"
        )

    def connections(self) -> Mapping[str, str]:
        """By role, with how many of them wait for a lock."""
        rows = self.sql(
            "SELECT usename, count(*), count(*) FILTER (WHERE wait_event_type = 'Lock')"
            " FROM pg_stat_activity WHERE usename IS NOT NULL GROUP BY 1"
        )
        parts = (row.split("|") for row in rows.splitlines())
        return {role: n + (f" ({lock} waits)" if lock != "0" else "") for role, n, lock in parts}


# -- the faults ----------------------------------------------------------------------------------


@contextmanager
def locked(at: Place) -> Iterator[None]:
    owner = at.server.session(at.database, "BEGIN", "LOCK orders IN ACCESS EXCLUSIVE MODE")
    yield
    owner.kill()
    owner.communicate()


@contextmanager
def stopped(at: Place) -> Iterator[None]:
    at.server.stop()
    yield
    at.server.start()


@contextmanager
def paused(at: Place) -> Iterator[None]:
    at.server.pause()
    yield
    at.server.resume()


@contextmanager
def swallowed(at: Place) -> Iterator[None]:
    at.network.swallow()
    yield
    at.network.carry()


@contextmanager
def full(at: Place) -> Iterator[None]:
    """Others have taken every connection that was left."""
    taken = "SELECT count(*) - 1 FROM pg_stat_activity WHERE backend_type = 'client backend'"
    left = pg.MAX_CONNECTIONS - RESERVED - int(at.sql(taken))
    clients = [at.server.session(at.database) for _ in range(left)]
    yield
    for each in clients:
        each.kill()
        each.communicate()


def statements(fault: str, mended: str) -> Callable[[Place], AbstractContextManager[None]]:
    @contextmanager
    def inject(at: Place) -> Iterator[None]:
        at.sql(fault)
        yield
        at.sql(mended)

    return inject


@contextmanager
def rotated(at: Place) -> Iterator[None]:
    """The password changes, and so does the file that sidewatch reads it from."""
    for kind in KINDS:
        at.sql(f"ALTER ROLE {kind.role} PASSWORD 'second'")
    at.kick()
    yield
    (at.folder / "sidewatch" / "password").write_text("second")


RENAME = "ALTER TABLE orders RENAME COLUMN {} TO {}"
FAULTS: Mapping[str, Callable[[Place], AbstractContextManager[None]]] = {
    "table locked ACCESS EXCLUSIVE": locked,
    "server stopped": stopped,
    "server paused (SIGSTOP)": paused,
    "network swallows": swallowed,
    "max_connections reached": full,
    "SELECT revoked": statements(
        "REVOKE SELECT ON orders FROM PUBLIC", "GRANT SELECT ON orders TO PUBLIC"
    ),
    "column renamed": statements(
        RENAME.format("state", "status"), RENAME.format("status", "state")
    ),
    "a million rows, no index": statements(
        "INSERT INTO orders SELECT i, 'sent' FROM generate_series(1, 1000000) AS i",
        "TRUNCATE orders; INSERT INTO orders VALUES (1, 'paid'), (2, 'paid')",
    ),
    "password rotated": rotated,
}

HIDES_ORDERS = {"table locked ACCESS EXCLUSIVE", "SELECT revoked", "column renamed"}
HIDES_ALL = {"server stopped", "server paused (SIGSTOP)", "network swallows", "password rotated"}
LATE = 4  # pulses, of which there are two a second

# -- measuring -----------------------------------------------------------------------------------


@dataclass
class Pulse:
    """Counts on in the table, once every half second while the server lets it."""

    at: Place
    n: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def beat(self) -> None:
        while not self.over.wait(0.5):
            with suppress(AssertionError):
                self.at.sql(f"UPDATE pulse SET n = {self.n + 1}")
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


def measure(name: str, server: pg.Server, folder: Path) -> Iterator[str]:
    """The rows of the table for one fault."""
    database = server.database()
    server.psql(SETUP, database)
    with ExitStack() as stack:
        network = stack.enter_context(proxy(server.port))
        where = f"127.0.0.1:{network.port}/{database}"
        watchers = stack.enter_context(watching(installed(), folder, where))
        at = Place(server, database, network, folder)
        pulse = Pulse(at)
        thread = threading.Thread(target=pulse.beat)
        thread.start()
        stack.callback(thread.join)
        stack.callback(pulse.over.set)
        yield from _rows(name, at, watchers, pulse)


def _rows(name: str, at: Place, watchers: list[Watcher], pulse: Pulse) -> Iterator[str]:
    at_once(watchers, scrape_for(2.0))
    healthy = {one.kind: statistics.median(one.times) for one in watchers}
    connections = [at.connections()]
    for one in watchers:
        one.times.clear()
    shown: dict[str, tuple[str, str]] = {}

    def look(one: Watcher) -> None:
        scrape_for(SECONDS)(one)
        times = list(one.times)
        shown[one.kind.name] = (
            _said(one.paid(), 2, readable=name not in HIDES_ORDERS | HIDES_ALL),
            _said(one.pulse(), pulse.n - LATE, readable=name not in HIDES_ALL),
        )
        one.times[:] = times

    with FAULTS[name](at):
        at_once(watchers, look)
        # A server that is stopped or paused cannot be asked.
        connections.append({} if name.startswith("server") else at.connections())
    again = _recovery(watchers, pulse)
    connections.append(at.connections())
    for one in watchers:
        role, median, worst = one.kind.role, statistics.median(one.times), max(one.times)
        cells = (
            name,
            one.kind.name,
            _ms(healthy[one.kind]),
            f"{_ms(median)}, {_ms(worst)}",
            *shown[one.kind.name],
            ", ".join(each.get(role, "0") if each else "-" for each in connections),
            again[one.kind.name],
        )
        yield f"| {' | '.join(cells)} |"


def _said(value: float | None, least: float, *, readable: bool) -> str:
    """What a value on a page is worth, `readable` being whether anybody can read the true one."""
    if value is None:
        return "not shown"
    if not readable:
        return "old, as if new"
    return "right" if value >= least else "frozen"


def _recovery(watchers: list[Watcher], pulse: Pulse) -> dict[str, str]:
    began, n = time.monotonic(), pulse.n
    again: dict[str, str] = {}

    def wait(one: Watcher) -> None:
        while time.monotonic() - began < RECOVERY:
            if (one.pulse() or 0) > n and one.paid() == 2:
                again[one.kind.name] = f"{time.monotonic() - began:.0f}"
                return
            time.sleep(0.25)
        again[one.kind.name] = f"not within {RECOVERY:.0f}"

    kept = {one.kind: list(one.times) for one in watchers}
    at_once(watchers, wait)
    for one in watchers:
        one.times[:] = kept[one.kind]
    return again


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
        with pg.server() as server, tempfile.TemporaryDirectory() as folder:
            for kind in KINDS:
                server.psql(f"CREATE ROLE {kind.role} LOGIN PASSWORD 'first' IN ROLE pg_monitor")
            for row in measure(name, server, Path(folder)):
                print(row, flush=True)


if __name__ == "__main__":
    main()
