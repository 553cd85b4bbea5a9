"""A whole sidewatch that forwards: receivers alive and dead, secrets, reloads."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from exporter.__main__ import main
from exporter.app.running import Running
from exporter.clock import WallClock
from exporter.config import Plan, load
from exporter.exposition import render
from exporter.server import Server
from exporter.state import StateFile
from tests.support.canaries import canaries, fields, lines
from tests.support.otlp import PROTOBUF, Receiver, grpc_receiver, http_receiver, says
from tests.support.waiting import free_port
from tests.support.web import get

WITHIN = 30.0
CONFIG = """\
listen: 127.0.0.1:0
state: ./state
forward: {forward}
apps:
  - name: shop
    forward: {own}
    logs:
      - {{files: ["{folder}/*.log"], from: beginning, poll: 50ms}}
"""
TIMES = re.compile(r"time_unix_nano: \d+")
QUICK = "batch: {delay: 50ms}"


@dataclass
class Box:
    """A folder with a configuration and logs, and what runs on them in this process."""

    folder: Path
    server: Server | None = None

    def configure(self, forward: str, own: str = "true") -> None:
        text = CONFIG.format(folder=self.folder, forward=forward, own=own)
        (self.folder / "sidewatch.yaml").write_text(text)

    def says(self, numbers: range, log: str = "web.log") -> list[str]:
        said = [f"said {number:05d}" for number in numbers]
        with (self.folder / log).open("a") as file:
            file.writelines(f"2026-11-21T12:00:00Z INFO app: {one}\n" for one in said)
        return said

    def plan(self) -> Plan:
        return load(self.folder / "sidewatch.yaml", {})

    @asynccontextmanager
    async def runs(self) -> AsyncIterator[Running]:
        """From when it serves until it has ended."""
        made, stop, serving = Running(self.plan(), WallClock(), self.plan), *_events()

        def started(server: Server) -> None:
            self.server = server
            serving.set()

        task = asyncio.create_task(made.run(stop, started))
        waiting = asyncio.create_task(serving.wait())
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        try:
            yield made
        finally:
            stop.set()
            await task

    async def scrape(self) -> dict[str, float]:
        assert self.server is not None
        url = f"{self.server.url.rstrip('/')}/metrics"
        text = (await asyncio.to_thread(get, url)).decode()
        rows = (line.rpartition(" ") for line in text.splitlines() if line[:1] != "#")
        return {name: float(value) for name, _, value in rows}


def _state(holds: dict[str, Any]) -> bytes:
    """A state file that is whole, with something else in it."""
    with TemporaryDirectory() as folder:
        file = StateFile(Path(folder), "any")
        file.save(holds, sync=False)
        return file.path.read_bytes()


def _events() -> tuple[asyncio.Event, asyncio.Event]:
    return asyncio.Event(), asyncio.Event()


async def _arrived(receiver: Receiver, said: list[str]) -> None:
    """Wait until all of this was received, whatever else was."""
    async with asyncio.timeout(WITHIN):
        while True:
            if {f"app: {one}" for one in said} <= set(map(str, receiver.bodies)):
                return
            await asyncio.sleep(0.1)


async def test_two_destinations_each_go_on_where_they_were(tmp_path: Path) -> None:
    box = Box(tmp_path)
    async with http_receiver() as one, grpc_receiver() as two:
        way = (
            f"{{one: {{endpoint: '{one.url}', {QUICK}}},"
            f" two: {{endpoint: '{two.url}', protocol: grpc, {QUICK}}}}}"
        )
        box.configure(way)
        said = box.says(range(300))
        async with box.runs():
            await _arrived(one, said)
            await _arrived(two, said)
        assert sorted(path.name for path in (tmp_path / "state").glob("*.state")) == [
            "shop+one.state",
            "shop+two.state",
            "shop.state",
        ]
        later = box.says(range(300, 400))
        async with box.runs():
            await _arrived(one, later)
            await _arrived(two, later)
        for receiver in (one, two):
            assert sorted(map(str, receiver.bodies)) == [f"app: {each}" for each in said + later]


@pytest.mark.parametrize("spoiled", [b"garbage", b"", _state({"streams": [{"key": 1}]})])
async def test_spoiled_positions_leave_nothing_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, spoiled: bytes
) -> None:
    box = Box(tmp_path)
    async with http_receiver() as central:
        box.configure(f"{{central: {{endpoint: '{central.url}', {QUICK}}}}}")
        config = tmp_path / "sidewatch.yaml"
        config.write_text(config.read_text().replace("beginning", "end"))
        box.says(range(10))
        async with box.runs():
            await _known(box)
            sent = box.says(range(10, 20))
            await _arrived(central, sent)
        assert len(central.bodies) == 10, "what was there at the first start is passed over"
        unsent = box.says(range(20, 30))
        for path in (tmp_path / "state").glob("shop+central.state*"):
            path.write_bytes(spoiled)
        async with box.runs():
            await _arrived(central, unsent)
    assert "some of it again" in caplog.text


async def _known(box: Box) -> None:
    """Wait until a destination has its positions, at the end of what is there."""
    async with asyncio.timeout(WITHIN):
        while not (box.folder / "state" / "shop+central.state").exists():  # noqa: ASYNC110  # a file has no event
            await asyncio.sleep(0.05)


async def test_a_dead_destination_fails_alone_and_moves_no_counter(tmp_path: Path) -> None:
    box = Box(tmp_path)
    async with http_receiver() as alive:
        dead = f"http://127.0.0.1:{free_port()}"
        box.configure(f"{{alive: {{endpoint: '{alive.url}', {QUICK}}}, dead: '{dead}'}}")
        (tmp_path / "web.log").touch()
        async with box.runs():
            await box.scrape()  # series that are declared are born at zero
            said = box.says(range(3000))
            await _arrived(alive, said)
            took = []
            for _ in range(20):
                began = time.perf_counter()
                metrics = await box.scrape()
                took.append(time.perf_counter() - began)
            assert sorted(took)[10] < 0.5
            records = 'watched_log_records_total{app="shop",service="web.log",level="info"}'
            assert metrics[records] == 3000
            up = 'sidewatch_forward_up{{app="shop",destination="{}"}}'
            assert metrics[up.format("alive")] == 1
            assert metrics[up.format("dead")] == 0
            lag = f'{{app="shop",destination="dead",source="files:{tmp_path}/*.log"}}'
            size = (tmp_path / "web.log").stat().st_size
            assert metrics[f"sidewatch_forward_lag_bytes{lag}"] == size
            assert metrics['sidewatch_forward_lag_objective_seconds{app="shop",destination="dead"}']


async def test_a_reload_keeps_positions_and_takes_a_new_receiver(tmp_path: Path) -> None:
    box = Box(tmp_path)
    async with http_receiver() as first, http_receiver() as second:
        one, two = (f"{{central: {{endpoint: '{way.url}', {QUICK}}}}}" for way in (first, second))
        box.configure(one)
        said = box.says(range(100))
        async with box.runs() as running:
            await _arrived(first, said)
            await _taken(running, box, two)
            later = box.says(range(100, 200))
            await _arrived(second, later)
            await _taken(running, box, two, "false")
            kept = box.says(range(200, 300))
            await asyncio.sleep(0.5)
            assert len(second.bodies) == 100, "an application may keep its logs to itself"
            await _taken(running, box, two)
            await _arrived(second, kept)
        assert sorted(map(str, first.bodies)) == [f"app: {one}" for one in said]
        assert sorted(map(str, second.bodies)) == [f"app: {one}" for one in later + kept]


async def test_another_first_glob_sends_and_counts_nothing_again(tmp_path: Path) -> None:
    box, glob = Box(tmp_path), f'"{tmp_path}/*.log"'
    config = tmp_path / "sidewatch.yaml"
    async with http_receiver() as one:
        box.configure(f"{{one: {{endpoint: '{one.url}', {QUICK}}}}}")
        said = box.says(range(100))
        async with box.runs():
            await _arrived(one, said)
        said += box.says(range(100, 200))
        config.write_text(config.read_text().replace(glob, f'"{tmp_path}/none/*.log", {glob}'))
        async with box.runs() as running:
            await _arrived(one, said)
            shard = running._watched["shop"].shard
            async with asyncio.timeout(WITHIN):
                while shard.unfinished(f"files:{tmp_path}/none/*.log"):  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.05)
            shown = render([shard.snapshot(final=True)]).decode()
        assert sorted(map(str, one.bodies)) == [f"app: {each}" for each in said]
    assert 'watched_log_lines_total{app="shop",service="web.log",stream="file"} 200' in shown


async def _taken(running: Running, box: Box, forward: str, own: str = "true") -> None:
    """Have another configuration taken."""
    before = running._watched["shop"]
    box.configure(forward, own)
    running.reload()
    async with asyncio.timeout(WITHIN):
        for _ in iter(lambda: running._watched.get("shop") in (before, None), False):
            await asyncio.sleep(0.05)


async def test_what_is_pushed_is_counted_and_forwarded(tmp_path: Path) -> None:
    box = Box(tmp_path)
    async with http_receiver() as central:
        box.configure(f"{{central: {{endpoint: '{central.url}', {QUICK}}}}}")
        config = tmp_path / "sidewatch.yaml"
        config.write_text(config.read_text() + "      - otlp: {shop-api: api}\n")
        async with box.runs():
            await box.scrape()
            said = [f"pushed {number}" for number in range(300)]
            assert box.server is not None
            for at in range(0, 300, 50):
                await _push(box.server.url, said[at : at + 50])
            async with asyncio.timeout(WITHIN):
                while len(central.bodies) < 300:  # noqa: ASYNC110  # the receiver has no event
                    await asyncio.sleep(0.1)
            metrics = await box.scrape()
        assert sorted(central.bodies) == sorted(said)
        records = 'watched_log_records_total{app="shop",service="api",level="info"}'
        assert metrics[records] == 300


async def _push(url: str, said: list[str]) -> None:
    """As an application does that logs by OTLP."""
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    name = KeyValue(key="service.name", value=AnyValue(string_value="shop-api"))
    resource.resource.attributes.append(name)
    scope = resource.scope_logs.add()
    for one in said:
        scope.log_records.add(severity_number=9, body=AnyValue(string_value=one))
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{url.rstrip('/')}/v1/logs",
            data=request.SerializeToString(),
            headers={"Content-Type": PROTOBUF},
        ) as response,
    ):
        assert response.status == 200, await response.text()


async def test_no_secret_arrives_anywhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "exporter")
    box, birds = Box(tmp_path), canaries()
    text = [line for one in birds for _, line in (*lines(one.said), *fields(one))]
    (tmp_path / "web.log").write_text("".join(f"{one}\n" for one in text))
    refusing = [says(400)] * 8  # so that dead letters are shown, too
    bodies = ("message", "json", "raw")
    async with http_receiver() as one, http_receiver() as two, http_receiver(*refusing) as three:
        urls = zip(bodies, (one.url, two.url, three.url), strict=True)
        ways = [f"{body}: {{endpoint: '{url}', body: {body}, {QUICK}}}" for body, url in urls]
        box.configure("{" + ", ".join(ways) + "}")
        async with box.runs():
            box.says(range(1), "last.log")
            for receiver in (one, two):
                await _arrived(receiver, [])
                await _until_quiet(receiver)
            await _until_quiet(three)
            metrics = await box.scrape()
        came = [str(request) for each in (one, two, three) for request in each.requests]
        came = [TIMES.sub("", one) for one in came]  # their digits may look like a card's
    assert len(one.bodies) > len(birds) * 8, "all was read"
    shown = [*came, caplog.text, *metrics]
    for bird in birds:
        leaks = [each[:2000] for each in shown if bird.leaked(each)]
        assert not leaks, bird
    rules = {k for k in metrics if k.startswith("sidewatch_forward_redacted_total")}
    assert len(rules) > 10


async def _until_quiet(receiver: Receiver) -> None:
    count = -1
    async with asyncio.timeout(WITHIN):
        while count != len(receiver.requests) or count == 0:
            count = len(receiver.requests)
            await asyncio.sleep(1.5)


async def test_check_says_whether_a_destination_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box = Box(tmp_path)
    async with http_receiver() as alive:
        dead = f"http://127.0.0.1:{free_port()}"
        token = "headers: {authorization: 'Bearer hunter2hunter2'}"
        box.configure(f"{{alive: {{endpoint: '{alive.url}', {token}}}, dead: '{dead}'}}")
        arguments = ["check", "--config", str(tmp_path / "sidewatch.yaml"), "--connect"]
        code = await asyncio.to_thread(main, arguments)
        assert len(alive.requests) == 1
        assert alive.records == []
    said = capsys.readouterr().out
    assert code == 1
    assert "forward alive, http/protobuf at localhost:" in said
    assert ": ok\n" in said
    assert "fault: refused: nobody listens there" in said
    assert "hunter2" not in said
