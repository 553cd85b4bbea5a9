"""How real servers are kept: dead rows, invalid indexes, lost slots, replicas, archiving."""

from __future__ import annotations

from textwrap import indent

import pytest

from tests.support.asking import Asked, asked, until, watched
from tests.support.pg import Server, replica, server

DEAD, INVALID = "watched_postgres_dead_rows_worst_ratio", "watched_postgres_invalid_indexes"
LOST, REPLICAS = "watched_postgres_slot_lost", "watched_postgres_replicas"
ARCHIVE = "watched_postgres_archive_failing"
SLOT = "standby"
LATEST = "dead_rows"  # the last of all queries


def settings(postgres: Server, database: str, user: str = "watcher") -> str:
    return f'url: "{postgres.url(user, database)}"\npassword: first\ninterval: 1s\n'


async def all_asked(app: Asked) -> None:
    """Wait for the end of the first round."""
    await until(
        lambda: (LATEST,) in app.series("sidewatch_query_duration_seconds"), "all queries to run"
    )


async def test_the_worst_table_is_told_where_it_has_many_dead_rows(each_postgres: Server) -> None:
    database = each_postgres.database()
    alone = "WITH (autovacuum_enabled = false)"  # else the server's own look comes between
    each_postgres.psql(
        f"CREATE TABLE worst {alone} AS SELECT generate_series(1, 14000) AS i;"
        f"CREATE TABLE fine {alone} AS SELECT generate_series(1, 50000) AS i;"
        f"CREATE TABLE small {alone} AS SELECT generate_series(1, 100) AS i",
        database,
    )
    each_postgres.psql("DELETE FROM worst WHERE i <= 10500", database)
    each_postgres.psql("DELETE FROM fine WHERE i <= 10000", database)
    each_postgres.psql("DELETE FROM small", database)
    async with asked(settings(each_postgres, database)) as app:
        await until(lambda: app.value(DEAD, database) is not None, "the share")
        assert app.value(DEAD, database) == pytest.approx(0.75)
    each_postgres.psql("VACUUM worst, fine, small", database)
    async with asked(settings(each_postgres, database)) as app:
        await until(lambda: app.value(DEAD, database) is not None, "the share")
        assert app.value(DEAD, database) == 0


async def test_an_index_that_is_being_built_is_no_fault_even_to_a_stranger(
    each_postgres: Server,
) -> None:
    database = each_postgres.database()
    each_postgres.psql("CREATE TABLE t AS SELECT generate_series(1, 100) AS i", database)
    writer = each_postgres.session(database, "BEGIN", "INSERT INTO t VALUES (0)")
    builder = each_postgres.session(database)
    assert builder.stdin is not None
    builder.stdin.write("CREATE INDEX CONCURRENTLY waits ON t (i);\n")
    builder.stdin.flush()
    try:
        await until(
            lambda: (
                each_postgres.psql("SELECT count(*) FROM pg_index WHERE NOT indisvalid", database)
                == "1"
            ),
            "the index to be there",
        )
        for user in ("watcher", "stranger"):
            async with asked(settings(each_postgres, database, user)) as app:
                await until(lambda: app.value(INVALID, database) is not None, "the indexes")
                assert app.value(INVALID, database) == 0, user
    finally:
        each_postgres.psql(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
            " AND query LIKE 'CREATE INDEX%'"
        )
        for child in (writer, builder):
            child.kill()
            child.communicate()
    async with asked(settings(each_postgres, database, "stranger")) as app:
        await until(lambda: app.value(INVALID, database) is not None, "the indexes")
        assert app.value(INVALID, database) == 1


