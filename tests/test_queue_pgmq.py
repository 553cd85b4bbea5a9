"""pgmq as its own SQL makes it, beside what its metrics() say of the same messages."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from exporter.config.queues import libraries
from tests.support.asking import asked, until
from tests.support.parts import Parts
from tests.support.pg import Server
from tests.support.queues import SETTINGS, told
from tests.support.wheels import installed

# The wheel of the client carries the extension's SQL; the client itself is not run.
PGMQ = "pgmq==1.1.4"
JOBS = "watched_queue_jobs"


@dataclass(frozen=True)
class Queues:
    """A database with pgmq in it, and what its functions are called with."""

    postgres: Server
    database: str

    def call(self, *calls: str) -> str:
        """What the last of these calls returns."""
        for call in calls:
            answer = self.postgres.psql(f"SELECT * FROM pgmq.{call}", self.database)
        return answer

    def age(self, queue: str, minutes: int) -> None:
        """Have all that is in a queue been there for so much longer."""
        self.postgres.psql(
            f"UPDATE pgmq.q_{queue} SET enqueued_at = enqueued_at - interval '{minutes} min',"
            f" vt = vt - interval '{minutes} min'",
            self.database,
        )

    def truth(self) -> dict[str, tuple[int, int, int | None]]:
        """By queue: its messages, those that can be read, and the age of the oldest."""
        rows = self.postgres.psql(
            "SELECT queue_name, queue_length, queue_visible_length, oldest_msg_age_sec"
            " FROM pgmq.metrics_all()",
            self.database,
        )
        found = {}
        for row in rows.splitlines():
            queue, length, visible, oldest = row.split("|")
            found[queue] = int(length), int(visible), int(oldest) if oldest else None
        return found


@pytest.fixture
def queues(postgres: Server, parts: Parts) -> Queues:
    folder = installed(parts, PGMQ) / "pgmq" / "sql"
    parts.note("pgmq's SQL", (folder / "VERSION").read_text().strip())
    database = postgres.database()
    postgres.psql((folder / "pgmq.sql").read_text(), database)
    return Queues(postgres, database)


async def test_messages_are_told_as_pgmq_tells_them(queues: Queues) -> None:
    queues.call(
        "create('mail')",
        "create('Orders')",  # its table's name has small letters
        "create_unlogged('idle')",
        "send_batch('mail', ARRAY['{}', '{}', '{}']::jsonb[])",
        "read('mail', 0, 1)",  # its lease is over at once
    )
    queues.age("mail", 10)
    queues.call(
        "send('mail', '{}', 3600)",
        "send('mail', '{}')",
        "read('mail', 7200, 1)",  # the oldest is taken
        "archive('mail', 2)",
        "send('Orders', '{}', 3600)",
        "send('Orders', '{}')",
        "pop('Orders')",
    )
    library = libraries()["pgmq"]
    url = queues.postgres.url("watcher", queues.database)
    async with asked(SETTINGS.format(url=url)) as app:
        await told(app, library)
        assert app.series(JOBS) == {
            ("mail", "ready"): 2,
            ("mail", "scheduled"): 1,
            ("mail", "running"): 1,
            ("Orders", "ready"): 0,
            ("Orders", "scheduled"): 1,
            ("Orders", "running"): 0,
            ("idle", "ready"): 0,
            ("idle", "scheduled"): 0,
            ("idle", "running"): 0,
        }
        truth = queues.truth()
        for queue, (length, visible, _) in truth.items():
            states = {state: n for (name, state), n in app.series(JOBS).items() if name == queue}
            assert (sum(states.values()), states["ready"]) == (length, visible)
        ages = app.series("watched_queue_oldest_age_seconds")
        # The first message, ten minutes old, is held; the third is as old, and neither.
        assert truth["mail"][2] == pytest.approx(600, abs=10)
        assert ages == {
            ("mail", "due"): pytest.approx(600, abs=10),
            ("mail", "enqueued"): pytest.approx(600, abs=10),
            ("Orders", "due"): 0,
            ("Orders", "enqueued"): pytest.approx(0, abs=10),
            ("idle", "due"): 0,
            ("idle", "enqueued"): 0,
        }


async def test_many_messages_are_counted_up_to_the_cap(queues: Queues) -> None:
    queues.call(
        "create('mail')",
        "send_batch('mail', array_fill('{}'::jsonb, ARRAY[10050]))",
        "create('few')",
        "send('few', '{}')",
    )
    url = queues.postgres.url("watcher", queues.database)
    async with asked(SETTINGS.format(url=url)) as app:
        capped = "watched_queue_count_capped"
        await until(lambda: app.value(capped, "mail") == 1, "the cap")
        assert app.value(JOBS, "mail", "ready") == 5_000  # the two queues share 10,000
        assert app.value(JOBS, "few", "ready") == 1
        assert app.value(capped, "few") == 0


async def test_a_role_that_may_not_read_the_messages_is_told(queues: Queues) -> None:
    queues.call("create('mail')")
    stranger = queues.postgres.url("stranger", queues.database)
    async with asked(SETTINGS.format(url=stranger)) as app:
        await until(lambda: app.disabled().get("pgmq_jobs") == "privilege", "the reason")
        assert app.series(JOBS) == {}
