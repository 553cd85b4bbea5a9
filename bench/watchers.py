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

from tests.support.process import Running, running
from tests.support.waiting import free_port, wait_for

PATIENCE = 8.0  # of a scrape, in seconds; Prometheus's own default is 10
SETUP = """
CREATE TABLE orders (id int, state text);
INSERT INTO orders VALUES (1, 'paid'), (2, 'paid'), (3, 'sent');
CREATE TABLE pulse (n int);
INSERT INTO pulse VALUES (0);
GRANT SELECT ON orders, pulse TO PUBLIC;
"""
ORDERS = "SELECT state, count(*) AS n FROM orders GROUP BY state"
PULSE = "SELECT n FROM pulse"

Write = Callable[[Path, str, str], tuple[Sequence[str], Mapping[str, str]]]


@dataclass(frozen=True)
class Kind:
    """One exporter: how it is set up, and how its page calls the two metrics."""

    name: str
    program: str
    write: Write
    orders: str
    pulse: str

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
""")
    options = ["--extend.query-path", "queries.yaml", "--web.listen-address", address]
    return options, {"DATA_SOURCE_NAME": url}


def _query(folder: Path, url: str, address: str) -> tuple[Sequence[str], Mapping[str, str]]:
    (folder / "config.yaml").write_text(f"""\
databases: {{shop: {{dsn: "{url.replace("://", "+psycopg2://")}"}}}}
metrics:
  orders: {{type: gauge, labels: [state]}}
  pulse: {{type: gauge}}
queries:
  orders:
    {{databases: [shop], metrics: [orders], interval: 1, timeout: 2,
      sql: "SELECT state, count(*) AS orders FROM orders GROUP BY state"}}
  pulse: {{databases: [shop], metrics: [pulse], interval: 1, sql: "SELECT n AS pulse FROM pulse"}}
""")
    host, port = address.split(":")
    return ["--host", host, "--port", port], {}


def _sql(folder: Path, url: str, address: str) -> tuple[Sequence[str], Mapping[str, str]]:
    (folder / "config.yml").write_text(f"""\
jobs:
  - name: shop
    interval: 1s
    connections: ["{url.replace("postgresql", "postgres", 1)}"]
    queries:
      - {{name: orders, help: o, labels: [state], values: [n], query: "{ORDERS}"}}
      - {{name: pulse, help: p, labels: [], values: [n], query: "{PULSE}"}}
""")
    return ["-config.file", "config.yml", "-web.listen-address", address], {}


KINDS = (
    Kind("sidewatch", "sidewatch", _sidewatch, "shop_orders", "shop_pulse"),
    Kind("postgres_exporter", "prometheus-postgres-exporter", _postgres, "orders_n", "pulse_n"),
    Kind("query-exporter", "query-exporter", _query, "orders", "pulse"),
    Kind("sql_exporter", "prometheus-sql-exporter", _sql, "sql_orders", "sql_pulse"),
)


def installed() -> list[Kind]:
    """Those that can be run; sidewatch is that of this environment."""
    return [one for one in KINDS if program(one) is not None]


def program(kind: Kind) -> str | None:
    """The program's path."""
    beside = Path(sys.executable).with_name(kind.program)
    return str(beside) if beside.exists() else shutil.which(kind.program)


@contextmanager
def watching(kinds: Sequence[Kind], folder: Path, where: str) -> Iterator[list[Watcher]]:
    """All of them at work on `where` (host:port/database), until the block is left."""
    with ExitStack() as stack:
        yield [stack.enter_context(watching_one(kind, folder, where)) for kind in kinds]


@contextmanager
def watching_one(kind: Kind, folder: Path, where: str) -> Iterator[Watcher]:
    """One of them."""
    port = free_port()
    home = folder / kind.name
    home.mkdir(parents=True)
    mark = "&" if "?" in where else "?"
    url = f"postgresql://{kind.role}:first@{where}{mark}sslmode=disable"
    options, environment = kind.write(home, url, f"127.0.0.1:{port}")
    binary = program(kind)
    assert binary is not None
    command = [binary, *options]
    with running(command, home / "log", lambda: True, cwd=home, env=environment) as child:
        one = Watcher(kind, port, child)
        wait_for(lambda: child.alive() and one.paid() == 2, f"{kind.name} to show the orders")
        one.times.clear()
        yield one