async def test_the_index_of_a_partitioned_table_is_no_fault_until_its_parts_are_attached(
    each_postgres: Server,
) -> None:
    database = each_postgres.database()
    each_postgres.psql(
        "CREATE TABLE whole (i int) PARTITION BY RANGE (i);"
        "CREATE TABLE part PARTITION OF whole FOR VALUES FROM (0) TO (9);"
        "CREATE INDEX awaits ON ONLY whole (i)",
        database,
    )
    invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
    assert each_postgres.psql(invalid, database) == "1"
    async with asked(settings(each_postgres, database)) as app:
        await until(lambda: app.value(INVALID, database) is not None, "the indexes")
        assert app.value(INVALID, database) == 0


async def test_a_slot_that_the_server_gave_up_is_told(each_postgres: Server) -> None:
    database = each_postgres.database()
    each_postgres.psql("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
    each_postgres.psql("SELECT pg_reload_conf()")
    each_postgres.psql(f"SELECT pg_create_physical_replication_slot('{SLOT}', true)")
    try:
        async with asked(settings(each_postgres, database)) as app:
            await until(lambda: bool(app.series(LOST)), "the slot")
            assert app.series(LOST) == {(database, SLOT): 0}
        for _ in range(3):
            each_postgres.psql("CREATE TABLE t (i int); DROP TABLE t", database)
            each_postgres.psql("SELECT pg_switch_wal()")
        each_postgres.psql("CHECKPOINT")
        async with asked(settings(each_postgres, database)) as app:
            await until(lambda: bool(app.series(LOST)), "the slot")
            assert app.series(LOST) == {(database, SLOT): 1}
    finally:
        each_postgres.psql(f"SELECT pg_drop_replication_slot('{SLOT}')")
        each_postgres.psql("ALTER SYSTEM RESET max_slot_wal_keep_size")
        each_postgres.psql("SELECT pg_reload_conf()")


async def test_where_nothing_is_archived_or_sent_on_that_is_said(postgres: Server) -> None:
    database = postgres.database()
    async with asked(settings(postgres, database, "stranger")) as app:
        await all_asked(app)
        assert app.series(ARCHIVE) == {}
        assert app.value(REPLICAS, database) == 0


async def test_replicas_are_counted_and_a_failing_archive_is_told_until_it_works() -> None:
    with server() as primary:
        primary.configure({"archive_mode": "on", "archive_command": "'false'"})
        primary.stop()
        primary.start()
        primary.psql("CREATE TABLE t (i int)")
        with replica(primary) as standby:
            for one, role in ((primary, "primary"), (standby, "replica")):
                part = indent(settings(one, "postgres"), "  ")
                async with watched(
                    f"objectives: {{postgres_replicas: 1}}\npostgres:\n{part}"
                ) as app:
                    await all_asked(app)
                    assert app.value(f"{REPLICAS}_objective", "postgres") == 1
                    assert {labels[2] for labels in app.series("watched_postgres_info")} == {role}
                    assert app.value(REPLICAS, "postgres") == (role == "primary")
                    # A replica archives nothing, has none of the primary's statistics, and cannot
                    # tell of what is being built elsewhere.
                    assert _told(app) == ({ARCHIVE, DEAD, INVALID} if role == "primary" else set())
        await until(lambda: _archiver(primary, "failed_count") > 0, "the archiver to fail")
        async with asked(settings(primary, "postgres")) as app:
            await all_asked(app)
            assert app.value(ARCHIVE, "postgres") == 1
            assert app.value(REPLICAS, "postgres") == 0
        primary.psql("ALTER SYSTEM SET archive_command = 'true'")
        primary.psql("SELECT pg_reload_conf()")
        primary.psql("SELECT pg_switch_wal()")
        await until(lambda: _archiver(primary, "archived_count") > 0, "the archiver to work")
        async with asked(settings(primary, "postgres")) as app:
            await all_asked(app)
            assert app.value(ARCHIVE, "postgres") == 0


def _told(app: Asked) -> set[str]:
    return {metric for metric in (ARCHIVE, DEAD, INVALID) if app.series(metric)}


def _archiver(one: Server, column: str) -> int:
    return int(one.psql(f"SELECT {column} FROM pg_stat_archiver"))
