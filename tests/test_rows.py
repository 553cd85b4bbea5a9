"""State tables on a real server: counted as a hand counts them, however a database spells them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config import parse
from tests.support import yamls
from tests.support.asking import until
from tests.support.pg import Server
from tests.support.told import Told, grant, told

HERE = Path(__file__).parent / "rows"
GIVEN = {"rows": "watched_rows", "oldest": "watched_rows_oldest_seconds"}
RECENT = "watched_rows_recent"


def tables(postgres: Server, app: str, *statements: str) -> str:
    """A database with an application's healthy rows, changed by these statements."""
    database = postgres.database()
    for part in ("schema", "healthy"):
        postgres.psql((HERE / app / f"{part}.sql").read_text(), database)
    for statement in statements:
        postgres.psql(statement, database)
    grant(postgres, database)
    return database


def config(postgres: Server, database: str, app: str | None, rows: Any = None) -> str:
    settings = {"url": postgres.url("watcher", database), "password": "first", "interval": "1s"}
    subjects = {"subjects": {"queues": False, "traffic": False, "transactions": False}}
    one = {"name": "shop", "postgres": settings | subjects | {"rows": rows or {}}}
    return yaml.safe_dump({"apps": [one | ({"profile": app} if app else {})]})


def answers(app: str) -> dict[str, dict[str, Any]]:
    found: dict[str, Any] = yamls.read((HERE / app / "answers.yaml").read_text())
    return found


def hold(app: Told, expected: Mapping[str, Any], *entities: str) -> None:
    """Hold what is told of these entities, or of all, to the answers."""
    for kind, metric in {**GIVEN, "recent": RECENT}.items():
        wanted = {k: v for k, v in expected[kind].items() if not entities or k in entities}
        found = {k: v for k, v in app.tables(metric).items() if not entities or k in entities}
        assert found.keys() == wanted.keys(), kind
        for entity, states in wanted.items():
            assert found[entity] == pytest.approx(states, abs=30 if kind == "oldest" else 0), entity


# -- the applications --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["agledger", "paas", "tripl"])
async def test_rows_come_to_what_a_hand_counts(postgres: Server, name: str) -> None:
    expected = answers(name)
    async with told(config(postgres, tables(postgres, name), name)) as app:
        await app.answered()
        hold(app, expected)
        streaks = {entity: n for (entity,), n in app.series("watched_failure_streak").items()}
        assert streaks == expected["streaks"]
        assert set(app.disabled().values()) <= {"version"}


async def test_a_state_that_a_guessed_profile_does_not_know_is_told(postgres: Server) -> None:
    odd = "UPDATE deployments SET status = '7' WHERE status = 'Building'"
    async with told(config(postgres, tables(postgres, "paas", odd), "paas")) as app:
        await app.answered()
        assert app.value("watched_rows", "deployments", "other", "unknown") == 1


async def test_an_enum_a_varchar_and_a_domain_are_the_same(postgres: Server) -> None:
    database = tables(
        postgres,
        "tripl",
        "ALTER TABLE scan_jobs ALTER status TYPE varchar(20)",
        "CREATE DOMAIN word AS text",
        "ALTER TABLE alert_deliveries ALTER status DROP DEFAULT, ALTER status TYPE word",
        "ALTER TABLE scan_configs ALTER interval TYPE varchar(10)",
    )
    async with told(config(postgres, database, "tripl")) as app:
        await app.answered()
        hold(app, answers("tripl"))


async def test_an_older_database_lacks_a_column_and_loses_nothing_else(postgres: Server) -> None:
    database = tables(
        postgres,
        "tripl",
        "ALTER TABLE alert_deliveries DROP dispatch_attempts",
        "DELETE FROM projects WHERE is_demo",
        "ALTER TABLE projects DROP is_demo",
    )
    async with told(config(postgres, database, "tripl")) as app:
        await app.answered()
        found = app.tables("watched_rows")
        assert found["deliveries"] == {"pending": 1, "failed": 1, "other": 0}
        assert found["collections"] == answers("tripl")["rows"]["collections"]
        hold(app, answers("tripl"), "scans", "digest_items", "data_sources")


