"""The logs of many containers at once: those that ended make room, one that hangs delays none."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from aiohttp import web

from exporter.clock import SetClock
from exporter.sources.docker import Docker
from exporter.sources.docker.settings import Selection
from tests.support.asking import until
from tests.support.engine import NOON, SECOND, frame, stamp
from tests.support.sinks import KeepingSink


@dataclass
class One:
    """A container: its log, and whether it runs; one that `hangs` or is `mute` gives no log."""

    text: str
    running: bool = False
    started: int = 1
    hangs: bool = False
    mute: bool = False


@dataclass
class Many:
    """An Engine of many containers, by number. `asked` counts inspections by container."""

    ones: dict[int, One] = field(default_factory=dict)
    tells: bool = True
    asked: Counter[int] = field(default_factory=Counter)
    listed: int = 0
    url: str = ""
    _events: list[asyncio.Queue[bytes]] = field(default_factory=list)

    def happens(self, number: int, action: str) -> None:
        """An event of this container is told."""
        event = {"Type": "container", "Action": action, "id": _identity(number)}
        for queue in self._events:
            queue.put_nowait(json.dumps(event).encode() + b"\n")

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Whatever is asked."""
        if request.path == "/events":
            return await self._told(request)
        if request.path == "/containers/json":
            self.listed += 1
            return web.json_response([_row(number, one) for number, one in self.ones.items()])
        number = int(request.path.split("/")[2], 16)
        one = self.ones[number]
        if request.path.endswith("/json"):
            self.asked[number] += 1
            state = {"Running": one.running, "StartedAt": str(one.started)}
            return web.json_response({"State": state, "Config": {"Tty": False}})
        return await self._log(request, one)

    async def _told(self, request: web.BaseRequest) -> web.StreamResponse:
        if not self.tells:
            return web.Response(status=403, text="no")
        response, queue = web.StreamResponse(), asyncio.Queue[bytes]()
        await response.prepare(request)
        self._events.append(queue)
        while True:
            await response.write(await queue.get())

    async def _log(self, request: web.BaseRequest, one: One) -> web.StreamResponse:
        if one.hangs:
            await asyncio.sleep(3600)
        if one.mute:
            said = {"message": "configured logging driver does not support reading"}
            return web.json_response(said, status=501)
        response = web.StreamResponse(headers={"Api-Version": "1.41"})
        await response.prepare(request)
        since = float(request.query.get("since", 0)) * SECOND
        if request.query["tail"] != "0":
            entries = [(NOON + n, line) for n, line in enumerate(one.text.splitlines(True))]
            for at, line in entries if request.query["tail"] == "all" else entries[-1:]:
                if at >= since:
                    await response.write(frame(1, stamp(at) + line.encode()))
        if "follow" in request.query and one.running:
            await asyncio.sleep(3600)
        return response


def _identity(number: int) -> str:
    return f"{number:064x}"


def _row(number: int, one: One) -> dict[str, Any]:
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": f"s{number}"}
    state = "running" if one.running else "exited"
    return {"Id": _identity(number), "Names": [f"/s{number}"], "Labels": labels, "State": state}


@asynccontextmanager
async def reading(
    engine: Many, start: Literal["end", "beginning"] = "beginning"
) -> AsyncIterator[KeepingSink]:
    """A source at work on it; it may not fail."""
    runner = web.ServerRunner(web.Server(engine.answer), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    sink = KeepingSink()
    selection = Selection(project="shop", url=f"tcp://127.0.0.1:{runner.addresses[0][1]}")
    source = Docker(selection, from_=start, poll=1.0)
    task = asyncio.create_task(source.run(sink, SetClock(NOON / SECOND)))
    try:
        yield sink
        assert not task.done(), task.result()
    finally:
        task.cancel()
        await asyncio.wait([task])
        await runner.cleanup()


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few are many; pauses are a tenth of what they are."""
    monkeypatch.setattr("exporter.sources.docker.fleet.MOST", 8)
    monkeypatch.setattr("exporter.sources.docker.fleet.LEAST", 0.05)
    monkeypatch.setattr("exporter.sources.docker.follow.FIRST_PAUSE", 0.1)
    monkeypatch.setattr("exporter.sources.docker.follow.QUIET", 0.1)


def texts(sink: KeepingSink, service: str) -> list[str]:
    return [line.decode().split(" ", 3)[3] for line in sink.lines.get(service, [])]


async def test_containers_that_have_ended_take_no_place_from_those_that_run() -> None:
    """`docker compose run` leaves one behind each time, for as long as nobody prunes them."""
    engine = Many({number: One(f"{number}\n") for number in range(30)})
    async with asyncio.timeout(10), reading(engine) as sink:
        await sink.until(30)
        engine.ones[30] = One("30\n", running=True)
        await sink.until(31)
        assert sink.failures == {}
    assert all(texts(sink, f"s{number}") == [str(number)] for number in range(31))


async def test_those_without_a_log_take_no_place_either_and_are_told() -> None:
    engine = Many({number: One("", mute=True) for number in range(20)})
    async with asyncio.timeout(10), reading(engine) as sink:
        await until(lambda: sink.failures == {"unreadable": 20}, "the failures")
        engine.ones[30] = One("30\n", running=True)
        await sink.until(1)
        assert sink.failures == {"unreadable": 20}


async def test_at_the_first_start_those_that_are_too_many_are_passed_over_as_well() -> None:
    engine = Many({number: One("old\n") for number in range(30)})
    async with asyncio.timeout(10), reading(engine, "end") as sink:
        await until(lambda: len(engine.asked) == 30, "the looks")
        engine.ones[30] = One("new\n", running=True)
        await sink.until(1)
    assert sink.all() == [line.decode() for line in sink.lines["s30"]]


async def test_what_has_ended_is_left_alone_until_an_event_tells_of_it() -> None:
    engine = Many({number: One(f"{number}\n") for number in range(5)})
    async with asyncio.timeout(10), reading(engine) as sink:
        await sink.until(5)
        listed = engine.listed
        await until(lambda: engine.listed >= listed + 2, "the looks")
        before = engine.asked.total()
        await until(lambda: engine.listed >= listed + 3, "the looks")
        assert engine.asked.total() == before
        engine.ones[3] = One("3\nagain\n", started=2)  # it ran, and the list shows nothing of it
        engine.happens(3, "die")
        await sink.until(6)
    assert texts(sink, "s3") == ["3", "again"]


async def test_without_events_what_has_ended_is_looked_at_every_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("exporter.sources.docker.fleet.SELDOM", 2.0)
    engine = Many({number: One(f"{number}\n") for number in range(5)}, tells=False)
    async with asyncio.timeout(10), reading(engine) as sink:
        await sink.until(5)
        engine.ones[3] = One("3\nagain\n", started=2)
        await sink.until(6)
    assert texts(sink, "s3") == ["3", "again"]


async def test_logs_that_hang_delay_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.sources.docker.follow.SEARCH", 0.5)
    engine = Many({number: One(f"{number}\n", hangs=number < 6) for number in range(8)})
    async with asyncio.timeout(5), reading(engine) as sink:
        await sink.until(2)
    assert (texts(sink, "s6"), texts(sink, "s7")) == (["6"], ["7"])
