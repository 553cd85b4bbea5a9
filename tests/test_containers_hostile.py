"""Containers of an Engine of the tests' own, whose events hang, go dead or come out of time."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from tests.support.asking import until, watched

IDENTITY = "c0ffee" * 10 + "cafe"
LABELS = {
    "com.docker.compose.project": "shop",
    "com.docker.compose.service": "web",
    "com.docker.compose.container-number": "1",
}
VERSION = re.compile(r"^/v[0-9.]+(?=/)")
EXITS = "watched_container_exits_total"
RUNNING = "watched_service_running_replicas"


@dataclass
class Engine:
    """It has one container, and tells of events or not.

    `answers` has events answered at all; of the streams that are asked for, `dead` tell nothing.
    """

    answers: bool = True
    dead: int = 0
    state: dict[str, Any] = field(default_factory=lambda: {"Status": "running"})
    restarts: int = 0
    told: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0
    url: str = ""

    def happens(self, action: str, at: float, **attributes: str) -> None:
        """Something happens to the container, at this time by the daemon's clock."""
        actor = {"ID": IDENTITY, "Attributes": {**LABELS, "name": "shop-web-1", **attributes}}
        event = {"Type": "container", "Action": action, "Actor": actor, "timeNano": int(at * 1e9)}
        self.told.append(event)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Whatever is asked."""
        path = VERSION.sub("", request.path)
        if path == "/version":
            return web.json_response({"ApiVersion": "1.41", "Version": "20.10.24"})
        if path == "/containers/json":
            row = {"Id": IDENTITY, "Names": ["/shop-web-1"], "Labels": LABELS}
            return web.json_response([row])
        if path == "/events":
            return await self._events(request)
        return web.json_response(
            {
                "Id": IDENTITY,
                "Name": "/shop-web-1",
                "Created": "2023-11-14T22:13:20Z",
                "Image": "sha256:1",
                "RestartCount": self.restarts,
                "State": self.state,
                "Config": {"Image": "shop:1", "Labels": LABELS},
            }
        )

    async def _events(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked += 1
        number, since = self.asked, int(float(request.query["since"]) * 1e9)
        if not self.answers:
            await asyncio.sleep(3600)
        response = web.StreamResponse()
        await response.prepare(request)
        kept = [each for each in self.told if each["timeNano"] >= since]
        sent = len(self.told)
        while True:
            if number > self.dead:
                for each in kept + self.told[sent:]:
                    await response.write(json.dumps(each).encode() + b"\n")
                kept, sent = [], len(self.told)
            await asyncio.sleep(0.02)


def spelled(at: float) -> str:
    """A time as the daemon spells it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@asynccontextmanager
async def served(engine: Engine) -> AsyncIterator[str]:
    """It listens; what an application says of its containers to be watched there."""
    runner = web.ServerRunner(web.Server(engine.answer), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        port = runner.addresses[0][1]
        yield f"containers: {{url: 'tcp://127.0.0.1:{port}', project: shop, interval: 1s}}"
    finally:
        await runner.cleanup()


async def test_events_that_are_never_answered_are_told_and_hide_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("exporter.sources.containers.watch.HUNG_SECONDS", 1.0)
    engine = Engine(answers=False)
    async with served(engine) as part, watched(part) as app:
        await until(lambda: app.value(RUNNING, "web") == 1, "the state")
        await until(lambda: app.failures().keys() == {"hung"}, "the failure")
        assert app.value("sidewatch_source_up", "containers") == 0
        ended = time.time()
        engine.state = {"Status": "exited", "ExitCode": 3, "FinishedAt": spelled(ended)}
        await until(lambda: app.series(EXITS) == {("web", "3", "error"): 1}, "the exit")


async def test_a_stream_that_has_gone_dead_is_left_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A firewall forgets it, and nobody says a word; what it should have told comes after all."""
    monkeypatch.setattr("exporter.sources.containers.lives.UNTOLD_SECONDS", 0.3)
    engine = Engine(dead=1)
    async with served(engine) as part, watched(part) as app:
        await until(lambda: app.value(RUNNING, "web") == 1 and engine.asked == 1, "the state")
        ended = time.time() + 1
        engine.happens("die", ended - 0.9, exitCode="1")
        engine.happens("start", ended - 0.8)
        engine.happens("die", ended + 0.01, exitCode="3")
        engine.state = {"Status": "exited", "ExitCode": 3, "FinishedAt": spelled(ended)}
        await until(lambda: engine.asked == 2, "another stream")
        engine.happens("start", ended + 9)
        engine.happens("die", ended + 9.5, exitCode="4")
        await until(lambda: ("web", "4", "error") in app.series(EXITS), "the events")
        assert app.series(EXITS) == {("web", code, "error"): 1 for code in ("1", "3", "4")}


async def test_a_daemon_whose_clock_is_set_back_is_still_heard() -> None:
    engine = Engine()
    async with served(engine) as part, watched(part) as app:
        await until(lambda: app.value(RUNNING, "web") == 1 and engine.asked == 1, "the state")
        engine.happens("die", time.time() - 3600, exitCode="1")
        await until(lambda: app.series(EXITS) == {("web", "1", "error"): 1}, "the exit")
