"""sidewatch and its peers, each watching the same two tables with a role and a port of its own."""

from __future__ import annotations

import re
import shutil
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.process import Running, running
from tests.support.waiting import free_port, wait_for

PATIENCE = 8.0  # of a scrape, in seconds; Prometheus's own default is 10
SETUP = """
CREATE TABLE orders (id int, state text);
INSERT INTO orders VALUES (1, 'paid'), (2, 'paid'), (3, 'sent');
CREATE TABLE pulse (n int, at timestamptz);
INSERT INTO pulse VALUES (0, now());
GRANT SELECT ON orders, pulse TO PUBLIC;
"""
PAID = 2  # of these orders
ORDERS = "SELECT state, count(*) AS n FROM orders GROUP BY state"
PULSE = "SELECT n FROM pulse"
BEAT = "SELECT extract(epoch FROM at)::float AS at FROM pulse"

Write = Callable[[Path, str, str], tuple[Sequence[str], Mapping[str, str]]]


@dataclass(frozen=True)
class Kind:
    """One exporter: how it is set up, and how its page calls the metrics.

    `beat` is since when the pulse is as it is: an age where the exporter tells ages of rows by
    itself, else a time since the epoch. `hosts` says that its URL may name several.
    """

    name: str
    program: str
    write: Write
    orders: str
    pulse: str
    beat: str
    ages: bool = False
    hosts: bool = False

    @property
    def role(self) -> str:
        return f"by_{self.name.partition('_')[0].partition('-')[0]}"


@dataclass
class Watcher:
    """One that runs. `times` are the answers of its page in seconds, or the patience with it."""

    kind: Kind
    port: int
    child: Running
    times: list[float] = field(default_factory=list)

    def page(self) -> str | None:
        """What it shows now; None where it does not answer in time."""
        began = time.perf_counter()
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.port}/metrics", timeout=PATIENCE
            ) as answer:
                return str(answer.read().decode())
        except OSError:
            return None
        finally:
            self.times.append(time.perf_counter() - began)

    def paid(self) -> float | None:
        """The paid orders that it shows."""
        return _value(self.page(), rf'{self.kind.orders}{{[^}}]*state="paid"[^}}]*}}')

    def pulse(self) -> float | None:
        """The counter that it shows of the other table."""
        return _value(self.page(), rf"{self.kind.pulse}(?:{{[^}}]*}})?")

    def age(self) -> float | None:
        """The age of the pulse in seconds: as it tells it, or as the clock of the reader has it."""
        value = _value(self.page(), rf"{self.kind.beat}(?:{{[^}}]*}})?")
        if value is None or self.kind.ages:
            return value
        return time.time() - value


def _value(page: str | None, series: str) -> float | None:
    found = re.search(rf"^{series} (\S+)$", page or "", re.MULTILINE)
    return float(found[1]) if found else None


def _sidewatch(folder: Path, url: str, address: str) -> tuple[Sequence[str], Mapping[str, str]]:
    user, rest = url.removeprefix("postgresql://").split(":first@")
    (folder / "password").write_text("first")
    (folder / "sidewatch.yaml").write_text(f"""\
apps:
  - name: shop
    metrics:
      shop_orders: {{type: gauge, help: Orders., labels: [state]}}
      shop_pulse: {{type: gauge, help: Pulse.}}
    postgres:
      url: "postgresql://{user}@{rest}"
      password_file: password
      interval: 1s
      rows: {{pulse: {{table: pulse, since: at, states: {{beating: waiting}}}}}}
      queries:
        - {{name: orders, sql: "{ORDERS}", labels: [state], metrics: {{shop_orders: n}}}}
        - {{name: pulse, sql: "{PULSE}", metrics: {{shop_pulse: n}}}}
""")
    return ["run", "--config", "sidewatch.yaml"], {"SIDEWATCH_LISTEN": address}


def _postgres(folder: Path, url: str, address: str) -> tuple[Sequence[str], Mapping[str, str]]:
    (folder / "queries.yaml").write_text(f"""\
orders:
  query: "{ORDERS}"
  metrics: [{{state: {{usage: LABEL, description: s}}}}, {{n: {{usage: GAUGE, description: n}}}}]
pulse:
  query: "{PULSE}"
  metrics: [{{n: {{usage: GAUGE, description: n}}}}]
beat:
  query: "{BEAT}"
  metrics: [{{at: {{usage: GAUGE, description: at}}}}]
""")
    options = ["--extend.query-path", "queries.yaml", "--web.listen-address", address]
    return options, {"DATA_SOURCE_NAME": url}


