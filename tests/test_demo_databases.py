"""What the simulated applications write into their databases: the same that their lines say.

The real server of the demo's wheel holds it; the applications' time is set, so nothing is waited
for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from exporter.demo.databases import APPS, Book, prepare, url
from exporter.demo.entries import Deed, Entry, Happening
from exporter.demo.plainjobs import KEPT_SECONDS
from exporter.demo.postgres import connect, installed, postgres
from exporter.demo.scenes import SCRIPT, spans
from exporter.demo.show import play
from exporter.demo.timeline import Timeline
from tests.support.asking import asked, until
from tests.support.demo import note, short_folder
from tests.support.parts import Parts

ASKED = """\
url: "{url}"
interval: 1s
"""
TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
CYCLE = sum(scene.minutes for scene in SCRIPT) * 60.0
BEGINS = {span.scene.title: span.begin for span, _ in zip(spans(), SCRIPT, strict=False)}
KILLED = BEGINS["Both workers of pullapprove are killed"]
SHUTDOWN = next(begin for title, begin in BEGINS.items() if "does not end" in title)
BACK = BEGINS["The workers are back"]
STUCK = BEGINS["A webhook of kodiai is stuck"]

pytestmark = pytest.mark.asyncio(loop_scope="module")  # for the server is started in that loop


class Stage:
    """Both databases, and the applications' time, which goes on as it is told."""

    def __init__(self, folder: Path, books: dict[str, Book]) -> None:
        self.folder = folder
        self.books = books
        self.said: list[Entry] = []
        self._now = 0.0
        self._timeline = Timeline(60.0, lambda: self._now)
        self._timeline.begin()
        self._play: Iterator[Happening] = play(seed=1)
        self._ahead = next(self._play)

    async def until(self, at: float) -> None:
        """All happens that happens before then."""
        deeds: dict[str, list[Deed]] = {app: [] for app in APPS}
        while self._ahead.at < at:
            if isinstance(self._ahead, Deed):
                deeds[self._ahead.app].append(self._ahead)
            else:
                self.said.append(self._ahead)
            self._ahead = next(self._play)
        self._now = at
        for app, book in self.books.items():
            await book.write(deeds[app], self._timeline)

    async def ask(self, app: str, sql: str) -> list[Any]:
        """The first column of an answer."""
        return [row[0] for row in await self.books[app].connection.fetch(sql)]

    async def one(self, app: str, sql: str) -> Any:
        (value,) = await self.ask(app, sql)
        return value

    def lines(self, message: str) -> list[Entry]:
        """What was said in these words."""
        return [one for one in self.said if one.message == message]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(parts: Parts) -> AsyncIterator[Path]:
    """The folder of a server with both databases."""
    note(parts)
    with short_folder() as folder:
        async with postgres(installed(folder), folder):
            await prepare(folder)
            yield folder


@pytest_asyncio.fixture(loop_scope="module")
async def stage(server: Path) -> AsyncIterator[Stage]:
    """Both applications at their beginning, with nothing in their tables."""
    async with AsyncExitStack() as stack:
        books = {}
        for app in APPS:
            connection = await connect(server, app, app)
            stack.push_async_callback(connection.close)
            tables = await connection.fetch(TABLES)
            await connection.execute(f"TRUNCATE {', '.join(row[0] for row in tables)}")
            books[app] = await Book.open(connection, app)
        yield Stage(server, books)


async def test_each_job_is_in_the_tables_as_its_lines_say(stage: Stage) -> None:
    await stage.until(CYCLE - 1.0)
    assert CYCLE < KEPT_SECONDS  # nothing of it has been deleted
    begun = await stage.ask(
        "pullapprove",
        "SELECT job_request_uuid FROM plainjobs_jobprocess WHERE started_at IS NOT NULL UNION ALL "
        "SELECT job_request_uuid FROM plainjobs_jobresult WHERE started_at IS NOT NULL",
    )
    executing = [one.fields["job_request_uuid"] for one in stage.lines("Executing job")]
    assert len(executing) > 300
    assert sorted(map(str, begun)) == sorted(executing)

    count = Counter(await stage.ask("pullapprove", "SELECT status FROM plainjobs_jobresult"))
    assert count["ERRORED"] == len(stage.lines("Job failed")) > 0
    assert count["DEFERRED"] == len(stage.lines("Job deferred")) > 0
    completed = stage.lines("Completed job")
    assert count["SUCCESSFUL"] == len(completed) - count["ERRORED"] - count["DEFERRED"] > 0
    assert count["LOST"] > 0  # and no line tells of them
    assert sum(count.values()) == len(completed) + count["LOST"]

    rows = await stage.books["pullapprove"].connection.fetch(
        "SELECT uuid::text, extract(epoch FROM ended_at - started_at)::float8, "
        "extract(epoch FROM started_at - requested_at)::float8 "
        "FROM plainjobs_jobresult WHERE status <> 'LOST'"
    )
    written = {uuid: (took, waited) for uuid, took, waited in rows}
    for one in completed:
        said = (one.fields["job_duration"], one.fields["job_queue_time"])
        assert written[one.fields["job_result_uuid"]] == pytest.approx(said, abs=2e-6)


