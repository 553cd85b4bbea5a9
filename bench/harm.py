"""What happens to a server that is watched: where it happens, how it begins and how it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from watchers import KINDS, SETUP

from tests.support import pg
from tests.support.process import Running
from tests.support.proxy import Proxy, proxy

RESERVED = int(pg.SETTINGS["superuser_reserved_connections"])
AHEAD = 90  # how wrong a clock is, in seconds


@dataclass
class Place:
    """Where a fault happens: `server` is the one that is written to, and may change.

    `ports` are what a client may ask, of this machine; `network` is before the server. What is on
    `stack` ends with the place.
    """

    server: pg.Server
    database: str
    ports: tuple[int, ...]
    network: Proxy
    folder: Path
    stack: ExitStack
    replica: pg.Server | None = None
    pooler: Running | None = None
    clock: Path | None = None

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


# -- the places --------------------------------------------------------------------------------


@contextmanager
def alone(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[Place]:
    """A server, and a network before it."""
    with (
        pg.server(environment=environment) as server,
        proxy(server.port) as network,
        ExitStack() as s,
    ):
        yield Place(server, _set_up(server), (network.port,), network, folder, s)


@contextmanager
def followed(folder: Path) -> Iterator[Place]:
    """With a replica."""
    with alone(folder) as at, pg.replica(at.server) as replica:
        # Each by its own port, since one that is gone refuses, and a driver asks the next.
        at.replica, at.ports = replica, (at.server.port, replica.port)
        yield at


@contextmanager
def pooled(folder: Path) -> Iterator[Place]:
    """Behind a PgBouncer in transaction mode."""
    with alone(folder) as at, _pooler(at.server) as (port, child):
        at.ports, at.pooler = (port,), child
        yield at


@contextmanager
def turnable(folder: Path) -> Iterator[Place]:
    """Where a file says how wrong the server's clock is."""
    with pg.own_folder() as shared:
        (shared / "clock").write_text("+0s")
        library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(shared / "clock"),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        with alone(folder, environment) as at:
            at.clock = shared / "clock"
            yield at


def _set_up(server: pg.Server) -> str:
    for kind in KINDS:
        server.psql(f"CREATE ROLE {kind.role} LOGIN PASSWORD 'first' IN ROLE pg_monitor")
    database = server.database()
    server.psql(SETUP, database)
    return database


@contextmanager
def _pooler(server: pg.Server, port: int | None = None) -> Iterator[tuple[int, Running]]:
    """It does not refuse a setting that drivers of the peers send."""
    with pg.own_folder() as folder:
        users = folder / "users"
        users.write_text("".join(f'"{kind.role}" "first"\n' for kind in KINDS))
        settings = {"auth_file": str(users), "ignore_startup_parameters": "extra_float_digits"}
        with pg.pooler(server, settings, port) as found:
            yield found


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


@contextmanager
def failed_over(at: Place) -> Iterator[None]:
    """The primary is gone for good; when the fault ends, its replica is promoted."""
    assert at.replica is not None
    at.server.stop()
    yield
    at.server = at.replica
    at.server.psql("SELECT pg_promote()")


@contextmanager
def unpooled(at: Place) -> Iterator[None]:
    assert at.pooler is not None
    at.pooler.stop()
    yield
    at.stack.enter_context(_pooler(at.server, at.ports[0]))


@contextmanager
def turned(at: Place) -> Iterator[None]:
    assert at.clock is not None
    at.clock.write_text(f"+{AHEAD}s")
    yield
    at.clock.write_text("+0s")


RENAME = "ALTER TABLE orders RENAME COLUMN {} TO {}"
REVOKED = statements("REVOKE SELECT ON orders FROM PUBLIC", "GRANT SELECT ON orders TO PUBLIC")


@dataclass(frozen=True)
class Fault:
    """One fault, and what of it can be seen.

    `hides` is what nobody can read meanwhile: the orders, all, or nothing. `silent` says that not
    even a superuser can ask the server; `first`, that the fault is there before the exporters.
    """

    inject: Callable[[Place], AbstractContextManager[None]]
    hides: frozenset[str] = frozenset()
    place: Callable[[Path], AbstractContextManager[Place]] = alone
    silent: bool = False
    first: bool = False


ONE, ALL = frozenset({"orders"}), frozenset({"orders", "pulse"})
FAULTS: Mapping[str, Fault] = {
    "table locked ACCESS EXCLUSIVE": Fault(locked, ONE),
    "server stopped": Fault(stopped, ALL, silent=True),
    "server paused (SIGSTOP)": Fault(paused, ALL, silent=True),
    "network swallows": Fault(swallowed, ALL),
    "max_connections reached": Fault(full),
    "SELECT revoked": Fault(REVOKED, ONE),
    "SELECT never granted": Fault(REVOKED, ONE, first=True),
    "column renamed": Fault(
        statements(RENAME.format("state", "status"), RENAME.format("status", "state")), ONE
    ),
    "a million rows, no index": Fault(
        statements(
            "INSERT INTO orders SELECT i, 'sent' FROM generate_series(1, 1000000) AS i",
            "TRUNCATE orders; INSERT INTO orders VALUES (1, 'paid'), (2, 'paid')",
        )
    ),
    "password rotated": Fault(rotated, ALL),
    "primary gone, replica promoted": Fault(failed_over, ALL, followed, silent=True),
    "pooler stopped and started": Fault(unpooled, ALL, pooled),
    f"server's clock {AHEAD} s ahead": Fault(turned, place=turnable),
}