# Entity Framework's own names, with numbers for states and times without a zone.
PASCAL = """
CREATE TABLE "Deployments" ("Id" uuid PRIMARY KEY, "Status" int, "CreatedAt" timestamp);
INSERT INTO "Deployments" SELECT id, array_position(
  ARRAY['Queued', 'Building', 'Built', 'Live', 'Failed', 'Superseded'], status) - 1,
  created_at AT TIME ZONE 'UTC' FROM deployments;
CREATE TABLE "ContainerInstances"
  ("ReleaseId" uuid, "State" smallint, "Why" text, "At" timestamptz);
INSERT INTO "ContainerInstances" SELECT release_id, array_position(
  ARRAY['Healthy', 'Failed', 'Stopped'], status) - 1, failure_reason, created_at
  FROM container_instances;
DROP TABLE deployments, container_instances;
"""
RENAMED = """
deployments:
  table: public.Deployments
  columns: {status: Status, created_at: CreatedAt}
  states:
    queued: {values: 0}
    building: {values: [1]}
    built: {values: [2]}
    live: {values: [3]}
    failed: {values: [4]}
    ended: {values: [5]}
container_instances:
  table: ContainerInstances
  columns: {status: State, failure_reason: Why, created_at: At}
  states: {healthy: {values: [0]}, failed: {values: [1, Failed]}, ended: {values: [2]}}
live_releases:
  table: public.Deployments
  tables: {release: Deployments, instance: ContainerInstances}
  columns:
    {id: Id, status: Status, release.id: Id, instance.status: State, instance.release_id: ReleaseId}
  values: {live: [3], healthy: [0], stopped: [2]}
"""


async def test_an_operator_renames_every_table_column_and_state(postgres: Server) -> None:
    database = tables(postgres, "paas", PASCAL, "ALTER ROLE watcher SET timezone TO 'Asia/Tokyo'")
    try:
        async with told(config(postgres, database, "paas", yamls.read(RENAMED))) as app:
            await app.answered()
            hold(app, answers("paas"))
            assert set(app.disabled().values()) <= {"version"}
    finally:
        postgres.psql("ALTER ROLE watcher RESET timezone")


async def test_a_table_that_is_not_there_is_told_and_comes_back(
    postgres: Server, caplog: pytest.LogCaptureFixture
) -> None:
    database = tables(postgres, "paas", "ALTER TABLE domains RENAME TO zones")
    async with told(config(postgres, database, "paas")) as app:
        await app.answered()
        hold(app, answers("paas"), "deployments", "databases", "live_releases")
        assert "certificates" not in app.tables("watched_rows")
        own = {k: v for k, v in app.disabled().items() if k.startswith("rows_")}
        assert own == {"rows_certificates": "missing"}
        assert "there is no table domains" in caplog.text


async def test_a_right_that_is_missing_is_told_with_its_grant(
    postgres: Server, caplog: pytest.LogCaptureFixture
) -> None:
    database = tables(postgres, "paas", PASCAL)
    postgres.psql('REVOKE ALL ON "Deployments" FROM watcher', database)
    rows = yamls.read(RENAMED)
    async with told(config(postgres, database, "paas", rows)) as app:
        await until(lambda: "rows_deployments" in app.disabled(), "the query to be disabled")
        assert app.disabled()["rows_deployments"] == "privilege"
    wanted = next(line for line in caplog.text.splitlines() if "rows_deployments" in line)
    postgres.psql(wanted.partition("may not be read: ")[2].replace(", and", ";"), database)
    async with told(config(postgres, database, "paas", rows)) as app:
        await app.answered()
        assert "rows_deployments" not in app.disabled()


# -- any table ---------------------------------------------------------------------------------

