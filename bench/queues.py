"""What the questions about a queue cost the server, beside one count of its live rows.

Run by a person: `./run bench queues [LIBRARY...]`. A million jobs for each library, in the tables
and with the indexes that it makes itself, or that it publishes where it was not run; once with nine
of ten ended over a day, and once all of them ready. Milliseconds for which the server's process
worked, planning included, the least of some runs, without parallel workers and without a compiler,
as they are asked. Each is followed by how many intervals lie between two of it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tests import test_queue_django as django
from tests import test_queue_pgqueuer as pgqueuer
from tests import test_queue_plain as plain
from tests import test_queue_procrastinate as procrastinate
from tests.support import pg
from tests.support.driving import owned_database
from tests.support.million import SEEDS, SHAPES, Cost, costs, fill, library, measuring, seeded
from tests.support.node import node
from tests.support.parts import Parts
from tests.support.wheels import installed
from tests.test_queue_pgmq import PGMQ

ROOT = Path(__file__).parents[1]
COLUMNS = ("exact", "capped", "due", "enqueued", "stuck", "ended")
HEAD = (
    f"| library | one count | {' | '.join(COLUMNS)} | others | a round | ratio |\n"
    f"| --- | {' | '.join('---:' for _ in range(len(COLUMNS) + 4))} |"
)
BUFFERS = {"shared_buffers": "128MB", "max_wal_size": "4GB"}  # the first as it is by default

Make = Callable[[pg.Server, Parts, Path], str]


def _pgmq(server: pg.Server, parts: Parts, _folder: Path) -> str:
    database = server.database()
    server.psql((installed(parts, PGMQ) / "pgmq" / "sql" / "pgmq.sql").read_text(), database)
    return database


def _kodiai(server: pg.Server, _parts: Parts, _folder: Path) -> str:
    database = server.database()
    server.psql((ROOT / "tests/rows/kodiai/schema.sql").read_text(), database)
    return database


def _node(script: str, package: str, server: pg.Server, parts: Parts, _folder: Path) -> str:
    database, url = owned_database(server)
    node(parts).drive(script, package, url.partition("?")[0], "fill")
    return database


def _django(
    pins: Sequence[str], driver: str, server: pg.Server, parts: Parts, _folder: Path
) -> str:
    database = server.database()
    django.application(server, database, installed(parts, *pins), driver)
    return database


def _plain(server: pg.Server, parts: Parts, folder: Path) -> str:
    with plain.application("heartbeats", server, parts, folder) as app:
        return app.database


def _procrastinate(server: pg.Server, parts: Parts, folder: Path) -> str:
    with procrastinate.application("3", server, parts, folder) as app:
        return app.database


def _pgqueuer(server: pg.Server, parts: Parts, folder: Path) -> str:
    with pgqueuer.application("1", server, parts, folder) as app:
        return app.database


def _seeded(name: str, server: pg.Server, _parts: Parts, _folder: Path) -> str:
    return seeded(server, name)


MAKE: dict[str, Make] = {
    "pg-boss": partial(_node, "pgboss.js", "pg-boss-12"),
    "graphile-worker": partial(_node, "graphile.js", "graphile-worker"),
    "plain.jobs": _plain,
    "procrastinate": _procrastinate,
    "pgqueuer": _pgqueuer,
    "django-tasks": partial(_django, django.DJANGO_TASKS, "django_tasks_db"),
    "django-q2": partial(_django, django.DJANGO_Q2, "django_q2"),
    "pgmq": _pgmq,
    "kodiai": _kodiai,
}


def row(name: str, once: float, spent: Sequence[Cost]) -> str:
    """A line of the table."""
    by_name = {each.name: f"{each.once:.1f} / {each.every:.0f}" for each in spent}
    others = sum(each.a_round for each in spent if each.name not in COLUMNS)
    total = sum(each.a_round for each in spent)
    cells = (
        name,
        f"{once:.1f}",
        *(by_name.get(column, "") for column in COLUMNS),
        f"{others:.1f}",
        f"{total:.1f}",
        f"{total / once:.2f}",
    )
    return f"| {' | '.join(cells)} |"


def measure(server: pg.Server, parts: Parts, name: str, ended: int) -> str:
    """One library with so many of a million jobs ended."""
    with tempfile.TemporaryDirectory() as folder:
        make = MAKE.get(name, partial(_seeded, name))
        database = make(server, parts, Path(folder))
    fill(server, database, name, ended)
    with measuring(server, database) as ask:
        line = row(name, ask(SEEDS[name]["live"]), list(costs(ask, library(name))))
    server.psql(f"DROP DATABASE {database} WITH (FORCE)")
    return line


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("libraries", nargs="*", help=f"of {', '.join(SEEDS)}; all without")
    chosen = options.parse_args().libraries or list(SEEDS)
    parts = Parts()
    with pg.server() as server:
        server.stop()
        server.configure(BUFFERS)
        server.start()
        print(f"PostgreSQL {server.version()}", file=sys.stderr)
        for shape, ended in SHAPES.items():
            print(f"\n{shape}, 10 queues; ms / intervals\n\n{HEAD}", flush=True)
            for name in chosen:
                print(measure(server, parts, name, ended), flush=True)


if __name__ == "__main__":
    main()
