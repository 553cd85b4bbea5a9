"""What sidewatch tells of a queue library at one moment, in the words of the library's drivers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from tests.support.asking import Asked, asked, until
from tests.support.pg import Server

SETTINGS = """\
url: "{url}"
password: first
interval: 1s
subjects: {{connections: false, indexes: false, replication: false, server: false, size: false,
  traffic: false, transactions: false, vacuum: false, wal: false, wraparound: false}}
queues: {{{library}: {{{use}}}}}
"""
SECONDS = 15.0  # what may pass between the answer of the library and ours

Counts = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Seen:
    """One library's queues: numbers by the label that tells them apart, then by queue."""

    jobs: Counts
    ages: Counts
    recent: Counts
    stuck: Counts
    workers: Mapping[str, float]
    fired: Mapping[str, float]

    def agrees(self, truth: Counts) -> None:
        """That each state, outcome and clock it tells is what the library's own API says."""
        for told in (self.jobs, self.recent):
            assert _more_than_zero(told) == {name: truth[name] for name in told}
        for clock, ages in _more_than_zero(self.ages).items():
            if clock != "progress":  # of our own making
                assert ages == pytest.approx(truth[clock], abs=SECONDS), clock


def _more_than_zero(told: Counts) -> Counts:
    return {
        name: {queue: value for queue, value in values.items() if value}
        for name, values in told.items()
    }


async def seen(postgres: Server, database: str, library: str, use: str = "") -> Seen:
    """Ask the database until every question about the library was answered once.

    `use` is what the configuration says of the library, as in `names: {schema: jobs}`.
    """
    url = postgres.url("watcher", database)
    async with asked(SETTINGS.format(url=url, library=library, use=use)) as app:
        await until(lambda: _answered(app, library), f"answers about {library}", within=30)
        return Seen(
            jobs=_split(app, "watched_queue_jobs"),
            ages=_split(app, "watched_queue_oldest_age_seconds"),
            recent=_split(app, "watched_queue_recent_jobs", "1h"),
            stuck=_split(app, "watched_queue_stuck_jobs"),
            workers={state: value for (_, state), value in app.series("watched_workers").items()},
            fired={
                name: value
                for (name,), value in app.series(
                    "watched_schedule_last_fired_timestamp_seconds"
                ).items()
            },
        )


def _answered(app: Asked, library: str) -> bool:
    """That no question is left; where one is switched off, the reasons tell more than waiting."""
    own = library.translate(str.maketrans("-.", "__"))
    asking = {name for (name,) in app.series("sidewatch_query_interval_seconds")}
    answered = {name for (name,) in app.series("sidewatch_query_duration_seconds")}
    assert app.disabled() == {}, app.disabled()
    return f"{own}_jobs" in asking and asking <= answered


def _split(app: Asked, metric: str, window: str | None = None) -> Counts:
    """The series by their second label, those of one window where they have one."""
    found: dict[str, dict[str, float]] = {}
    for (queue, name, *rest), value in app.series(metric).items():
        if rest == [window] or not rest:
            found.setdefault(name, {})[queue] = value
    return found