def _query(folder: Path, url: str, address: str) -> tuple[Sequence[str], Mapping[str, str]]:
    (folder / "config.yaml").write_text(f"""\
databases: {{shop: {{dsn: "{_of_sqlalchemy(url)}"}}}}
metrics:
  orders: {{type: gauge, labels: [state]}}
  pulse: {{type: gauge}}
  beat: {{type: gauge}}
queries:
  orders:
    {{databases: [shop], metrics: [orders], interval: 1, timeout: 2,
      sql: "SELECT state, count(*) AS orders FROM orders GROUP BY state"}}
  pulse: {{databases: [shop], metrics: [pulse], interval: 1, sql: "SELECT n AS pulse FROM pulse"}}
  beat:
    {{databases: [shop], metrics: [beat], interval: 1, sql: "{BEAT.replace("AS at", "AS beat")}"}}
""")
    host, port = address.split(":")
    return ["--host", host, "--port", port], {}


def _of_sqlalchemy(url: str) -> str:
    """The same URL with its hosts as SQLAlchemy takes them."""
    parts = urlsplit(url)
    user, _, hosts = parts.netloc.rpartition("@")
    named = "&".join(f"host={host}" for host in hosts.split(","))
    return f"postgresql+psycopg2://{user}@{parts.path}?{named}&{parts.query}"


def _sql(folder: Path, url: str, address: str) -> tuple[Sequence[str], Mapping[str, str]]:
    (folder / "config.yml").write_text(f"""\
jobs:
  - name: shop
    interval: 1s
    connections: ["{url.replace("postgresql", "postgres", 1)}"]
    queries:
      - {{name: orders, help: o, labels: [state], values: [n], query: "{ORDERS}"}}
      - {{name: pulse, help: p, labels: [], values: [n], query: "{PULSE}"}}
      - {{name: beat, help: b, labels: [], values: [at], query: "{BEAT}"}}
""")
    return ["-config.file", "config.yml", "-web.listen-address", address], {}


KINDS = (
    Kind(
        "sidewatch",
        "sidewatch",
        _sidewatch,
        orders="shop_orders",
        pulse="shop_pulse",
        beat="watched_rows_oldest_seconds",
        ages=True,
        hosts=True,
    ),
    Kind(
        "postgres_exporter",
        "prometheus-postgres-exporter",
        _postgres,
        orders="orders_n",
        pulse="pulse_n",
        beat="beat_at",
    ),
    Kind(
        "query-exporter",
        "query-exporter",
        _query,
        orders="orders",
        pulse="pulse",
        beat="beat",
        hosts=True,
    ),
    Kind(
        "sql_exporter",
        "prometheus-sql-exporter",
        _sql,
        orders="sql_orders",
        pulse="sql_pulse",
        beat="sql_beat",
    ),
)


def installed() -> list[Kind]:
    """Those that can be run; sidewatch is that of this environment."""
    return [one for one in KINDS if program(one) is not None]


def program(kind: Kind) -> str | None:
    """The program's path."""
    beside = Path(sys.executable).with_name(kind.program)
    return str(beside) if beside.exists() else shutil.which(kind.program)


@contextmanager
def watching(
    kinds: Sequence[Kind], folder: Path, ports: Sequence[int], database: str, *, readable: bool
) -> Iterator[list[Watcher]]:
    """All of them at work on the database of one server, or of the one of two that is written to.

    Where nobody may read the orders, the pulse alone is waited for.
    """
    with ExitStack() as stack:
        yield [
            stack.enter_context(watching_one(kind, folder, ports, database, readable=readable))
            for kind in kinds
        ]


@contextmanager
def watching_one(
    kind: Kind, folder: Path, ports: Sequence[int], database: str, *, readable: bool = True
) -> Iterator[Watcher]:
    """One of them."""
    port = free_port()
    home = folder / kind.name
    home.mkdir(parents=True)
    hosts = ",".join(f"127.0.0.1:{each}" for each in (ports if kind.hosts else ports[:1]))
    url = f"postgresql://{kind.role}:first@{hosts}/{database}?sslmode=disable"
    if "," in hosts:
        url += "&target_session_attrs=read-write"
    options, environment = kind.write(home, url, f"127.0.0.1:{port}")
    binary = program(kind)
    assert binary is not None
    command = [binary, *options]
    with running(command, home / "log", lambda: True, cwd=home, env=environment) as child:
        one = Watcher(kind, port, child)

        def shown() -> bool:
            seen = one.paid() == PAID if readable else one.pulse() is not None
            return child.alive() and seen

        wait_for(shown, f"{kind.name} to show what it reads")
        one.times.clear()
        yield one
