"""sidewatch beside postgres_exporter and blackbox_exporter, asking the same at the same time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

from report import package

from growing.contest import Rival, compared
from growing.databases import of
from growing.effort import Effort
from growing.endpoints import SUCCESS, healthy, shows
from growing.endpoints import config as probes_config
from growing.findings import Measure
from growing.measure import Page, series, total
from growing.postgres import Asked, jobs, password, postgres
from growing.side import Side, sidewatch
from tests.support import pg
from tests.support.process import running
from tests.support.waiting import free_port

QUERIES = Path(__file__).with_name("queries.yaml")
POSTGRES_EXPORTER = "prometheus-postgres-exporter"
BLACKBOX_EXPORTER = "prometheus-blackbox-exporter"
QUEUES = 10
EVERY = 2.0  # seconds between two scrapes, and two askings of ours
ROLES = ("as_installed", "without_settings")
CPU = Measure("the exporter, of each scrape", "ms CPU")
SERVER = Measure("the server, of each scrape", "ms CPU")
ANSWER = Measure("a scrape, median", "ms")
WORST = Measure("a scrape, worst", "ms")
MEMORY = Measure("memory (PSS)", "MiB")
CONNECTIONS = Measure("connections", "")
SERIES = Measure("series", "")
MODULES = """\
modules:
  healthy:
    prober: http
    timeout: 5s
    http:
      preferred_ip_protocol: ip4
      follow_redirects: false
      fail_if_body_not_matches_regexp: ['"status":\\s*"ok"']
"""
PROBES = 50
PROBING = Measure("a probe", "ms CPU")
ROUND = Measure("the scrapes of all probes, together", "ms")


# -- Postgres ----------------------------------------------------------------------------------


def beside_postgres(effort: Effort, folder: Path) -> str:
    """A River queue with its database's health, by three who ask at the same pace."""
    rows = 100_000 if effort.quick else 1_000_000
    with postgres() as server:
        database = jobs(server, rows, QUEUES)
        for role in ROLES:
            server.psql(f"CREATE ROLE {role} LOGIN PASSWORD 'first' IN ROLE pg_monitor", database)
            server.psql(f"GRANT SELECT ON river_job TO {role}", database)
        text = (
            "state: ./state\napps:\n  - name: shop\n    postgres:\n"
            f'      url: "{server.url("watcher", database)}"\n'
            f"      password_file: {password(folder)}\n      interval: {EVERY:g}s\n"
        )
        extra = ((), ("--disable-settings-metrics",))
        with (
            sidewatch(folder / "side", text) as side,
            postgres_exporter(server, database, ROLES[0], extra[0]) as installed,
            postgres_exporter(server, database, ROLES[1], extra[1]) as trimmed,
        ):
            side.ready(lambda page: total(page, "watched_queue_jobs") > 0)
            time.sleep(2 * EVERY)
            rivals = [rival(side), installed, trimmed]
            backends = [
                Asked(server, of(database)),
                *(Asked(server, f"usename = '{role}'") for role in ROLES),
            ]
            for _ in range(effort.rounds):
                _watch(rivals, backends, effort.seconds(24.0, 8.0))
        told = f"{rows:,} jobs of River, a tenth of them ready, in {QUEUES} queues"
        ended = (
            f"PostgreSQL {server.version()}, {package(POSTGRES_EXPORTER)};"
            f" {told}; all scraped, and sidewatch asking, each {EVERY:g} s"
        )
        columns = (CPU, SERVER, ANSWER, WORST, CONNECTIONS, MEMORY, SERIES)
        return f"{ended}\n\n{compared(rivals, columns)}"


def _watch(rivals: Sequence[Rival], backends: Sequence[Asked], seconds: float) -> None:
    """Scrape each of them in turn for some time, spread over the interval."""
    for asked in backends:
        asked.begin()
    before = [one.cpu() for one in rivals]
    for one in rivals:
        one.page.times.clear()
    rounds, began = max(1, round(seconds / EVERY)), time.perf_counter()
    for turn in range(rounds):
        for at, one in enumerate(rivals):
            due = began + EVERY * (turn + at / len(rivals))
            time.sleep(max(0.0, due - time.perf_counter()))
            one.page.get()
    time.sleep(max(0.0, began + rounds * EVERY - time.perf_counter()))
    for one, asked, used in zip(rivals, backends, before, strict=True):
        one.add(CPU, (one.cpu() - used) / rounds * 1e3)
        one.add(SERVER, asked.seconds() / rounds * 1e3)
        _pages(one)
        one.add(CONNECTIONS, len(asked.pids()))


