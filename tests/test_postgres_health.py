"""The health of a real database, held against what psql says of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from exporter.config.postgres import health, misfit
from exporter.vocabulary import FAMILIES
from tests.support.asking import Asked, asked, until
from tests.support.pg import MAX_CONNECTIONS, Server

SETTINGS = 'url: "{url}"\npassword: first\ninterval: 1s\n'


def settings(postgres: Server, database: str, user: str = "watcher") -> str:
    return SETTINGS.format(url=postgres.url(user, database))


@contextmanager
def sessions(postgres: Server, database: str, *each: tuple[str, ...]) -> Iterator[None]:
    """Clients that have run these statements and stay connected."""
    clients = [postgres.session(database, *statements) for statements in each]
    try:
        yield
    finally:
        for client in clients:
            client.kill()
            client.communicate()


def not_for(postgres: Server) -> set[str]:
    """The queries that are for other versions."""
    since_17 = int(postgres.version().partition(".")[0]) >= 17
    return {"checkpoints"} if since_17 else {"checkpoints_since_17"}


async def ready(app: Asked, postgres: Server) -> None:
    """Wait for the first round of queries."""
    names = {query.name for query in health()} - not_for(postgres)
    await until(
        lambda: {name for (name,) in app.series("sidewatch_query_duration_seconds")} >= names,
        "all queries to have run",
    )


@pytest.mark.parametrize("query", health(), ids=lambda query: query.name)
def test_every_query_fits_the_vocabulary(query: object) -> None:
    for metric in query.metrics:  # type: ignore[attr-defined]
        assert misfit(query, metric, FAMILIES) is None  # type: ignore[arg-type]


async def test_the_values_are_those_that_psql_sees(each_postgres: Server) -> None:
    postgres = each_postgres
    database = postgres.database()
    postgres.psql("CREATE TABLE t AS SELECT generate_series(1, 1000) AS i; ANALYZE t", database)
    postgres.psql("CREATE UNIQUE INDEX one ON t (i)", database)
    postgres.psql(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'one'::regclass", database
    )
    idle = ("BEGIN", "SELECT 1")
    with sessions(postgres, database, idle, ("SET application_name = web",), ("SELECT 1",)):
        async with asked(settings(postgres, database)) as app:
            await ready(app, postgres)
            assert app.series("watched_postgres_connections") == {
                (database, "idle_in_transaction", "postgres", "psql"): 1,
                (database, "idle", "postgres", "psql"): 1,
                (database, "idle", "postgres", "web"): 1,
            }
            assert app.value("watched_postgres_up", database) == 1
            assert app.value("watched_postgres_max_connections", database) == MAX_CONNECTIONS - 3
            # Ours and the three: the psql that asks is one more, but not yet there.
            assert app.value("watched_postgres_server_connections", database) == 4
            size = int(postgres.psql(f"SELECT pg_database_size('{database}')"))
            assert app.value("watched_postgres_size_bytes", database) == size
            age = app.value("watched_postgres_xid_age", database)
            truth = postgres.psql(
                f"SELECT age(datfrozenxid) FROM pg_database WHERE datname='{database}'"
            )
            assert age == pytest.approx(float(truth), abs=50)
            start = postgres.psql("SELECT extract(epoch FROM pg_postmaster_start_time())")
            started = app.value("watched_postgres_start_timestamp_seconds", database)
            assert started == pytest.approx(float(start), abs=1e-3)
            known = app.series("watched_postgres_info")
            assert known == {(database, postgres.version(), "primary"): 1}
            assert app.value("watched_postgres_invalid_indexes", database) == 1
            assert app.value("watched_postgres_blocked_backends", database) == 0
            assert app.series("watched_postgres_replication_lag_seconds") == {}
            longest = app.value("watched_postgres_longest_idle_transaction_seconds", database)
            assert longest is not None
            assert 0 < longest < 20
            skew = app.value("watched_postgres_clock_skew_seconds", database)
            assert skew == pytest.approx(0, abs=0.1)  # it is this machine's clock
            assert app.disabled() == dict.fromkeys(not_for(postgres), "version")
            assert postgres.backends(database) == 1
    assert postgres.backends(database) == 0


async def test_totals_count_from_when_they_were_first_seen(postgres: Server) -> None:
    database = postgres.database()
    async with asked(settings(postgres, database)) as app:
        await ready(app, postgres)
        before = app.value("watched_postgres_transactions_total", database, "rolled_back")
        assert before is not None
        assert before < 5  # not what the server has counted since it began
        for _ in range(10):
            postgres.psql("BEGIN; ROLLBACK", database)
        # The statistics of a backend that ends are there at once; ours stay without a rollback.
        await until(
            lambda: (
                app.value("watched_postgres_transactions_total", database, "rolled_back")
                == before + 10
            ),
            "ten rollbacks",
        )


async def test_who_waits_for_a_lock_is_seen(postgres: Server) -> None:
    database = postgres.database()
    postgres.psql("CREATE TABLE t (i int)", database)
    with sessions(postgres, database, ("BEGIN", "LOCK t")):
        waiting = postgres.session(database, "SET application_name = waiting")
        assert waiting.stdin is not None
        waiting.stdin.write("SELECT * FROM t;\n")
        waiting.stdin.flush()
        async with asked(settings(postgres, database)) as app:
            await until(
                lambda: app.value("watched_postgres_blocked_backends", database) == 1,
                "the blocked backend",
            )
            await until(
                lambda: (app.value("watched_postgres_longest_blocked_seconds", database) or 0) > 1,
                "a second of waiting",
            )
        waiting.kill()
        waiting.communicate()


async def test_without_pg_monitor_what_would_be_wrong_is_not_told(
    postgres: Server, caplog: pytest.LogCaptureFixture
) -> None:
    database = postgres.database()
    with sessions(postgres, database, ("SELECT 1",)):
        async with asked(settings(postgres, database, "stranger")) as app:
            await until(lambda: "transactions" in app.disabled(), "the query to be disabled")
            assert app.disabled()["transactions"] == "privilege"
            await until(lambda: bool(app.series("watched_postgres_connections")), "the connections")
            assert app.series("watched_postgres_connections") == {
                (database, "other", "postgres", "psql"): 1
            }
            assert app.value("watched_postgres_longest_transaction_seconds", database) is None
    assert 'GRANT pg_read_all_stats TO "stranger"' in caplog.text


async def test_what_another_exporter_has_is_not_asked(postgres: Server) -> None:
    database = postgres.database()
    text = settings(postgres, database) + "subjects: {connections: off, size: off}\n"
    async with asked(text + "pool_limit: 10\nsize_limit: 1GiB\n") as app:
        await until(lambda: bool(app.series("watched_postgres_info")), "the other subjects")
        assert app.series("watched_postgres_connections") == {}
        assert app.series("watched_postgres_size_bytes") == {}
        assert app.value("watched_postgres_pool_limit", database) == 10
        assert app.value("watched_postgres_size_limit_bytes", database) == 2**30
