"""A shop's tables in a database of their own, and sidewatch's settings to watch them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial

from tests.support.asking import Asked, until
from tests.support.pg import Server

SETTINGS = """\
url: "{url}"
password: first
interval: {interval}
statement_timeout: 1s
queries:
  - name: orders
    sql: SELECT state, count(*) AS n FROM orders GROUP BY state
    labels: [state]
    metrics: {{shop_orders: n}}
    needs: {{tables: {{orders: [state]}}}}
  - name: carts
    sql: SELECT count(*) AS n FROM carts
    metrics: {{shop_carts: n}}
"""
TABLES = """
CREATE TABLE orders (id int, state text);
INSERT INTO orders VALUES (1, 'paid'), (2, 'paid'), (3, 'sent');
CREATE TABLE carts (id int);
GRANT SELECT ON orders, carts TO watcher;
"""


def opened(postgres: Server) -> str:
    """The database of a new shop."""
    name = postgres.database()
    postgres.psql(TABLES, name)
    return name


def settings(
    postgres: Server,
    shop: str,
    user: str = "watcher",
    port: int | None = None,
    interval: str = "500ms",
) -> str:
    """Settings of sidewatch's, as YAML; an interval below a second needs the fixture `quick`."""
    return of_url(postgres.url(user, shop, port), interval)


def of_url(url: str, interval: str = "500ms") -> str:
    """The same for any URL."""
    return SETTINGS.format(url=url, interval=interval)


@contextmanager
def locked(postgres: Server, shop: str, table: str) -> Iterator[None]:
    """Nobody else may even read the table until the block is left."""
    owner = postgres.session(shop, "BEGIN", f"LOCK {table} IN ACCESS EXCLUSIVE MODE")
    try:
        yield
    finally:
        owner.kill()
        owner.communicate()


@asynccontextmanager
async def locked_beside(postgres: Server, shop: str, table: str) -> AsyncIterator[None]:
    """The same, waited for in a thread: a query of this very loop may read the table just now."""
    with ExitStack() as stack:
        await asyncio.to_thread(stack.enter_context, locked(postgres, shop, table))
        yield


async def healthy(app: Asked, shop: str) -> None:
    """Wait until everything is known."""
    await until(lambda: app.value("watched_postgres_up", shop) == 1, "the database to answer")
    await until(lambda: app.value("shop_carts") == 0, "the carts, of which there are none")
    await until(lambda: app.value("shop_orders", "paid") == 2, "the orders")


async def down(app: Asked, shop: str, within: float = 8.0) -> None:
    """Wait until it is known not to answer."""
    await until(lambda: app.value("watched_postgres_up", shop) == 0, "down", within)


async def up(app: Asked, shop: str, within: float = 10.0) -> None:
    """Wait until it answers again."""
    await until(lambda: app.value("watched_postgres_up", shop) == 1, "up again", within)


def freshness(app: Asked, query: str) -> float:
    """When the query was last answered."""
    return app.value("sidewatch_query_last_success_timestamp_seconds", query) or 0.0


async def progress(app: Asked, query: str, times: int = 2) -> None:
    """Wait until this query has been answered again."""
    for _ in range(times):
        seen = freshness(app, query)
        await until(partial(_newer, app, query, seen), f"{query} again", 5)


def _newer(app: Asked, query: str, seen: float) -> bool:
    return freshness(app, query) > seen
