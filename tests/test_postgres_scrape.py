"""The command itself, watching a real database: its page answers whatever the database does."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.pg import Server
from tests.support.process import running
from tests.support.waiting import free_port, wait_for
from tests.support.web import answers, get

CONFIG = """\
state: ./state
apps:
  - name: shop
    postgres: {{url: "{url}", password_file: secret, interval: 1s, statement_timeout: 1s}}
"""


@pytest.mark.alone(reason="it compares latencies")
def test_metrics_answer_as_fast_while_the_database_is_paused(
    postgres: Server, sidewatch: Path, tmp_path: Path
) -> None:
    database = postgres.database()
    address = f"127.0.0.1:{free_port()}"
    (tmp_path / "secret").write_text("first\n")
    config = tmp_path / "sidewatch.yaml"
    config.write_text(CONFIG.format(url=postgres.url("watcher", database)))

    def page() -> str:
        return get(f"http://{address}/metrics").decode()

    def up(state: str) -> Callable[[], bool]:
        line = re.compile(
            rf'^watched_postgres_up\{{.*"{database}".*\}} {state}(\.0)?$', re.MULTILINE
        )
        return lambda: line.search(page()) is not None

    def latency() -> float:
        times = []
        for _ in range(20):
            began = time.perf_counter()
            page()
            times.append(time.perf_counter() - began)
        return statistics.median(times)

    with running(
        [sidewatch, "run", "--config", config],
        tmp_path / "log",
        lambda: answers(f"http://{address}/readyz"),
        cwd=tmp_path,
        env={"SIDEWATCH_LISTEN": address},
    ) as child:
        wait_for(up("1"), "the database to answer")
        wait_for(lambda: "watched_postgres_size_bytes{" in page(), "its size")
        healthy = latency()
        postgres.pause()
        try:
            paused = latency()
            wait_for(up("0"), "the database to be down")
            wait_for(lambda: "watched_postgres_connections{" not in page(), "old values to go")
            down = latency()
        finally:
            postgres.resume()
        wait_for(up("1"), "the database to be up again")
        assert max(paused, down) < healthy + 0.05
        assert "first" not in child.output()
