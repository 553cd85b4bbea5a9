"""A whole sidewatch that is pushed to, before and after a reload."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from exporter.app.running import Running
from exporter.clock import WallClock
from exporter.config import load
from exporter.exposition import render
from exporter.server import Server
from tests.support.pushing import push, said

CONFIG = """\
listen: 127.0.0.1:0
apps:
  - name: shop
    logs: [{{otlp: {senders}}}]
"""


@dataclass
class Box:
    """A folder with a configuration, and what runs on it in this process."""

    folder: Path

    def configure(self, senders: str) -> None:
        text = CONFIG.format(senders=senders)
        (self.folder / "sidewatch.yaml").write_text(text)

    @asynccontextmanager
    async def runs(self) -> AsyncIterator[tuple[Running, Server]]:
        """From when it serves until it has ended."""
        file, stop = self.folder / "sidewatch.yaml", asyncio.Event()
        made = Running(load(file, {}), WallClock(), lambda: load(file, {}))
        server: asyncio.Future[Server] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(made.run(stop, server.set_result))
        try:
            async with asyncio.timeout(20):
                yield made, await server
        finally:
            stop.set()
            await task


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not what():  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.05)


async def test_a_reload_changes_who_is_received_and_forgets_nothing(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.configure("{shop-api: web}")
    async with box.runs() as (running, server):

        async def rejected(sender: str) -> int:
            answer = await push(server, said("a", sender=sender))
            assert answer.status == 200
            return answer.partial[0]

        assert [await rejected("shop-api"), await rejected("shop-worker")] == [0, 1]
        box.configure("{shop-worker: web}")
        before = running._watched["shop"]
        running.reload()
        await until(lambda: running._watched.get("shop", before) is not before)
        await asyncio.sleep(0)  # the new source begins
        assert [await rejected("shop-api"), await rejected("shop-worker")] == [1, 0]
        shown = running._watched["shop"].shard.snapshot(final=True)
    assert 'watched_log_lines_total{app="shop",service="web",stream="otlp"} 2' in str(
        render([shown]), "utf-8"
    )


async def test_who_receives_nothing_says_so(tmp_path: Path) -> None:
    text = f"listen: 127.0.0.1:0\napps: [{{name: shop, logs: [{{files: '{tmp_path}/*.log'}}]}}]\n"
    (tmp_path / "sidewatch.yaml").write_text(text)
    async with Box(tmp_path).runs() as (running, server):
        answer = await push(server, said("a"))
        assert (answer.status, answer.kind) == (404, "text/plain")
        assert b"no application has a source otlp" in answer.body
        shown = render(await running.expose()).decode()
    assert 'sidewatch_receiver_requests_total{status="404"}' in shown
