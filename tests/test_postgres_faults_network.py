"""Faults between sidewatch and a real server: a network that swallows, hosts and names gone."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
from collections.abc import Iterator

import pytest

from exporter.sources.postgres import reach
from exporter.sources.postgres.budget import Backoff
from tests.support.asking import asked, until
from tests.support.pg import Server
from tests.support.proxy import Proxy, proxy
from tests.support.shop import down, healthy, of_url, opened, settings, up
from tests.support.waiting import free_port

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def shop(postgres: Server) -> str:
    return opened(postgres)


@pytest.fixture
def network(postgres: Server) -> Iterator[Proxy]:
    with proxy(postgres.port) as one:
        yield one


async def test_a_network_that_swallows_is_down_and_leaves_nothing_behind(
    postgres: Server, shop: str, network: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "CONNECT_SECONDS", 1.0)
    async with asked(settings(postgres, shop, port=network.port)) as app:
        await healthy(app, shop)
        network.swallow()
        await down(app, shop)
        assert app.failures().keys() <= {"lost", "unresponsive"}
        await until(lambda: app.value("shop_carts") is None, "the old values to go", 8)
        await until(lambda: app.failures().get("timeout", 0) >= 1, "a connection in vain", 8)
        assert postgres.backends(shop) <= 1  # the server may not have heard that we left
        held = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{shop}' AND state <> 'idle'"
        assert postgres.psql(held) == "0"  # nor does what it keeps hold anything
        network.carry()
        await up(app, shop)
        await until(lambda: postgres.backends(shop) == 1, "the one that was lost to go", 5)
        await until(lambda: app.value("shop_orders", "paid") == 2, "the orders", 5)


@pytest.mark.alone(reason="a query that is given 0.5 s takes 0.4 s")
async def test_a_transaction_that_the_network_cut_off_is_ended_by_the_server(
    postgres: Server, shop: str, network: Proxy
) -> None:
    text = settings(postgres, shop, port=network.port) + (
        "  - name: long\n    sql: SELECT 1 AS n FROM pg_sleep(0.4)\n"
        "    metrics: {shop_carts: n}\n    timeout: 500ms\n"
    )
    running = (
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(0.4)%' AND state = '{}'"
        f" AND datname = '{shop}'"
    )
    async with asked(text):
        await until(lambda: postgres.psql(running.format("active")) == "1", "the query to run")
        network.swallow()
        idle = running.format("idle in transaction")
        await until(lambda: postgres.psql(idle) == "1", "its answer to be lost")
        await until(lambda: postgres.backends(shop) == 0, "the server to end it", 8)


@pytest.mark.alone(reason="it asserts the time of a connection")
async def test_a_first_host_that_swallows_does_not_keep_the_second_from_being_asked(
    postgres: Server, shop: str, network: Proxy
) -> None:
    network.swallow()
    url = postgres.url("watcher", shop).replace("@", f"@127.0.0.1:{network.port},")
    async with asked(of_url(url)) as app:
        began = asyncio.get_running_loop().time()
        await up(app, shop, within=5)
        assert asyncio.get_running_loop().time() - began < reach.ONE_OF_MANY_SECONDS + 1


async def test_hosts_that_all_fail_are_told_one_by_one(
    postgres: Server, shop: str, caplog: pytest.LogCaptureFixture
) -> None:
    nobody, first = free_port(), "first.invalid"
    url = f"postgresql://watcher@{first}:1,127.0.0.1:{nobody},127.0.0.1:{postgres.port}/{shop}"
    async with asked(of_url(url + "?target_session_attrs=standby")) as app:
        await until(lambda: app.failures().get("dns", 0) >= 1, "the first host's reason")
    assert f"{first}, port 1: " in caplog.text
    assert f"127.0.0.1, port {nobody}: " in caplog.text
    last = f"127.0.0.1, port {postgres.port}: is not what target_session_attrs=standby asks for"
    assert last in caplog.text


@pytest.mark.parametrize("host", ["db.invalid", "db..invalid", "x" * 64])
async def test_a_name_that_is_none_is_no_accident(host: str) -> None:
    async with asked(of_url(f"postgresql://watcher@{host}/shop")) as app:
        await until(lambda: app.failures().get("dns", 0) >= 2, "the reason, and another attempt")


async def test_a_name_server_that_is_silent_is_a_timeout_and_takes_no_thread_from_others(
    postgres: Server, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked in the loop's own threads, it would have them all after a few attempts."""
    silence = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: silence.wait())
    monkeypatch.setattr(reach, "CONNECT_SECONDS", 0.02)
    monkeypatch.setattr(Backoff, "next", lambda _: 0.01)
    url = f"postgresql://watcher@db.invalid:{postgres.port}/{shop}"
    try:
        async with asked(of_url(url)) as app:
            await until(lambda: app.failures().get("timeout", 0) >= 40, "many attempts")
            async with asyncio.timeout(2):
                assert await asyncio.to_thread(lambda: "free") == "free"
    finally:
        silence.set()


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("postgresql://db/shop", [("db", None)]),
        ("postgresql://me:a%40b@db:5433/shop", [("db", 5433)]),
        ("postgresql://a,b:5433/shop?port=6000", [("a", 6000), ("b", 5433)]),
        ("postgresql://[::1]:5433,[fe80::1]/shop", [("::1", 5433), ("fe80::1", None)]),
        ("postgresql:///shop?host=/run/pg", [("/run/pg", None)]),
        ("postgresql:///shop?host=a,b&port=1,2", [("a", 1), ("b", 2)]),
        ("postgresql://%2Frun%2Fpg/shop", [("/run/pg", None)]),
        ("postgresql:///shop", [(None, None)]),
    ],
)
def test_the_hosts_of_a_url(url: str, found: list[tuple[str | None, int | None]]) -> None:
    assert [(one.name, one.port) for one in reach.hosts(url)] == found


def test_attempts_to_connect_grow_apart_and_are_spread() -> None:
    random.seed(1)
    pauses = [[one.next() for _ in range(8)] for one in (Backoff(), Backoff())]
    for each in pauses:
        for pause, longest in zip(each, (0.5, 1, 2, 4, 8, 8, 8, 8), strict=True):
            assert longest / 2 <= pause <= longest
    assert all(a != b for a, b in zip(*pauses, strict=True))  # two that lost the same server
