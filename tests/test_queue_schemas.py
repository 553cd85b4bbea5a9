"""Queue libraries that were not run: rows in the tables they publish, held against a hand's count.

A folder of `queues` has a library's tables, rows of every awkward kind, and the answers. The role
that asks may read no other columns than the library's description says that it needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from exporter.config.queues import libraries
from exporter.sources.postgres import Library
from exporter.sources.postgres.query import QUEUE
from tests.support import yamls
from tests.support.asking import Asked, asked, until
from tests.support.pg import Server
from tests.support.queues import SETTINGS, grant, queries, told, without_zeros

HERE = Path(__file__).parent / "queues"
FOLDERS = sorted(file.parent.name for file in HERE.glob("*/answers.yaml"))
JOBS = "watched_queue_jobs"
STUCK = "watched_queue_stuck_jobs"
RECENT = "watched_queue_recent_jobs"
WINDOWS = ("15m", "1h")
CLOCK = "SELECT extract(epoch FROM clock_timestamp())"


@dataclass(frozen=True)
class Truth:
    """The answers to the rows of a folder. What is not mentioned is zero."""

    queues: Mapping[str, Mapping[str, Any]]
    workers: Mapping[str, float] = field(default_factory=dict)
    heartbeats: Mapping[str, float] = field(default_factory=dict)
    schedules: Mapping[str, float] = field(default_factory=dict)

    def counts(self, what: str) -> dict[tuple[str, ...], float]:
        """By queue and state (or reason), without zeros."""
        return {
            (queue, name): value
            for queue, answers in self.queues.items()
            for name, value in answers.get(what, {}).items()
            if value
        }

    def recent(self) -> dict[tuple[str, ...], float]:
        """By queue, outcome and window, without zeros."""
        return {
            (queue, outcome, window): value
            for (queue, outcome), values in self.counts("recent").items()
            for window, value in zip(WINDOWS, values, strict=True)  # type: ignore[call-overload]
            if value
        }


def truth(folder: str) -> Truth:
    return Truth(**yamls.read((HERE / folder / "answers.yaml").read_text()))


@pytest.fixture(params=FOLDERS)
def library(request: pytest.FixtureRequest) -> Library:
    """Each library that has a folder."""
    return libraries()[request.param]


@contextmanager
def filled(postgres: Server, library: Library, schema: str) -> Iterator[str]:
    """A database with the library's tables and rows in a schema, far from UTC."""
    database, folder = postgres.database(), HERE / library.library
    postgres.psql(f"ALTER DATABASE {database} SET timezone = 'Asia/Kathmandu'")
    postgres.psql(
        f"CREATE SCHEMA IF NOT EXISTS {schema}; GRANT USAGE ON SCHEMA {schema} TO watcher", database
    )
    path = f"SET search_path = {schema};\n"
    for file in ("schema.sql", "rows.sql"):
        postgres.psql(path + (folder / file).read_text(), database)
    session = folder / "session.sql"
    if not session.exists():
        yield database
        return
    client = postgres.session(database, path + session.read_text())
    try:
        yield database
    finally:
        client.kill()
        client.communicate()


async def zeros(app: Asked, metric: str, labels: Iterable[tuple[str, ...]]) -> None:
    """Wait until the metric has these series, and no others."""
    wanted = set(labels)
    await until(lambda: app.series(metric).keys() == wanted, f"every series of {metric}")


async def test_the_rows_are_told_as_a_hand_counts_them(postgres: Server, library: Library) -> None:
    answers = truth(library.library)
    words = library.generations[0].jobs
    settings = f"queues: {{{library.library}: {{names: {{schema: jobs}}}}}}\n"
    began = float(postgres.psql(CLOCK))
    with filled(postgres, library, "jobs") as database:
        grant(postgres, database, library, {"schema": "jobs"})
        async with asked(SETTINGS.format(url=postgres.url("watcher", database)) + settings) as app:
            await told(app, library)
            # A queue in which all is done has its zeros as soon as its name was met.
            await zeros(app, JOBS, product(answers.queues, words.states))
            await zeros(app, STUCK, product(answers.queues, words.stuck))
            assert without_zeros(app.series(JOBS)) == answers.counts("jobs")
            assert without_zeros(app.series(STUCK)) == answers.counts("stuck")
            assert without_zeros(app.series(RECENT)) == answers.recent()
            ages = without_zeros(app.series("watched_queue_oldest_age_seconds"))
            workers = app.series("watched_workers")
            beats = app.series("watched_heartbeat_timestamp_seconds")
            fired = app.series("watched_schedule_last_fired_timestamp_seconds")
            now = float(postgres.psql(CLOCK))
    passed = now - began  # in which all of it grew older
    assert _older(ages, answers.counts("ages"), passed)
    assert workers == {(library.library, state): count for state, count in answers.workers.items()}
    assert _older(_ages(beats, now), answers.heartbeats, passed)
    assert _older(_ages(fired, now), answers.schedules, passed)


def test_the_capped_form_counts_the_same(postgres: Server, library: Library) -> None:
    # It counts each state apart, so that what two states claim is seen here.
    (counting,) = [one.counting for one in queries(library).values() if one.counting]
    assert counting.capped is not None
    answers = truth(library.library)
    with filled(postgres, library, "public") as database:
        sql = counting.capped.replace("$1", "'{}'").replace("$2", "10000")
        rows = [line.split("|") for line in postgres.psql(sql, database).splitlines()]
        for guess in counting.estimated.values():
            postgres.psql(f"EXPLAIN {guess.replace(QUEUE, chr(39) * 2)}", database)
    counted: dict[tuple[str, ...], float] = {
        (queue, state): float(jobs) for queue, state, jobs in rows
    }
    assert without_zeros(counted) == answers.counts("jobs")


def _older(found: Mapping[Any, float], told: Mapping[Any, float], seconds: float) -> bool:
    """Whether these ages are those that were told, or up to so many seconds more."""
    both = [(found[key], told[key]) for key in found.keys() & told.keys()]
    return found.keys() == told.keys() and all(
        age - 0.5 <= one <= age + seconds + 0.5 for one, age in both
    )


def _ages(stamps: Mapping[tuple[str, ...], float], now: float) -> dict[str, float]:
    return {name: now - at for (name,), at in stamps.items()}
