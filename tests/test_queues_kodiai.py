"""kodiai's webhook_queue, step by step as its own store writes it, held to a count by hand.

The steps are those of xbmc/kodiai:src/lifecycle/webhook-queue-store.ts at 24fba64: a webhook is
put in, taken up at the next start, and marked as completed or failed.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.support.asking import until
from tests.support.pg import Server
from tests.support.told import Told, grant, told

SCHEMA = Path(__file__).parent / "rows/kodiai/schema.sql"
NAME = "webhook_queue"
AGES = "watched_queue_oldest_age_seconds"
WITHOUT_CLAIMS = "ALTER TABLE webhook_queue DROP claimed_at, DROP error_message"


def put_in(minutes: int) -> str:
    return (
        "INSERT INTO webhook_queue (source, headers, body, queued_at)"
        f" VALUES ('github', '{{}}', '{{}}', now() - interval '{minutes} min')"
    )


def taken_up(ident: int, minutes: int) -> str:
    claimed = f", claimed_at = now() - interval '{minutes} min'"
    return f"UPDATE webhook_queue SET status = 'processing'{claimed} WHERE id = {ident}"


def config(postgres: Server, database: str) -> str:
    settings = {"url": postgres.url("watcher", database), "password": "first", "interval": "1s"}
    return yaml.safe_dump({"apps": [{"name": "k", "profile": "kodiai", "postgres": settings}]})


def prepared(postgres: Server, *statements: str) -> str:
    database = postgres.database()
    postgres.psql(SCHEMA.read_text(), database)
    for statement in statements:
        postgres.psql(statement, database)
    grant(postgres, database)
    return database


def states(app: Told) -> dict[str, float]:
    return {state: n for (_, state), n in app.series("watched_queue_jobs").items()}


def outcomes(app: Told) -> dict[str, float]:
    found = app.series("watched_queue_recent_jobs")
    return {outcome: n for (_, outcome, window), n in found.items() if window == "15m"}


async def test_a_webhook_from_being_put_in_to_its_end(postgres: Server) -> None:
    database = prepared(postgres)
    async with told(config(postgres, database)) as app:
        await app.answered()
        assert states(app) == {"ready": 0, "running": 0, "failed": 0}
        assert app.value(AGES, NAME, "due") == 0
        for minutes in (12, 7, 3):
            postgres.psql(put_in(minutes), database)
        await until(lambda: states(app)["ready"] == 3, "three webhooks that wait")
        # queued more than 5 min before a start that is 7 min ago: 12 min old
        await until(lambda: (app.value(AGES, NAME, "due") or 0) > 0, "their age")
        assert app.value(AGES, NAME, "due") == pytest.approx(12 * 60, abs=15)
        postgres.psql(taken_up(1, 16) + ";" + taken_up(2, 1), database)
        await until(lambda: states(app)["running"] == 2, "two that are replayed")
        await until(
            lambda: app.value("watched_queue_stuck_jobs", NAME, "lease") == 1,
            "one that nobody replays any more",
        )
        await until(lambda: (app.value(AGES, NAME, "claimed") or 0) > 0, "their age")
        assert app.value(AGES, NAME, "claimed") == pytest.approx(16 * 60, abs=15)
        postgres.psql(
            "UPDATE webhook_queue SET status = 'completed', processed_at = now() WHERE id = 2;"
            "UPDATE webhook_queue SET status = 'failed', error_message = 'x' WHERE id = 1",
            database,
        )
        await until(lambda: outcomes(app) == {"completed": 1, "exhausted": 0}, "the end of one")
        # It was claimed 16 min ago, which is all that is known of when it failed.
        assert app.value("watched_queue_recent_jobs", NAME, "exhausted", "1h") == 1
        await until(
            lambda: states(app) == {"ready": 1, "running": 0, "failed": 1}, "the row of the failed"
        )


async def test_before_claims_were_kept_the_age_of_the_webhook_tells(postgres: Server) -> None:
    failed = "UPDATE webhook_queue SET status = 'failed' WHERE id = 3"
    running = "UPDATE webhook_queue SET status = 'processing' WHERE id <= 2"
    rows = [put_in(minutes) for minutes in (18, 4, 9)]
    database = prepared(postgres, WITHOUT_CLAIMS, *rows, running, failed)
    async with told(config(postgres, database)) as app:
        await app.answered()
        assert states(app) == {"ready": 0, "running": 2, "failed": 1}
        assert app.value("watched_queue_stuck_jobs", NAME, "lease") == 1
        assert app.value(AGES, NAME, "claimed") == pytest.approx(18 * 60, abs=15)
        assert outcomes(app) == {"completed": 0, "exhausted": 1}
        assert set(app.disabled().values()) <= {"version"}


async def test_a_database_without_the_table_says_so(postgres: Server) -> None:
    async with told(config(postgres, postgres.database())) as app:
        await app.answered()
        assert "missing" in app.disabled().values()
        assert app.series("watched_queue_jobs") == {}


async def test_a_restart_takes_up_what_a_crashed_start_left(postgres: Server) -> None:
    """A start first puts back what was claimed more than a minute ago, then takes all there is."""
    rows = [put_in(40), put_in(30), taken_up(1, 20), taken_up(2, 20)]
    database = prepared(postgres, *rows)
    async with told(config(postgres, database)) as app:
        await app.answered()
        assert app.value("watched_queue_stuck_jobs", NAME, "lease") == 2
        put_back = "UPDATE webhook_queue SET status = 'pending' WHERE claimed_at < now() - {}"
        postgres.psql(put_back.format("interval '60 s'"), database)
        await until(lambda: states(app)["ready"] == 2, "both to wait")
        await until(lambda: (app.value(AGES, NAME, "due") or 0) > 0, "their age")
        assert app.value(AGES, NAME, "due") == pytest.approx(40 * 60, abs=15)
        postgres.psql(taken_up(1, 0) + ";" + taken_up(2, 0), database)
        await until(lambda: states(app)["running"] == 2, "both to be taken up")
        await until(
            lambda: app.value("watched_queue_stuck_jobs", NAME, "lease") == 0, "none to be stuck"
        )


async def test_neither_headers_nor_bodies_have_to_be_readable(postgres: Server) -> None:
    database = prepared(postgres, put_in(12))
    columns = "status, queued_at, claimed_at, processed_at"
    postgres.psql(
        "REVOKE SELECT ON webhook_queue FROM watcher;"
        f"GRANT SELECT ({columns}) ON webhook_queue TO watcher",
        database,
    )
    async with told(config(postgres, database)) as app:
        await app.answered()
        assert states(app) == {"ready": 1, "running": 0, "failed": 0}
        assert "privilege" not in app.disabled().values()


async def test_somebody_else_s_webhook_queue_is_left_alone(postgres: Server) -> None:
    database = postgres.database()
    postgres.psql(
        "CREATE TABLE webhook_queue (id int, source text, status text, queued_at timestamptz,"
        " claimed_at timestamptz, processed_at timestamptz)",
        database,
    )
    grant(postgres, database)
    async with told(config(postgres, database)) as app:
        await app.answered()
        assert app.series("watched_queue_jobs") == {}