ODD = "o'dd \\ \"; DROP TABLE kept; --"
PLAIN_TABLE = "CREATE TABLE t (id serial, state text, at timestamptz DEFAULT now(), who text)"
STREAKS = [
    # state, whose and minutes ago; the longest streak
    ([], 0),
    (["bad a 5"], 1),
    (["bad a 5", "bad a 4", "bad b 3", "bad a 2"], 3),
    (["bad a 5", "bad a 4", "good a 3", "bad a 2"], 1),
    (["bad a 5", "bad a 4", "good b 3"], 2),
    (["bad a 5", "bad a 4", "good a 3"], 0),
    # neither what goes on nor what was called off ends a streak
    (["bad a 5", "open a 4", "off a 3", "bad a 2"], 2),
    # nor does what is older than the streak looks back count
    (["bad a 121", "bad a 119", "bad a 3"], 2),
]


async def test_a_state_nobody_has_named_is_seen(postgres: Server) -> None:
    database = postgres.database()
    postgres.psql(PLAIN_TABLE, database)
    values = "('open'), ('odd'), (NULL), ('odder'), ('gone')"
    postgres.psql(f"INSERT INTO t (state) VALUES {values}", database)
    grant(postgres, database)
    states = {"open": "waiting", "gone": "done"}
    rows = {"things": {"table": "t", "state": "state", "states": states, "since": "at"}}
    async with told(config(postgres, database, None, rows)) as app:
        await app.answered()
        assert app.series("watched_rows") == {
            ("things", "open", "waiting"): 1,
            ("things", "other", "unknown"): 3,
        }
        await postgres.change("TRUNCATE t", database)
        await until(lambda: set(app.series("watched_rows").values()) == {0}, "zeros")
        assert app.value("watched_rows_oldest_seconds", "things", "open", "waiting") == 0
        assert app.value("watched_rows_recent", "things", "gone", "done", "1h") == 0


async def test_a_row_whose_clock_is_not_set_has_no_age(postgres: Server) -> None:
    database = postgres.database()
    postgres.psql(PLAIN_TABLE + "; INSERT INTO t VALUES (1, 'open', NULL)", database)
    grant(postgres, database)
    rows = {"things": {"table": "t", "states": {"open": "waiting"}, "since": "at"}}
    async with told(config(postgres, database, None, rows)) as app:
        await app.answered()
        assert app.series("watched_rows") == {("things", "open", "waiting"): 1}
        assert app.series("watched_rows_oldest_seconds") == {}


async def test_a_clock_that_is_infinite_tells_no_age(postgres: Server) -> None:
    database = postgres.database()
    postgres.psql(PLAIN_TABLE, database)
    ages = "(1, 'open', '-infinity'), (2, 'open', now() - interval '5 min')"
    postgres.psql(f"INSERT INTO t VALUES {ages}", database)
    grant(postgres, database)
    rows = {"things": {"table": "t", "states": {"open": "waiting"}, "since": "at"}}
    async with told(config(postgres, database, None, rows)) as app:
        await app.answered()
        assert app.series("watched_rows") == {("things", "open", "waiting"): 2}
        (age,) = app.series("watched_rows_oldest_seconds").values()
        assert age == pytest.approx(300, abs=30)


async def test_names_and_values_are_whatever_they_are(postgres: Server) -> None:
    database = postgres.database()
    name = ODD.replace('"', '""')
    postgres.psql(f'CREATE TABLE kept (); CREATE TABLE "{name}" ("{name}" text)', database)
    value = ODD.replace("'", "''")
    postgres.psql(f"INSERT INTO \"{name}\" VALUES ('{value}'), ('x')", database)
    grant(postgres, database)
    table = {
        "table": ODD,
        "columns": {"state": ODD},
        "values": {"odd": [ODD]},
        "state": "state",
        "where": "{state} IN {values.odd} OR '{{}}' = '{state' -- and no more",
        "states": {"odd": {"phase": "waiting", "values": [ODD]}},
    }
    async with told(config(postgres, database, None, {"things": table})) as app:
        await app.answered()
        assert app.tables("watched_rows") == {"things": {"odd": 1, "other": 0}}
    assert postgres.psql("SELECT count(*) FROM kept", database) == "0"