def _pages(one: Rival) -> None:
    times = sorted(one.page.times)
    one.add(ANSWER, times[len(times) // 2] * 1e3)
    one.add(WORST, times[-1] * 1e3)
    one.add(MEMORY, one.memory())
    one.add(SERIES, series(one.page.get()))


@contextmanager
def postgres_exporter(
    server: pg.Server, database: str, role: str, options: Sequence[str]
) -> Iterator[Rival]:
    """Debian's, with the queries of QUERIES."""
    port = free_port()
    url = f"postgresql://{role}:first@127.0.0.1:{server.port}/{database}?sslmode=disable"
    command = [
        *(POSTGRES_EXPORTER, "--web.listen-address", f"127.0.0.1:{port}"),
        *("--extend.query-path", str(QUERIES), "--log.level=warn", *options),
    ]
    name = " ".join(["postgres_exporter", *options])
    with started(name, command, server.folder / f"{role}.log", port, DATA_SOURCE_NAME=url) as one:
        yield one


def rival(side: Side) -> Rival:
    """A sidewatch as one of those who are compared."""
    return Rival("sidewatch", side.pid, side.page)


@contextmanager
def started(
    name: str, command: Sequence[str], log: Path, port: int, **environment: str
) -> Iterator[Rival]:
    """A peer, from when its page answers."""
    page = Page(port)
    with running(command, log, lambda: bool(page.get()), env=environment) as child:
        try:
            yield Rival(name, child.process.pid, page)
        finally:
            page.close()


# -- probes ------------------------------------------------------------------------------------


def beside_blackbox(effort: Effort, folder: Path) -> str:
    """Fifty endpoints of one nginx, whose JSON must say that they are well."""
    interval = 5.0
    modules = folder / "blackbox.yml"
    modules.write_text(MODULES)
    listens = free_port()
    command = [
        *(BLACKBOX_EXPORTER, "--config.file", str(modules)),
        *("--web.listen-address", f"127.0.0.1:{listens}", "--log.level=warn"),
    ]
    with (
        healthy(folder) as port,
        sidewatch(folder / "side", probes_config(port, PROBES, interval)) as side,
        started("blackbox_exporter", command, folder / "blackbox.log", listens) as peer,
    ):
        side.ready(partial(shows, PROBES))
        time.sleep(2.0)
        targets = [
            f"/probe?module=healthy&target={quote(f'http://127.0.0.1:{port}/health/{at}', safe='')}"
            for at in range(PROBES)
        ]
        ours = rival(side)
        scrapes: Mapping[str, Callable[[], None]] = {
            ours.name: lambda: _scrape(ours, ["/metrics"]),
            peer.name: lambda: _scrape(peer, targets),
        }
        for _ in range(effort.rounds):
            _probe((ours, peer), scrapes, interval, rounds=2 if effort.quick else 4)
        ended = f"{package(BLACKBOX_EXPORTER)}; {PROBES} probes, each asked each {interval:g} s"
        return f"{ended}\n\n{compared((ours, peer), (PROBING, ROUND, MEMORY, SERIES))}"


def _probe(
    rivals: Sequence[Rival],
    scrapes: Mapping[str, Callable[[], None]],
    interval: float,
    rounds: int,
) -> None:
    """Let each do so many rounds of probes, at the same time, and count their CPU."""
    before = [one.cpu() for one in rivals]
    began = time.perf_counter()
    for turn in range(rounds):
        for one in rivals:
            scrapes[one.name]()
        time.sleep(max(0.0, began + (turn + 1) * interval - time.perf_counter()))
    took = time.perf_counter() - began
    for one, used in zip(rivals, before, strict=True):
        one.add(PROBING, (one.cpu() - used) / (PROBES * took / interval) * 1e3)
        one.add(MEMORY, one.memory())


def _scrape(one: Rival, paths: Sequence[str]) -> None:
    """Ask as Prometheus does, and hold that all is well."""
    one.page.times.clear()
    pages = [one.page.get(path) for path in paths]
    good = sum(total(page, SUCCESS) + total(page, "probe_success") for page in pages)
    if good != PROBES:
        raise AssertionError(f"{one.name}: {good:g} of {PROBES} probes are well")
    one.add(ROUND, sum(one.page.times) * 1e3)
    one.add(SERIES, sum(map(series, pages)))
