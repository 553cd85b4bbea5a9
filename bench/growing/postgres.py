"""Tables in a real PostgreSQL, and what those who ask about them cost its server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from growing.measure import group_seconds, spent
from growing.side import ROOT
from tests.support import pg

SETTINGS = {"shared_buffers": "128MB", "max_wal_size": "4GB", "max_connections": "60"}
SCHEMA = ROOT / "tests" / "queues" / "river" / "schema.sql"
# Nine of ten have ended in the last day; the others are ready, and have been for a while.
JOBS = """
INSERT INTO river_queue (name) SELECT 'queue' || i FROM generate_series(0, {queues} - 1) AS i;
INSERT INTO river_job (state, attempt, attempted_at, created_at, finalized_at, scheduled_at, args,
                       kind, queue)
SELECT CASE WHEN ended THEN 'completed' ELSE 'available' END::river_job_state, ended::int,
       CASE WHEN ended THEN at END, at, CASE WHEN ended THEN at + interval '1 s' END, at, '{{}}',
       'mail', queue
FROM (SELECT i % 10 <> 0 AS ended, 'queue' || i / 10 % {queues} AS queue,
             now() - interval '1 s' * (({rows} - i) * 86400.0 / {rows} + 10) AS at
      FROM generate_series(1, {rows}) AS i) AS job;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO watcher;
"""
ORDERS = """
CREATE TABLE orders (id bigserial PRIMARY KEY, state text NOT NULL, updated_at timestamptz,
                     note text);
INSERT INTO orders (state, updated_at, note)
SELECT (ARRAY['open', 'packing', 'sent', 'sent', 'sent', 'sent', 'sent', 'sent', 'sent',
              'lost'])[1 + i % 10],
       now() - interval '1 s' * (({rows} - i) * 86400.0 / {rows} + 10), repeat('x', 60)
FROM generate_series(1, {rows}) AS i;
GRANT SELECT ON orders TO watcher;
"""


@contextmanager
def postgres() -> Iterator[pg.Server]:
    """A server with room in memory for the tables."""
    with pg.server() as one:
        one.stop()
        one.configure(SETTINGS)
        one.start()
        yield one


def jobs(server: pg.Server, rows: int, queues: int) -> str:
    """A database with so many jobs of River; its name."""
    database = server.database()
    server.psql(SCHEMA.read_text(), database)
    server.psql(JOBS.format(rows=rows, queues=queues), database)
    server.psql("VACUUM ANALYZE", database)
    return database


def orders(server: pg.Server, rows: int) -> str:
    """A database with so many orders, which have states and no index by them; its name."""
    database = server.database()
    server.psql(ORDERS.format(rows=rows), database)
    server.psql("VACUUM ANALYZE", database)
    return database


@dataclass
class Asked:
    """The backends of those who ask, by how they are told apart in pg_stat_activity."""

    server: pg.Server
    where: str
    _before: dict[int, float] = field(default_factory=dict)

    def pids(self) -> list[int]:
        found = self.server.psql(f"SELECT pid FROM pg_stat_activity WHERE {self.where}")
        return [int(line) for line in found.splitlines()]

    def begin(self) -> None:
        """From now on it counts."""
        self._before = group_seconds(self.pids())

    def seconds(self) -> float:
        """The CPU of their backends since; of those that have ended meanwhile it is not known."""
        return spent(self._before, group_seconds(self.pids()))


def waited(seconds: float) -> float:
    """Wait; how long it was."""
    began = time.perf_counter()
    time.sleep(seconds)
    return time.perf_counter() - began


def password(folder: Path) -> Path:
    """A file with the password of the role `watcher`."""
    file = folder / "password"
    file.write_text("first")
    return file
