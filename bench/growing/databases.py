"""Curves of a database: how many queues the jobs are in, and how many rows there are."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

from growing.effort import Effort
from growing.findings import Curve, Measure
from growing.measure import series as samples
from growing.measure import total
from growing.postgres import Asked, jobs, orders, password, postgres, waited
from growing.side import Side, sidewatch
from tests.support import pg

INTERVAL = 5.0  # seconds between two askings; what is dear is asked more seldom, as always
ROWS = 50_000  # where the number of queues grows
QUEUES = 10  # where the number of rows grows
TABLE = """\
      rows:
        orders:
          table: orders
          state: state
          since: updated_at
          states: {open: waiting, packing: active, sent: done, lost: failed}
"""


def config(server: pg.Server, databases: dict[str, str], folder: Path) -> str:
    """An application for each database, by its name there; what follows its URL is the value."""
    apps = "".join(
        f'  - name: {database}\n    postgres:\n      url: "{server.url("watcher", database)}"\n'
        f"      password_file: {password(folder)}\n      interval: {INTERVAL:g}s\n{more}"
        for database, more in databases.items()
    )
    return f"state: ./state\napps:\n{apps}"


def of(*databases: str) -> str:
    """Which backends are those of sidewatch in these databases."""
    names = ", ".join(f"'{name}'" for name in databases)
    return f"application_name = 'sidewatch' AND datname IN ({names})"


def queues(effort: Effort, folder: Path) -> Curve:
    """Fifty thousand jobs of River, a tenth of them ready, in so many queues."""
    asked = Measure("the server", "ms CPU an interval", plotted=True)
    own = Measure("sidewatch", "ms CPU an interval", plotted=True)
    shown, scrape = Measure("series", ""), Measure("a scrape", "ms")
    memory = Measure("memory", "MiB")
    curve = Curve("queues", "queues", (asked, own, shown, scrape, memory))
    with postgres() as server, ExitStack() as stack:
        curve.notes.append(f"PostgreSQL {server.version()}")
        sides = {}
        for number in effort.of((1, 10, 50, 100, 400), (1, 10, 100)):
            database = jobs(server, ROWS, number)
            home = folder / f"queues{number}"
            text = config(server, {database: ""}, folder)
            side = stack.enter_context(sidewatch(home, text))
            sides[number] = side, Asked(server, of(database))
        _settle([side for side, _ in sides.values()])
        for _ in range(effort.rounds):
            for _, backends in sides.values():
                backends.begin()
            before = {number: side.cpu() for number, (side, _) in sides.items()}
            intervals = waited(effort.seconds(6 * INTERVAL)) / INTERVAL
            for number, (side, backends) in sides.items():
                curve.add(number, asked, backends.seconds() / intervals * 1e3)
                curve.add(number, own, (side.cpu() - before[number]) / intervals * 1e3)
            for number, (side, _) in sides.items():
                curve.add(number, scrape, side.scrape())
                curve.add(number, shown, samples(side.page.get()))
                curve.add(number, memory, side.memory())
    return curve


def rows(effort: Effort, folder: Path) -> Curve:
    """Jobs of River in ten queues, a tenth of them ready; and orders, with a state and no index."""
    queue = Measure("the server, for a queue's jobs", "ms CPU an interval", plotted=True)
    table = Measure("the server, for a table's states", "ms CPU an interval", plotted=True)
    own = Measure("sidewatch, for both", "ms CPU an interval", plotted=True)
    every = Measure("the states are asked each", "s")
    curve = Curve("rows", "rows", (queue, table, own, every))
    with postgres() as server, ExitStack() as stack:
        curve.notes.append(f"PostgreSQL {server.version()}")
        sides = {}
        points = (1_000, 10_000, 100_000, 1_000_000)
        for number in effort.of(points, (1_000, 100_000)):
            one, other = jobs(server, number, QUEUES), orders(server, number)
            home = folder / f"rows{number}"
            text = config(server, {one: "", other: TABLE}, folder)
            side = stack.enter_context(sidewatch(home, text))
            sides[number] = side, Asked(server, of(one)), Asked(server, of(other))
        _settle([side for side, *_ in sides.values()])
        for _ in range(effort.rounds):
            for _, *both in sides.values():
                for backends in both:
                    backends.begin()
            before = {number: side.cpu() for number, (side, *_) in sides.items()}
            intervals = waited(effort.seconds(6 * INTERVAL)) / INTERVAL
            for number, (side, first, second) in sides.items():
                curve.add(number, queue, first.seconds() / intervals * 1e3)
                curve.add(number, table, second.seconds() / intervals * 1e3)
                curve.add(number, own, (side.cpu() - before[number]) / intervals * 1e3)
            for number, (side, *_) in sides.items():
                page, label = side.page.get(), 'query="rows_orders"'
                curve.add(number, every, total(page, "sidewatch_query_interval_seconds", label))
    return curve


def _settle(sides: list[Side]) -> None:
    """Wait until each has told of its databases, and the first round of questions is over."""
    for side in sides:
        side.ready(lambda page: total(page, "watched_postgres_up") >= 1)
    time.sleep(2 * INTERVAL)