def test_a_streak_is_of_one_and_ends_with_a_success(postgres: Server) -> None:
    database = postgres.database()
    postgres.psql(PLAIN_TABLE, database)
    things = {
        "table": "t",
        "state": "state",
        "states": {"open": "waiting", "bad": "failed", "good": "done", "off": "done"},
        "streak": {"by": "who", "at": "at", "ends": ["good"], "within": "2h"},
    }
    sql = sql_of(config(postgres, database, None, {"things": things}), "streak_things")
    found = []
    for rows, _ in STREAKS:
        values = ", ".join("('{}', '{}', {})".format(*row.split()) for row in rows)
        postgres.psql(
            "TRUNCATE t; INSERT INTO t (state, who, at) SELECT state, who,"
            " now() - ago * interval '1 min' FROM"
            f" (VALUES {values or '(NULL, NULL, 0)'}) AS v(state, who, ago)",
            database,
        )
        found.append(int(postgres.psql(f"SELECT streak FROM ({sql}) AS q", database)))
    assert found == [streak for _, streak in STREAKS]


def sql_of(text: str, name: str) -> str:
    """The SQL of a query that a configuration asks."""
    (plan,) = parse(text, Path("sidewatch.yaml"), {}).apps
    assert plan.postgres is not None
    return next(one.sql for one in plan.postgres.queries if one.name == name)


# -- what tripl calls overdue ------------------------------------------------------------------

COLLECTIONS = [
    # interval, ages of the failed runs in minutes, newest first, then of a good one (or none, where
    # the configuration is 100 min old); the state
    ("1h", [], None, "on_time"),
    ("15m", [], None, "overdue"),
    ("1h", [], 119, "on_time"),
    ("1h", [], 121, "overdue"),
    ("15m", [], 31, "overdue"),
    ("1d", [], 60 * 47, "on_time"),
    ("1d", [], 60 * 49, "overdue"),
    # two failures in a row: the third try follows at once
    ("1h", [121, 130], 140, "overdue"),
    # three: after an interval, to which another is added
    ("1h", [121, 125, 130], 140, "overdue"),
    # four: after two
    ("1h", [121, 130, 140, 150], 160, "backing_off"),
    ("1h", [179, 190, 200, 210], 220, "backing_off"),
    ("1h", [181, 190, 200, 210], 220, "overdue"),
    # six and more: after eight, and never later
    ("1h", [539, 600, 610, 620, 630, 640, 650, 660], 900, "backing_off"),
    ("1h", [541, 600, 610, 620, 630, 640, 650, 660], 900, "overdue"),
    # a day at most, however long the interval's eightfold is
    ("6h", [60 * 29, 3000, 3100, 3200, 3300, 3400], 9000, "backing_off"),
    ("6h", [60 * 31, 3000, 3100, 3200, 3300, 3400], 9000, "overdue"),
]


def test_a_collection_is_overdue_by_the_applications_own_rules(postgres: Server) -> None:
    database = tables(postgres, "tripl", "DELETE FROM scan_configs")
    sql = sql_of(config(postgres, database, "tripl"), "rows_collections")
    wrong = []
    for case in COLLECTIONS:
        postgres.psql(collection(*case[:3]), database)
        state = postgres.psql(f"SELECT state FROM ({sql}) AS q WHERE rows > 0", database)
        if state != case[3]:
            wrong.append((case, state))
    assert wrong == []


def collection(interval: str, failed: list[int], good: int | None) -> str:
    """SQL that leaves one configuration with these runs."""
    runs = [("failed", age) for age in failed] + [("completed", good)]
    values = ", ".join(f"('{status}', {age})" for status, age in runs if age is not None)
    return f"""
DELETE FROM scan_configs;
INSERT INTO scan_configs
  (id, data_source_id, project_id, name, interval, time_column, updated_at)
SELECT gen_random_uuid(), s.id, p.id, 'x', '{interval}', 'ts', now() - interval '100 min'
FROM (SELECT id FROM data_sources LIMIT 1) AS s, projects AS p WHERE NOT p.is_demo;
INSERT INTO scan_jobs (id, scan_config_id, status, created_at, completed_at)
SELECT gen_random_uuid(), c.id, v.status::scan_job_status, at, at
FROM scan_configs AS c, (VALUES {values or "(NULL, 0)"}) AS v(status, age),
  LATERAL (SELECT now() - age * interval '1 min') AS t(at) WHERE v.status IS NOT NULL
"""
