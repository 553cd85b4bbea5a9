"""The parts of asking a database that need no database: paces, rows, totals, settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from exporter.config import AppPlan, parse
from exporter.errors import ConfigError
from exporter.foreign import Foreign
from exporter.model import Family
from exporter.registry import Registry
from exporter.sources.postgres.budget import Pace
from exporter.sources.postgres.introspect import Findings
from exporter.sources.postgres.query import Needs, Query, RowsError, Versions
from exporter.sources.postgres.settings import Postgres

READS = Family("reads_total", "counter", "Reads.", ("database",))
SIZE = Family("size_bytes", "gauge", "Size.", ("database",))
SHOP = ("shop",)


def exact() -> float:
    return 1.0


def query(**given: object) -> Query:
    fields: dict[str, object] = {"name": "orders", "sql": "SELECT 1", "metrics": {"m": "n"}}
    return Query(**{**fields, **given})  # type: ignore[arg-type]


# -- paces --------------------------------------------------------------------------------------


def test_a_query_runs_on_its_interval() -> None:
    pace = Pace(10.0, jitter=exact)
    pace.succeeded(100.0, took=0.1)
    assert (pace.due, pace.fresh_until) == (110.0, 130.0)


def test_a_query_that_costs_too_much_rests_longer_and_its_value_is_kept_longer() -> None:
    pace = Pace(10.0, jitter=exact)
    pace.succeeded(100.0, took=1.0)
    assert (pace.due, pace.fresh_until) == (120.0, 160.0)


def test_two_failures_open_the_circuit_and_each_more_doubles_the_rest() -> None:
    pace = Pace(10.0, jitter=exact)
    rests, states = [], []
    for _ in range(7):
        pace.failed(0.0)
        rests.append(pace.due)
        states.append(pace.open)
    assert rests == [10, 20, 40, 80, 160, 300, 300]
    assert states == [False, *[True] * 6]
    pace.succeeded(0.0, took=0.0)
    assert (pace.due, pace.open) == (10, False)


def test_a_query_asked_seldom_is_not_asked_more_often_for_failing() -> None:
    pace = Pace(3600.0, jitter=exact)
    for _ in range(3):
        pace.failed(0.0)
    assert pace.due == 3600


# -- rows ---------------------------------------------------------------------------------------


def test_rows_become_points_and_a_null_none() -> None:
    asked = query(metrics={"a": "x", "b": "y"}, labels=("state",), epoch="since")
    points = list(asked.points([(1.0, None, "paid", "e"), (0.0, 2.0, None, "e")]))
    assert [(one.metric, dict(one.labels), one.value, one.epoch) for one in points] == [
        ("a", {"state": "paid"}, 1.0, "e"),
        ("a", {"state": ""}, 0.0, "e"),
        ("b", {"state": ""}, 2.0, "e"),
    ]


@pytest.mark.parametrize(
    "rows", [[(1.0, "a"), (2.0, "a")], [(1.0, str(n)) for n in range(501)]], ids=["twice", "many"]
)
def test_rows_that_cannot_be_series_are_refused(rows: list[tuple[float, str]]) -> None:
    with pytest.raises(RowsError):
        list(query(labels=("state",)).points(rows))


def test_a_column_may_have_any_name_and_the_sql_any_end() -> None:
    asked = query(sql='SELECT 1 AS "a""b" -- how many\n; ', metrics={"m": 'a"b'})
    assert asked.wrapped() == (
        'SELECT (q."a""b")::float8 FROM (\nSELECT 1 AS "a""b" -- how many\n\n) AS q LIMIT 501'
    )


# -- what there is ------------------------------------------------------------------------------

FOUND = Findings(
    15, "watcher", {"shop.orders": {"id": True, "state": False}}, {"pg_read_all_stats": False}
)


@pytest.mark.parametrize(
    ("needs", "versions", "reason", "remedy"),
    [
        (Needs({"shop.orders": ("id",)}), Versions(), None, ""),
        (Needs(), Versions(since=16), "version", "PostgreSQL 15"),
        (Needs(), Versions(until=14), "version", "PostgreSQL 15"),
        (Needs({"carts": ()}), Versions(), "missing", "no table carts"),
        (Needs({"shop.orders": ("id", "paid")}), Versions(), "missing", "no column paid"),
        (
            Needs({"shop.orders": ("id", "state")}),
            Versions(),
            "privilege",
            'TO "watcher", and GRANT USAGE ON SCHEMA shop TO "watcher"',
        ),
        (
            Needs(roles=("pg_read_all_stats",)),
            Versions(),
            "privilege",
            'GRANT pg_read_all_stats TO "watcher"',
        ),
    ],
)
def test_what_keeps_a_query_from_running_has_a_reason_and_a_remedy(
    needs: Needs, versions: Versions, reason: str | None, remedy: str
) -> None:
    found = FOUND.obstacle(query(needs=needs, versions=versions))
    assert (found and found.reason) == reason
    assert remedy in (found.text if found else "")


# -- totals -------------------------------------------------------------------------------------


def told(raws: list[tuple[float, str]]) -> list[float | None]:
    registry = Registry()
    foreign = Foreign(registry)
    values = []
    for raw, epoch in raws:
        foreign.count(READS, SHOP, 0.0, raw, epoch)
        values.append(registry.value("reads_total", SHOP))
    return values


def test_a_total_counts_from_when_it_was_first_seen() -> None:
    assert told([(1000, "a"), (1010, "a"), (1010, "a"), (1015, "a")]) == [0, 10, 10, 15]


def test_a_total_that_starts_anew_never_goes_back() -> None:
    assert told([(1000, "a"), (1010, "a"), (4, "a"), (6, "a")]) == [0, 10, 14, 16]


def test_the_total_of_another_server_is_no_increase() -> None:
    assert told([(10, "a"), (900_000, "b"), (900_001, "b"), (20, "a")]) == [0, 0, 1, 1]


def test_after_a_restart_nothing_is_known_until_it_is_told_and_no_increase_is_lost() -> None:
    families = {one.name: one for one in (READS, SIZE)}
    registry = Registry()
    foreign = Foreign(registry)
    foreign.put(SIZE, SHOP, 0.0, 5.0)
    for raw in (100, 130):
        foreign.count(READS, SHOP, 0.0, raw, "a")
    again = Registry()
    again.load(registry.dump(), families, 1.0)
    later = Foreign(again)
    later.load(foreign.dump(1.0), families)
    assert shown(again) == {}
    later.count(READS, SHOP, 2.0, 150, "a")
    assert shown(again) == {"reads_total": 50.0}


def test_a_dropped_total_is_hidden_and_goes_on() -> None:
    registry = Registry()
    foreign = Foreign(registry)
    for raw in (100, 130):
        foreign.count(READS, SHOP, 0.0, raw, "a")
    foreign.drop(READS, SHOP)
    foreign.drop(READS, SHOP)
    assert shown(registry) == {}
    foreign.count(READS, SHOP, 1.0, 131, "a")
    assert shown(registry) == {"reads_total": 31.0}


def shown(registry: Registry) -> Mapping[str, float]:
    snapshot = registry.snapshot(0.0, final=True)
    found = {
        family.name: snapshot.values[one.index] for family, each in snapshot.layout for one in each
    }
    return {name: value for name, value in found.items() if value == value}  # noqa: PLR0124 - a NaN is not itself


# -- settings -----------------------------------------------------------------------------------


def plan(postgres: str, metrics: str = "{}") -> AppPlan:
    text = f"apps: [{{name: shop, metrics: {metrics}, postgres: {postgres}}}]"
    (one,) = parse(text, Path("/etc/sidewatch/sidewatch.yaml"), {"PW": "geh#eim"}).apps
    return one


def complaint(postgres: str, metrics: str = "{}") -> str:
    with pytest.raises(ConfigError) as caught:
        plan(postgres, metrics)
    (one,) = caught.value.complaints
    return f"{one.key}: {one.text}"


def test_a_url_is_enough() -> None:
    settings = plan('{url: "postgresql://watcher@db/shop"}').postgres
    assert settings is not None
    assert (settings.name, settings.database) == ("postgres:shop", "shop")
    assert len(settings.queries) > 10


def test_paths_are_taken_from_the_folder_of_the_configuration() -> None:
    settings = plan('{url: "postgresql://db/shop", password_file: pw}').postgres
    assert settings is not None
    assert settings.password_file == Path("/etc/sidewatch/pw")


def test_no_secret_is_shown() -> None:
    settings = plan('{url: "postgresql://u:urlsecret@db/shop", password: "${PW}"}').postgres
    assert settings is not None
    assert settings.password == "geh#eim"
    assert "secret" not in repr(settings)
    assert "geh#eim" not in repr(settings)


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("mysql://db/shop", "begins with postgresql://"),
        ("postgresql://db", "names no database"),
        ("postgresql://db/a/b", "names no database"),
        ("postgresql://u:s3c/ret@db/shop", "%XX"),
        ("postgresql://db:port/shop", "a port is a number"),
        ("postgresql://db:99999/shop", "a port is a number"),
        ("postgresql:///shop?host=db&port=54x32", "a port is a number"),
        ("postgresql://[::1/shop", "is no URL"),
        ("postgresql://db/shop?sslmode=maybe", "sslmode is one of"),
        ("postgresql://db/shop?statement_timeout=5", "statement_timeout is not taken"),
    ],
)
def test_a_url_that_is_wrong_is_said_to_be_without_being_told(url: str, word: str) -> None:
    said = complaint(f'{{url: "{url}"}}')
    assert word in said
    assert "s3c" not in said


@pytest.mark.parametrize(
    "url",
    [
        "postgres://db/shop",
        "postgresql://u:p%40ss@db:5432/shop?sslmode=verify-full&sslrootcert=/ca.pem",
        "postgresql://u@one:5432,two:5433/shop?target_session_attrs=read-write",
        "postgresql://u@[::1]:5432/shop",
        "postgresql:///shop?host=/run/postgresql",
    ],
)
def test_the_urls_of_libpq_are_taken(url: str) -> None:
    assert Postgres(url).database == "shop"


QUERY = '{url: "postgresql://db/shop", queries: [{name: orders, sql: SELECT 1, %s}]}'
ORDERS = "{shop_orders: {type: gauge, help: Orders., labels: [state]}}"


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("metrics: {shop_order: n}", "no such metric: shop_order; did you mean shop_orders?"),
        ("metrics: {shop_orders: n}", "lacks the labels of shop_orders: state"),
        ("labels: [state, who], metrics: {shop_orders: n}", "has no label who"),
        ("labels: [state], metrics: {sidewatch_source_up: n}", "is not set by a query"),
        ("labels: [state], metrics: {shop_orders: n}, interval: 0s", "rests for 1s at the least"),
        ("labels: [state], metrics: {shop_orders: n}, timeout: 2h", "not above 60s"),
        ("metrics: {}", "gives no metric a value"),
    ],
)
def test_a_query_that_cannot_work_is_complained_of(rest: str, said: str) -> None:
    assert said in complaint(QUERY % rest, ORDERS)


@pytest.mark.parametrize("name", ["connections", "river_jobs"])
def test_a_query_may_not_have_the_name_of_one_that_comes_with_sidewatch(name: str) -> None:
    rest = "labels: [state], metrics: {shop_orders: n}"
    taken = QUERY.replace("name: orders", f"name: {name}") % rest
    assert f"there is a query {name} already" in complaint(taken, ORDERS)


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("subjects: {sise: off}", "there is no subject sise; did you mean size?"),
        ("lock_timeout: 5s", "not above 250ms"),
        ("interval: 10ms", "1s at the least"),
        ("statement_timeout: 5m", "not above 60s"),
        ("password: a, passfile: b", "one of them is enough"),
    ],
)
def test_a_setting_that_would_harm_is_refused(rest: str, said: str) -> None:
    assert said in complaint(f'{{url: "postgresql://db/shop", {rest}}}')
