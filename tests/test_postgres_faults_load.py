"""A table that has grown: a million rows without an index cost a budget, or are not counted."""

from __future__ import annotations

import pytest

from tests.support.asking import asked, until
from tests.support.pg import Server
from tests.support.shop import healthy, opened, progress, settings

pytestmark = pytest.mark.usefixtures("quick")
ROWS = 1_000_000
STOCK = """\
  - name: stock
    sql: SELECT count(*) AS n FROM stock WHERE state = 'ready'
    metrics: {{shop_stock: n}}
    timeout: {timeout}
"""
COUNTING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE application_name = 'sidewatch' AND query LIKE '%FROM stock%' AND state = 'active'"
)


@pytest.fixture(scope="module")
def shop(postgres: Server) -> str:
    name = opened(postgres)
    postgres.psql(
        "CREATE UNLOGGED TABLE stock AS"
        f" SELECT i, 'ready'::text AS state FROM generate_series(1, {ROWS}) i;"
        " GRANT SELECT ON stock TO watcher; ANALYZE stock",
        name,
    )
    return name


async def test_a_million_rows_without_an_index_take_a_small_share_of_the_time(
    postgres: Server, shop: str
) -> None:
    async with asked(settings(postgres, shop) + STOCK.format(timeout="5s")) as app:
        await until(lambda: app.value("shop_stock") == ROWS, "the count")
        took = app.value("sidewatch_query_duration_seconds", "stock")
        assert took is not None
        rest = app.value("sidewatch_query_interval_seconds", "stock")
        assert rest == pytest.approx(max(0.5, 20 * took))  # 5 % of the time
        await healthy(app, shop)


async def test_what_exceeds_its_budget_is_switched_off_and_delays_nothing_else(
    postgres: Server, shop: str
) -> None:
    async with asked(settings(postgres, shop) + STOCK.format(timeout="10ms")) as app:
        await until(lambda: app.disabled().get("stock") == "slow", "it to rest")
        assert app.value("sidewatch_query_failures_total", "stock", "57") == 2
        await healthy(app, shop)
        await progress(app, "carts")
        assert app.value("shop_stock") is None
        assert postgres.psql(COUNTING) == "0"
        assert postgres.backends(shop) == 1


async def test_a_query_keeps_one_core_busy_and_no_more(postgres: Server, shop: str) -> None:
    at_once = "SELECT count(*) FROM stock WHERE state = 'ready'"
    assert "Parallel" in postgres.psql(f"EXPLAIN {at_once}", shop)
    text = settings(postgres, shop) + (
        "  - name: workers\n    metrics: {shop_stock: n}\n"
        "    sql: SELECT current_setting('max_parallel_workers_per_gather') AS n\n"
    )
    async with asked(text) as app:
        await until(lambda: app.value("shop_stock") == 0, "the setting in a query of ours")
