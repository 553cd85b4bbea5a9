"""Databases and roles with habits of their own, which change nothing of what is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.config.queues import libraries
from exporter.sources.postgres import Postgres, Query, library_queries
from exporter.sources.postgres.introspect import Findings, introspect
from exporter.sources.postgres.session import Session
from exporter.sources.worker import Worker
from tests.support.asking import asked, until
from tests.support.pg import Server
from tests.support.shop import healthy, locked, opened, progress, settings

RIVER = (Path(__file__).parent / "queues" / "river" / "schema.sql").read_text()
MANY = 3000

pytestmark = pytest.mark.usefixtures("quick")


async def found(postgres: Server, database: str, names: dict[str, str]) -> Findings:
    """What an introspection finds that asks for every queue library."""
    queries = [
        query
        for library in libraries().values()
        for query in library_queries(library, names, asked=False)
    ]
    worker = Worker("test")
    session = Session(Postgres(postgres.url("watcher", database), password="first"), worker)
    try:
        await session.connect()
        return await introspect(session, queries, 2.0)
    finally:
        await session.close()
        worker.close()


async def test_a_serializable_role_costs_the_application_no_transaction(postgres: Server) -> None:
    database = opened(postgres)
    postgres.psql(f"ALTER DATABASE {database} SET default_transaction_isolation = serializable")
    # As long as it is open, the server remembers what serializable readers have read.
    writer = postgres.session(database, "BEGIN", "INSERT INTO carts VALUES (1)")
    try:
        async with asked(settings(postgres, database)) as app:
            await healthy(app, database)
            await progress(app, "orders")
            remembered = "SELECT count(*) FROM pg_locks WHERE mode = 'SIReadLock' AND NOT EXISTS ("
            remembered += "SELECT FROM pg_stat_activity AS a WHERE a.pid = pg_locks.pid"
            remembered += " AND application_name = 'psql')"
            assert postgres.psql(remembered) == "0"
    finally:
        writer.kill()
        writer.communicate()


async def test_a_role_s_own_settings_change_no_value(postgres: Server) -> None:
    database = opened(postgres)
    for setting in (
        "statement_timeout = '100ms'",
        "DateStyle = 'SQL, DMY'",
        "IntervalStyle = sql_standard",
        "TimeZone = 'Asia/Kathmandu'",
        "extra_float_digits = -15",
        "standard_conforming_strings = off",
        "default_transaction_deferrable = on",
        "row_security = off",
        "idle_session_timeout = '1500ms'",
    ):
        postgres.psql(f"ALTER ROLE watcher IN DATABASE {database} SET {setting}")
    async with asked(settings(postgres, database)) as app:
        await healthy(app, database)
        await progress(app, "orders")
        assert set(app.disabled().values()) <= {"version"}
        assert app.failures() == {}


async def test_thousands_of_tables_are_not_read_through_to_find_a_few(postgres: Server) -> None:
    database = postgres.database()
    postgres.psql(RIVER, database)
    for first in range(0, MANY, 500):
        postgres.psql(
            f"DO $$ BEGIN FOR i IN {first}..{first + 499} LOOP"
            " EXECUTE format('CREATE TABLE one_of_many_%s (id int)', i); END LOOP; END $$",
            database,
        )
    read = "SELECT seq_tup_read FROM pg_stat_sys_tables WHERE relname = 'pg_class'"
    before = int(postgres.psql(read, database))
    findings = await found(postgres, database, {})
    assert findings.generations == {"river": 0}
    assert int(postgres.psql(read, database)) - before < MANY


@pytest.mark.parametrize("schema", ["a.b", "...", 'Odd "one".', "50% \\n", "ünï\ncode"])
async def test_a_schema_may_have_any_name(postgres: Server, schema: str) -> None:
    database = postgres.database()
    quoted = '"' + schema.replace('"', '""') + '"'
    postgres.psql(f"CREATE SCHEMA {quoted}", database)
    postgres.psql(f"SET search_path = {quoted};\n{RIVER}", database)
    postgres.psql(f"GRANT USAGE ON SCHEMA {quoted} TO watcher", database)
    postgres.psql(f"GRANT SELECT ON ALL TABLES IN SCHEMA {quoted} TO watcher", database)
    postgres.psql(
        f"INSERT INTO {quoted}.river_job (kind, args) SELECT 'mail', '{{}}'"
        " FROM generate_series(1, 3)",
        database,
    )
    written = schema.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    names = f'queues: {{river: {{names: {{schema: "{written}"}}}}}}\n'
    async with asked(settings(postgres, database) + names) as app:
        await until(
            lambda: app.value("watched_queue_jobs", "default", "ready") == 3, "the jobs", 20
        )
        assert not any(name.startswith("river") for name in app.disabled())


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ("", False),
        ("CREATE POLICY all_of_it ON river_job USING (true)", True),
        ("CREATE POLICY ours ON river_job FOR SELECT TO watcher USING (queue <> 'secret')", True),
        ("CREATE POLICY theirs ON river_job USING (queue = current_setting('a.b', true))", False),
        ("CREATE POLICY nobody ON river_job USING (false)", False),
        ("CREATE POLICY writing ON river_job FOR INSERT WITH CHECK (true)", False),
    ],
)
async def test_rows_that_a_policy_hides_are_no_zeros(
    postgres: Server, policy: str, *, told: bool
) -> None:
    database = postgres.database()
    postgres.psql(f"{RIVER}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO watcher", database)
    postgres.psql("INSERT INTO river_queue (name) VALUES ('default')", database)
    postgres.psql("INSERT INTO river_job (kind, args) VALUES ('mail', '{}')", database)
    postgres.psql("ALTER TABLE river_job ENABLE ROW LEVEL SECURITY", database)
    postgres.psql(policy, database)
    with locked(postgres, database, "river_job"):  # which hides the rows, not whether they may be
        findings = await found(postgres, database, {})
    assert ("public.river_job" in findings.hidden) is not told
    async with asked(settings(postgres, database)) as app:
        if told:
            await until(lambda: app.value("watched_queue_jobs", "default", "ready") == 1, "a job")
        else:
            await until(lambda: app.disabled().get("river_jobs") == "privilege", "a reason")
            assert app.series("watched_queue_jobs") == {}


async def test_what_nobody_expected_leaves_no_old_value_behind(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = opened(postgres)
    async with asked(settings(postgres, database)) as app:
        await healthy(app, database)

        def broken(*_: object) -> None:
            raise KeyError("orders")

        with monkeypatch.context() as patch:
            patch.setattr(Query, "points", broken)
            await until(lambda: app.failures().get("unexpected", 0) >= 1, "an accident")
            assert app.series("shop_orders") == {}
            assert app.value("shop_carts") is None
        await healthy(app, database)
