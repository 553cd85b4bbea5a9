"""The command itself, while its database is locked, cut off or full: its page takes no longer."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from textwrap import indent

import pytest

from tests.support.pg import MAX_CONNECTIONS, Server
from tests.support.process import running
from tests.support.proxy import Proxy, proxy
from tests.support.shop import locked, opened, settings
from tests.support.waiting import free_port, wait_for
from tests.support.web import answers, get

CONFIG = """\
apps:
  - name: shop
    metrics:
      shop_orders: {type: gauge, help: Orders., labels: [state]}
      shop_carts: {type: gauge, help: Carts.}
    postgres:
"""


@contextmanager
def swallowed(network: Proxy) -> Iterator[None]:
    network.swallow()
    try:
        yield
    finally:
        network.carry()


@contextmanager
def full(postgres: Server, shop: str) -> Iterator[None]:
    """Others take every connection that ordinary roles may have, but the one that we have."""
    with ExitStack() as stack:
        for _ in range(MAX_CONNECTIONS - 4):
            client = postgres.session(shop)
            stack.callback(client.communicate)
            stack.callback(client.kill)
        yield


@pytest.mark.alone(reason="it compares latencies")
def test_no_fault_of_the_database_is_felt_at_the_page(
    postgres: Server, sidewatch: Path, tmp_path: Path
) -> None:
    shop = opened(postgres)
    url = f"http://127.0.0.1:{free_port()}"
    config = tmp_path / "sidewatch.yaml"

    def page() -> str:
        return get(f"{url}/metrics").decode()

    def median() -> float:
        times = []
        for _ in range(20):
            began = time.perf_counter()
            page()
            times.append(time.perf_counter() - began)
        return statistics.median(times)

    def carts() -> bool:
        return 'shop_carts{app="shop"} 0' in page()

    with proxy(postgres.port) as network:
        config.write_text(
            CONFIG + indent(settings(postgres, shop, port=network.port, interval="1s"), " " * 6)
        )
        faults: dict[str, Callable[[], AbstractContextManager[None]]] = {
            "locked": lambda: locked(postgres, shop, "orders"),
            "full": lambda: full(postgres, shop),
            "swallowed": lambda: swallowed(network),
        }
        with running(
            [sidewatch, "run", "--config", config],
            tmp_path / "log",
            lambda: answers(f"{url}/readyz"),
            cwd=tmp_path,
            env={"SIDEWATCH_LISTEN": url.removeprefix("http://")},
        ):
            wait_for(carts, "the carts")
            healthy = median()
            for name, fault in faults.items():
                with fault():
                    time.sleep(1.1)  # by then every query has met the fault
                    assert median() < healthy + 0.05, name