async def test_the_workers_count_what_is_in_the_tables(stage: Stage) -> None:
    for minute in (1, 5, 29, 31, 40):  # dead from 9 to 29; at 30 they rescue, after that line
        await stage.until(minute * 60 + 0.001)
        said = stage.lines("Job worker stats")[-1]
        assert said.at == minute * 60
        for field, table in (
            ("jobs_requested", "plainjobs_jobrequest"),
            ("jobs_processing", "plainjobs_jobprocess"),
        ):
            counted = await stage.one("pullapprove", f"SELECT count(*) FROM {table}")
            assert said.fields[field] == counted, (minute, field)


async def test_killed_workers_go_stale_and_others_rescue_their_jobs(stage: Stage) -> None:
    async def heartbeats() -> list[float]:
        """The ages of all, the youngest first."""
        return sorted(
            await stage.ask(
                "pullapprove",
                "SELECT extract(epoch FROM now() - last_heartbeat_at)::float8 "
                "FROM plainjobs_workerheartbeat",
            )
        )

    await stage.until(KILLED - 1.0)
    assert await heartbeats() == pytest.approx([59.0, 59.0], abs=1.0)
    await stage.until(BACK - 1.0)
    dead = BACK - KILLED
    assert await heartbeats() == pytest.approx([dead + 59.0] * 2, abs=1.0)
    assert await stage.one("pullapprove", "SELECT count(*) FROM plainjobs_jobprocess") > 0
    oldest = "SELECT extract(epoch FROM now() - min(created_at))::float8 FROM plainjobs_jobrequest"
    assert dead - 60 < await stage.one("pullapprove", oldest) < dead + 120
    assert await stage.one("pullapprove", "SELECT count(*) FROM plainjobs_jobrequest") > 120
    await stage.until(BACK + 59.0)
    assert await heartbeats() == pytest.approx([59.0, 59.0, dead + 119.0, dead + 119.0], abs=1.0)
    await stage.until(BACK + 61.0)
    assert await heartbeats() == pytest.approx([1.0, 1.0], abs=1.0)
    lost = "SELECT count(*) FROM plainjobs_jobresult WHERE status = 'LOST'"
    assert await stage.one("pullapprove", lost) > 0
    await stage.until(BACK + 180.0)
    assert await stage.one("pullapprove", "SELECT count(*) FROM plainjobs_jobrequest") < 20


async def test_a_failed_job_is_retried_as_often_as_it_may(stage: Stage) -> None:
    await stage.until(CYCLE - 1.0)
    rows = await stage.books["pullapprove"].connection.fetch(
        "SELECT r.retries, r.retry_attempt, n.retry_attempt AS then, "
        "extract(epoch FROM n.started_at - r.ended_at)::float8 AS pause "
        "FROM plainjobs_jobresult AS r "
        "LEFT JOIN plainjobs_jobresult AS n ON n.job_request_uuid = r.retry_job_request_uuid "
        "WHERE r.status IN ('ERRORED', 'LOST')"
    )
    again = [row for row in rows if row["then"] is not None]
    assert len(again) > 5
    assert all(row["then"] == row["retry_attempt"] + 1 <= row["retries"] for row in again)
    assert all(row["pause"] >= 60 * row["then"] for row in again)
    done = [row for row in rows if row["then"] is None]
    assert all(row["retry_attempt"] == row["retries"] for row in done)
    assert done


