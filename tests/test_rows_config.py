"""State tables as they are written: an operator over a profile, and what is made of both."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.app.assembly import assemble
from exporter.clock import SetClock
from exporter.config import AppPlan, built_in, parse
from exporter.config.postgres import misfit
from exporter.errors import ConfigError
from exporter.shard import Shard
from exporter.sources.postgres import Query
from exporter.vocabulary import FAMILIES

URL = "postgresql://watcher@db/shop"
PROFILE = """\
profile: bakery
objectives:
  rows_oldest: {orders: {open: 10m, baking: 1h}}
  failure_streak: 4
postgres:
  pool_limit: 7
  queues: {}
  rows:
    orders:
      table: orders
      state: status
      since: created_at
      states: {open: waiting, baking: active, burnt: failed, sold: done}
      streak: {by: baker, at: created_at}
      otherwise:
        - {since: added_at, streak: {at: added_at}}
    ovens: {table: ovens, states: {any: waiting}}
"""


def planned(folder: Path, settings: dict[str, Any], **more: Any) -> AppPlan:
    (folder / "bakery.yaml").write_text(PROFILE)
    app = {"name": "shop", "profile": "bakery.yaml", "postgres": {"url": URL} | settings} | more
    text = yaml.safe_dump({"apps": [app]})
    return parse(text, folder / "sidewatch.yaml", {}).apps[0]


def asked(plan: AppPlan) -> dict[str, list[Query]]:
    found: dict[str, list[Query]] = {}
    assert plan.postgres is not None
    for query in plan.postgres.queries:
        if query.subject == "rows":
            found.setdefault(query.name, []).append(query)
    return found


def needs(plan: AppPlan, name: str) -> list[dict[str, set[str]]]:
    return [
        {table: set(columns) for table, columns in query.needs.tables.items()}
        for query in asked(plan)[name]
    ]


@pytest.mark.parametrize("name", sorted(built_in()))
def test_what_a_profile_asks_fits_the_vocabulary(name: str) -> None:
    text = f"apps: [{{name: shop, profile: {name}, postgres: {{url: '{URL}'}}}}]"
    for queries in asked(parse(text, Path("sidewatch.yaml"), {}).apps[0]).values():
        for query in queries:
            # The window is a label of what is recent, and left out elsewhere.
            fits = [misfit(query, metric, FAMILIES) for metric in query.metrics]
            assert {one for one in fits if one} <= {
                "watched_rows has no label window",
                "watched_rows_oldest_seconds has no label window",
            }


def test_a_profile_alone_says_what_is_asked_and_what_for(tmp_path: Path) -> None:
    plan = planned(tmp_path, {})
    assert needs(plan, "rows_orders") == [
        {"orders": {"status", "created_at"}},
        {"orders": {"status", "added_at"}},
    ]
    assert needs(plan, "streak_orders") == [
        {"orders": {"status", "created_at", "baker"}},
        {"orders": {"status", "added_at", "baker"}},
    ]
    parts = [query.part for query in asked(plan)["rows_orders"]]
    assert [(part.group, part.order, part.asked) for part in parts if part] == [
        ("rows of orders", 0, True),
        ("rows of orders", 1, True),
    ]
    assert asked(plan)["rows_ovens"][0].part is None
    assert plan.postgres is not None
    assert plan.postgres.pool_limit == 7


def test_one_line_renames_a_table_or_a_column_wherever_it_is_read(tmp_path: Path) -> None:
    plan = planned(
        tmp_path, {"rows": {"orders": {"table": "bakery.Orders", "columns": {"baker": "Baker"}}}}
    )
    assert needs(plan, "streak_orders") == [
        {"bakery.Orders": {"status", "created_at", "Baker"}},
        {"bakery.Orders": {"status", "added_at", "Baker"}},
    ]
    (sql, _) = (query.sql for query in asked(plan)["streak_orders"])
    assert 'FROM "bakery"."Orders" AS "row"' in sql
    assert '"row"."Baker" AS which' in sql


def test_an_operators_clock_goes_before_a_profiles_second_choice(tmp_path: Path) -> None:
    plan = planned(tmp_path, {"rows": {"orders": {"since": "moved_at", "streak": {"at": "x"}}}})
    assert needs(plan, "rows_orders") == [{"orders": {"status", "moved_at"}}]
    assert needs(plan, "streak_orders") == [{"orders": {"status", "x", "baker"}}]


def test_a_table_is_added_another_switched_off_and_all_of_them(tmp_path: Path) -> None:
    rows = {
        "ovens": {"use": False},
        "carts": {"table": "carts", "states": {"left": {"phase": "waiting"}}, "interval": "1m"},
    }
    plan = planned(tmp_path, {"rows": rows, "pool_limit": 3})
    assert set(asked(plan)) == {"rows_orders", "streak_orders", "rows_carts"}
    assert asked(plan)["rows_carts"][0].interval == 60
    assert plan.postgres is not None
    assert plan.postgres.pool_limit == 3
    assert asked(planned(tmp_path, {"rows": rows, "subjects": {"rows": False}})) == {}


def test_a_state_without_a_spelling_is_none(tmp_path: Path) -> None:
    plan = planned(tmp_path, {"rows": {"orders": {"states": {"baking": {"values": []}}}}})
    assert "baking" not in asked(plan)["rows_orders"][0].sql


def test_a_faulty_table_of_a_profile_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("profile: p\npostgres:\n  rows:\n    a: {table: a}\n")
    with pytest.raises(ConfigError, match=r"p\.yaml:4: postgres\.rows\.a: names no state"):
        parse("apps: [{name: a, profile: p.yaml}]", tmp_path / "sidewatch.yaml", {})


# -- objectives --------------------------------------------------------------------------------


def test_an_objective_about_nothing_is_told(tmp_path: Path) -> None:
    aims = {
        "rows_oldest": {"orders": {"opened": "5m"}},
        "rows": {"order": {"open": 1}, "orders": {"other": 1}},
        "failure_streak": {"ovens": 2},
    }
    with pytest.raises(ConfigError) as caught:
        planned(tmp_path, {}, objectives=aims)
    assert [one.text for one in caught.value.complaints] == [
        "there is no entity order; did you mean orders?",
        "orders have no state opened; did you mean open?",
    ]
    query = {"name": "own", "sql": "SELECT 1", "metrics": {"watched_rows": "n"}}
    labels = {"labels": ["entity", "state", "phase"]}
    assert planned(tmp_path, {"queries": [query | labels]}, objectives=aims).objectives


@pytest.mark.parametrize("name", sorted(built_in()))
def test_a_profile_asks_nothing_of_what_it_does_not_know(name: str) -> None:
    profile = Path(built_in()[name]).read_text()
    aims = yaml.safe_load(profile)["objectives"]
    app = {"name": "shop", "profile": name, "objectives": aims, "postgres": {"url": URL}}
    assert parse(yaml.safe_dump({"apps": [app]}), Path("sidewatch.yaml"), {}).apps


def test_the_examples_of_the_documentation_load() -> None:
    text = (Path(__file__).parents[1] / "docs/postgres.md").read_text()
    blocks = re.findall(r"^```yaml\n(# sidewatch\.yaml\n.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 3
    for block in blocks:
        assert parse(block, Path("sidewatch.yaml"), {}).apps


def shown(shard: Shard, metric: str) -> dict[tuple[str, ...], float]:
    snapshot = shard.snapshot(final=True)
    return {
        one.labels: snapshot.values[one.index]
        for family, each in snapshot.layout
        if family.name == metric
        for one in each
    }


def test_objectives_of_rows_stand_beside_the_series_that_have_one(tmp_path: Path) -> None:
    plan = planned(
        tmp_path,
        {},
        objectives={
            "rows_oldest": {"orders": {"open": "5m"}},
            "rows": {"orders": {"burnt": 3}},
            "rows_recent": {"orders": 6},
            "postgres_connections": 0.5,
            "postgres_cache_hit": {"databases": {"shop": 0.8}},
            "queue_age": {"default": "5m", "queues": {"mail": "1h"}},
        },
    )
    shard = assemble(plan, SetClock(1795219172.0))
    for state, phase in (("open", "waiting"), ("baking", "active"), ("burnt", "failed")):
        labels = {"entity": "orders", "state": state, "phase": phase}
        for metric in ("watched_rows", "watched_rows_oldest_seconds"):
            shard.put(metric, labels, 0)
    burnt = {"entity": "orders", "state": "burnt", "phase": "failed"}
    for window in ("15m", "1h"):
        shard.put("watched_rows_recent", burnt | {"window": window}, 0)
    shard.put("watched_failure_streak", {"entity": "orders"}, 0)
    for queue in ("mail", "other"):
        for clock in ("due", "claimed"):
            shard.put("watched_queue_oldest_age_seconds", {"queue": queue, "clock": clock}, 0)
    shard.put("watched_postgres_max_connections", {"database": "shop"}, 100)
    shard.count("watched_postgres_blocks_hit_total", {"database": "shop"}, 5)
    assert shown(shard, "watched_rows_oldest_objective_seconds") == {
        ("orders", "open", "waiting"): 300,
        ("orders", "baking", "active"): 3600,
    }
    assert shown(shard, "watched_rows_objective") == {("orders", "burnt", "failed"): 3}
    assert shown(shard, "watched_rows_recent_objective") == {("orders", "burnt", "failed"): 6}
    assert shown(shard, "watched_failure_streak_objective") == {("orders",): 4}
    assert shown(shard, "watched_queue_oldest_age_objective_seconds") == {
        ("mail",): 3600,
        ("other",): 300,
    }
    assert shown(shard, "watched_postgres_connections_objective_ratio") == {("shop",): 0.5}
    assert shown(shard, "watched_postgres_cache_hit_objective_ratio") == {("shop",): 0.8}
