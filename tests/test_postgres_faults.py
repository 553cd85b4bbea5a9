"""Faults of a real server: what each hides, what it leaves alone, and what is left behind."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.asking import asked, until
from tests.support.parts import Parts
from tests.support.pg import MAX_CONNECTIONS, Server, pooler
from tests.support.shop import (
    down,
    freshness,
    healthy,
    locked_beside,
    opened,
    progress,
    settings,
    up,
)

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def shop(postgres: Server) -> str:
    """A database with the tables of a shop."""
    return opened(postgres)


async def test_a_locked_table_hides_only_what_is_in_it(postgres: Server, shop: str) -> None:
    async with asked(settings(postgres, shop)) as app:
        await healthy(app, shop)
        async with locked_beside(postgres, shop, "orders"):
            at_lock = freshness(app, "orders")
            await until(lambda: app.value("shop_orders", "paid") is None, "the value to be dropped")
            await progress(app, "carts")
            await progress(app, "limits")
            assert app.value("shop_carts") == 0
            assert app.value("watched_postgres_up", shop) == 1
            assert freshness(app, "orders") <= at_lock + 1.0  # shown still, and old
            failed = app.value("sidewatch_query_failures_total", "orders", "55")
            assert failed is not None
            assert 2 <= failed <= 4  # the circuit is open: it is not asked every second
            assert postgres.backends(shop) == 1
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            assert postgres.psql(waiting) == "0"
        await until(lambda: app.value("shop_orders", "paid") == 2, "the orders after the lock", 20)


@pytest.mark.alone(reason="it asserts how late an answer is")
async def test_no_query_waits_longer_than_a_budget_for_a_locked_one(
    postgres: Server, shop: str
) -> None:
    async with asked(settings(postgres, shop)) as app:
        await healthy(app, shop)
        async with locked_beside(postgres, shop, "orders"):
            loop = asyncio.get_running_loop()
            slowest = 0.0
            for _ in range(4):
                began = loop.time()
                await progress(app, "carts", times=1)
                slowest = max(slowest, loop.time() - began)
            assert slowest < 0.53 + 0.25 + 0.5  # its interval, the lock_timeout, and this machine


async def test_a_server_that_stops_is_down_and_comes_back(postgres: Server, shop: str) -> None:
    async with asked(settings(postgres, shop)) as app:
        await healthy(app, shop)
        postgres.stop()
        try:
            await down(app, shop, 5)
            assert app.value("sidewatch_source_up", f"postgres:{shop}") == 0
            await until(lambda: app.value("shop_carts") is None, "the old values to go", 8)
            assert app.series("watched_postgres_connections") == {}
            assert app.series("watched_postgres_blocks_hit_total") == {}
            assert freshness(app, "carts") > 0
            await until(lambda: app.failures().get("refused", 0) >= 2, "attempts")
        finally:
            postgres.start()
        await up(app, shop)
        await until(lambda: app.value("shop_orders", "paid") == 2, "the orders", 3)
        assert app.value("watched_postgres_blocks_hit_total", shop) is not None
        assert postgres.backends(shop) == 1


async def test_it_starts_while_the_database_is_down(postgres: Server, shop: str) -> None:
    postgres.stop()
    try:
        async with asked(settings(postgres, shop)) as app:
            await down(app, shop, 5)
            postgres.start()
            await healthy(app, shop)
    finally:
        if postgres.process is None:
            postgres.start()


async def test_a_paused_server_is_down_and_leaves_nothing_behind(
    postgres: Server, shop: str
) -> None:
    async with asked(settings(postgres, shop)) as app:
        await healthy(app, shop)
        postgres.pause()
        try:
            await down(app, shop, 8)
            await until(lambda: app.value("shop_carts") is None, "the old values to go", 8)
        finally:
            postgres.resume()
        await up(app, shop, 15)
        await until(lambda: postgres.backends(shop) == 1, "one backend and no more", 5)
        await until(lambda: app.value("shop_orders", "paid") == 2, "the orders", 5)


async def test_a_server_that_is_full_keeps_our_one_connection(postgres: Server, shop: str) -> None:
    async with asked(settings(postgres, shop)) as app:
        await healthy(app, shop)
        with ExitStack() as stack:
            for _ in range(MAX_CONNECTIONS - 3):  # two are left to superusers, so that we may look
                client = postgres.session(shop)
                stack.callback(client.communicate)
                stack.callback(client.kill)
            await until(
                lambda: (
                    app.value("watched_postgres_server_connections", shop) == MAX_CONNECTIONS - 2
                ),
                "all connections to be seen",
            )
            async with asked(settings(postgres, shop)) as late:
                await until(
                    lambda: late.failures().get("too_many_connections", 0) >= 1, "a refusal"
                )
                assert late.value("watched_postgres_up", shop) == 0
            assert app.value("watched_postgres_up", shop) == 1
            assert postgres.backends(shop) == 1


async def test_a_right_that_is_missing_is_named_and_found_when_granted(
    postgres: Server, shop: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.sources.postgres.collect.INTROSPECT_SECONDS", 1.0)
    async with asked(settings(postgres, shop, "stranger")) as app:
        await until(lambda: app.disabled().get("orders") == "privilege", "the reason")
        assert 'GRANT SELECT (state) ON orders TO "stranger"' in caplog.text
        assert app.value("shop_orders", "paid") is None
        assert app.value("watched_postgres_up", shop) == 1
        postgres.psql('GRANT SELECT (state) ON orders TO "stranger"', shop)
        await until(lambda: app.value("shop_orders", "paid") == 2, "the orders")
        assert "orders" not in app.disabled()


async def test_a_column_that_is_dropped_switches_its_query_off_until_it_is_back(
    postgres: Server, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with asked(settings(postgres, shop)) as app:
        await healthy(app, shop)
        await postgres.change("ALTER TABLE orders RENAME COLUMN state TO status", shop)
        await until(lambda: app.disabled().get("orders") == "missing", "the reason", 5)
        await until(lambda: app.value("shop_orders", "paid") is None, "the old value to go", 8)
        assert app.value("sidewatch_query_failures_total", "orders", "42") == 1
        await progress(app, "carts")
        monkeypatch.setattr("exporter.sources.postgres.collect.INTROSPECT_SECONDS", 1.0)
        await postgres.change("ALTER TABLE orders RENAME COLUMN status TO state", shop)
        # Another failure makes it look again before its time.
        await postgres.change("ALTER TABLE carts RENAME TO baskets", shop)
        await until(lambda: app.value("shop_orders", "paid") == 2, "the orders")
        await until(lambda: app.disabled().get("carts") == "broken", "what needs no column")
        assert postgres.backends(shop) == 1


async def test_a_rotated_password_is_read_from_its_file(
    postgres: Server, shop: str, tmp_path: Path
) -> None:
    role = f"rotated_{shop}"
    postgres.psql(f"CREATE ROLE {role} LOGIN PASSWORD 'old' IN ROLE pg_monitor")
    postgres.psql(f"GRANT SELECT ON orders, carts TO {role}", shop)
    secret = tmp_path / "password"
    secret.write_text("old\n")
    text = settings(postgres, shop, role).replace("password: first", "password_file: password")
    async with asked(text, tmp_path) as app:
        await healthy(app, shop)
        postgres.psql(f"ALTER ROLE {role} PASSWORD 'new'")
        await progress(app, "carts")  # a connection that stands needs no password
        postgres.psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE application_name = 'sidewatch' AND datname = '{shop}'"
        )
        await until(lambda: app.failures().get("password", 0) >= 1, "a refused password")
        assert app.value("watched_postgres_up", shop) == 0
        secret.write_text("new\n")
        await up(app, shop)
        assert postgres.backends(shop) == 1


async def test_a_slow_query_is_canceled_and_rests(postgres: Server, shop: str) -> None:
    text = settings(postgres, shop) + (
        "  - name: slow\n    sql: SELECT 1 AS n FROM pg_sleep(30)\n"
        "    metrics: {shop_carts: n}\n    timeout: 300ms\n"
    )
    async with asked(text) as app:
        await until(lambda: app.disabled().get("slow") == "slow", "it to rest")
        assert app.value("sidewatch_query_failures_total", "slow", "57") == 2
        await healthy(app, shop)
        sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%'"
        assert postgres.psql(f"{sleeping} AND pid <> pg_backend_pid() AND state = 'active'") == "0"
        assert postgres.backends(shop) == 1


async def test_whoever_ends_us_mid_query_leaves_no_backend(postgres: Server, shop: str) -> None:
    text = settings(postgres, shop) + (
        "  - name: slow\n    sql: SELECT 1 AS n FROM pg_sleep(30)\n"
        "    metrics: {shop_carts: n}\n    timeout: 30s\n"
    )
    sleeping = (
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%'"
        f" AND datname = '{shop}'"
    )
    async with asked(text):
        await until(lambda: postgres.psql(sleeping) == "1", "the query to run")
    assert postgres.backends(shop) == 0


async def test_a_query_cannot_write(postgres: Server, shop: str) -> None:
    postgres.psql("CREATE TABLE written (i int); GRANT ALL ON written TO watcher", shop)
    postgres.psql(
        "CREATE FUNCTION sell() RETURNS int LANGUAGE sql AS"
        " 'INSERT INTO written VALUES (1) RETURNING 1'",
        shop,
    )
    text = settings(postgres, shop) + (
        "  - name: bad\n    sql: SELECT sell() AS n\n    metrics: {shop_carts: n}\n"
    )
    async with asked(text) as app:
        await until(lambda: app.disabled().get("bad") == "broken", "it to be refused")
        assert app.value("sidewatch_query_failures_total", "bad", "25") == 2
    assert postgres.psql("SELECT count(*) FROM written", shop) == "0"


async def test_through_a_pooler_in_transaction_mode(
    parts: Parts, postgres: Server, shop: str
) -> None:
    parts.need("pgbouncer")
    with pooler(postgres, {"default_pool_size": "1"}) as (port, _):
        async with asked(settings(postgres, shop, port=port)) as app:
            await healthy(app, shop)
            await progress(app, "carts")
            assert set(app.disabled()) == {"checkpoints_since_17"}
            async with locked_beside(postgres, shop, "orders"):
                await until(
                    lambda: (app.value("sidewatch_query_failures_total", "orders", "55") or 0) > 0,
                    "the lock to be met",
                )
                await progress(app, "carts")
            # The pool's one server connection goes from client to client, and brings no setting.
            settings_seen = (
                "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),"
                " current_setting('transaction_read_only')"
            )
            seen = await postgres.psql_through(port, "watcher", shop, settings_seen)
            assert seen == "0|0|off"
            assert app.value("watched_postgres_up", shop) == 1


async def test_a_pooler_that_is_full_says_so_as_a_server_does(
    parts: Parts, postgres: Server, shop: str
) -> None:
    parts.need("pgbouncer")
    with pooler(postgres, {"max_client_conn": "1"}) as (port, _):
        async with (
            postgres.through(port, "watcher", shop, "SELECT 1"),
            asked(settings(postgres, shop, port=port)) as app,
        ):
            await until(lambda: app.failures().get("too_many_connections", 0) >= 1, "a refusal")


async def test_a_pooler_that_is_restarted(parts: Parts, postgres: Server, shop: str) -> None:
    parts.need("pgbouncer")
    with ExitStack() as stack:
        port, child = stack.enter_context(pooler(postgres, {}))
        async with asked(settings(postgres, shop, port=port)) as app:
            await healthy(app, shop)
            child.stop()
            await down(app, shop, 5)
            stack.enter_context(pooler(postgres, {}, port))
            await up(app, shop)


async def test_a_pool_that_is_taken_is_waited_for_within_bounds(
    postgres: Server, shop: str
) -> None:
    with pooler(postgres, {"default_pool_size": "1"}) as (port, _):
        async with asked(settings(postgres, shop, port=port)) as app:
            await healthy(app, shop)
            async with postgres.through(port, "watcher", shop, "BEGIN", "SELECT 1"):
                await down(app, shop, 8)
                await until(lambda: app.value("shop_carts") is None, "the old values to go", 8)
            await up(app, shop)
            await until(lambda: app.value("shop_carts") == 0, "the carts", 5)