async def test_webhooks_wait_for_a_start_and_one_is_stuck_until_the_next(stage: Stage) -> None:
    async def states() -> Counter[str]:
        return Counter(await stage.ask("kodiai", "SELECT status FROM webhook_queue"))

    await stage.until(SHUTDOWN + 540.0)
    waiting = await states()
    queued = len(stage.lines("Webhook queued to PostgreSQL for drain-time replay"))
    assert waiting == {"pending": queued}
    assert queued > 1
    await stage.until(STUCK + 7 * 60.0)
    assert await states() == {"processing": 1, "completed": queued - 1}
    assert not stage.lines("Startup webhook queue replay complete")
    age = (
        "SELECT extract(epoch FROM now() - claimed_at)::float8 FROM webhook_queue "
        "WHERE status = 'processing'"
    )
    assert await stage.one("kodiai", age) > 15 * 60
    await stage.until(CYCLE - 1.0)
    queued = len(stage.lines("Webhook queued to PostgreSQL for drain-time replay"))
    assert await states() == {"completed": queued}
    (recovered,) = stage.lines(
        "Recovered webhook_queue rows stuck in 'processing' from a prior crash"
    )
    (replayed,) = stage.lines("Startup webhook queue replay complete")
    assert recovered.fields["count"] == 1
    rows = (
        "SELECT id FROM webhook_queue WHERE claimed_at > (SELECT max(queued_at) FROM webhook_queue)"
    )
    claimed = await stage.ask("kodiai", rows)
    assert replayed.fields["queuedWebhooksProcessed"] == len(claimed)
    assert set(map(int, recovered.fields["ids"])) <= set(claimed)


async def test_sidewatch_tells_what_is_in_the_tables(stage: Stage) -> None:
    await stage.until(SHUTDOWN - 1.0)  # the workers have been dead for nine minutes
    async with asked(ASKED.format(url=url(stage.folder, "pullapprove"))) as shop:
        await until(lambda: shop.value("watched_workers", "plain.jobs", "stale") == 2, "workers")
        await until(lambda: bool(shop.series("watched_queue_recent_jobs")), "what has ended")
        await until(lambda: bool(shop.series("watched_queue_stuck_jobs")), "what is stuck")
        jobs = shop.series("watched_queue_jobs")
        ages = shop.series("watched_queue_oldest_age_seconds")
        recent = shop.series("watched_queue_recent_jobs")
        stuck = shop.series("watched_queue_stuck_jobs")
        assert shop.value("watched_workers", "plain.jobs", "live") == 0
        assert not [name for name in shop.disabled() if name.startswith("plain")]
    waiting = await stage.one("pullapprove", "SELECT count(*) FROM plainjobs_jobrequest")
    assert jobs["default", "ready"] == waiting > 60
    taken = await stage.one("pullapprove", "SELECT count(*) FROM plainjobs_jobprocess")
    assert jobs["default", "running"] + jobs["default", "blocked"] == taken > 0
    assert stuck["default", "heartbeat"] == taken
    assert 420 < ages["default", "due"] < 660
    for status, outcomes in {
        "SUCCESSFUL": ("completed",),
        "ERRORED": ("failed", "exhausted"),
        "LOST": ("lost",),
    }.items():
        count = f"SELECT count(*) FROM plainjobs_jobresult WHERE status = '{status}'"
        told = sum(recent["default", outcome, "1h"] for outcome in outcomes)
        assert told == await stage.one("pullapprove", count), status


async def test_sidewatch_tells_which_webhooks_wait_and_which_is_stuck(stage: Stage) -> None:
    async with asked(ASKED.format(url=url(stage.folder, "kodiai"))) as shop:

        def told(metric: str, *labels: str) -> float | None:
            return shop.value(metric, "webhook_queue", *labels)

        await until(lambda: told("watched_queue_jobs", "ready") == 0, "an explicit zero")
        await stage.until(SHUTDOWN + 540.0)
        waiting = await stage.one("kodiai", "SELECT count(*) FROM webhook_queue")
        await until(lambda: told("watched_queue_jobs", "ready") == waiting > 20, "what waits")
        assert told("watched_queue_stuck_jobs", "lease") == 0
        await stage.until(STUCK + 7 * 60.0)
        await until(lambda: told("watched_queue_stuck_jobs", "lease") == 1, "the stuck one")
        await until(lambda: told("watched_queue_jobs", "running") == 1, "its state")
        await stage.until(CYCLE - 1.0)
        await until(lambda: told("watched_queue_stuck_jobs", "lease") == 0, "its rescue")


async def test_old_results_are_deleted(stage: Stage) -> None:
    await stage.until(KEPT_SECONDS + 1500.0)
    oldest = "SELECT max(extract(epoch FROM now() - created_at))::float8 FROM plainjobs_jobresult"
    assert 3600 < await stage.one("pullapprove", oldest) < KEPT_SECONDS + 600


async def test_the_watcher_may_read_all_and_write_nothing(stage: Stage) -> None:
    for app in APPS:
        connection = await connect(stage.folder, "watcher", app)
        try:
            tables = [row[0] for row in await connection.fetch(TABLES)]
            assert len(tables) >= 5
            rights = "SELECT has_table_privilege($1, 'SELECT'), has_table_privilege($1, 'INSERT')"
            for table in tables:
                assert tuple(await connection.fetchrow(rights, table)) == (True, False)
        finally:
            await connection.close()
