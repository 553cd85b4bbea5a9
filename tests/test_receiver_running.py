"""What is pushed to a whole sidewatch: counted, forwarded, and received anew after a reload."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from exporter.app import Running
from exporter.clock import WallClock
from exporter.config import load
from exporter.exposition import render
from exporter.server import Server
from tests.support.otlp import http_receiver
from tests.support.pushing import push, said

CONFIG = """\
listen: 127.0.0.1:0
{forward}
apps:
  - name: shop
    logs: [{{otlp: {senders}}}]
"""


@dataclass
class Box:
    """A folder with a configuration, and what runs on it in this process."""

    folder: Path

    def configure(self, senders: str, forward: str = "") -> None:
        text = CONFIG.format(senders=senders, forward=forward)
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


async def test_what_is_pushed_is_counted_and_forwarded_each_time(tmp_path: Path) -> None:
    box = Box(tmp_path)
    lines = [f"2026-11-21T12:00:00Z INFO app: said {number:03}" for number in range(40)]
    async with http_receiver() as receiver:
        way = f"forward: {{one: {{endpoint: '{receiver.url}', batch: {{delay: 50ms}}}}}}"
        box.configure("{shop-api: web}", way)
        async with box.runs() as (_, server):
            for at in range(0, 40, 4):  # none of them is anybody's alone
                assert (await push(server, said(*lines[at : at + 4]))).status == 200
            await until(lambda: len(receiver.bodies) >= 40)
        assert [str(one)[-8:] for one in receiver.bodies] == [one[-8:] for one in lines]


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
