"""Very many series behind a real endpoint and saver, and how long they hold up the event loop.

A series is what Prometheus takes for one: a line of /metrics. A tenth of them are histograms',
each bucket of these with an exemplar.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exporter.app.assembly import assemble
from exporter.clock import SetClock
from exporter.config import load_profile
from exporter.model import REQUEST_BUCKETS, Cursor, Family
from exporter.saving import Saver
from exporter.server import Page, serve
from exporter.shard import Shard
from exporter.sources.worker import Worker
from exporter.state import StateFile

TICK = 0.005
SERVICE = "web"
SOURCE = "files:/var/log/*.log"
REQUESTS = Family(
    "watched_http_requests_total",
    "counter",
    "Requests.",
    ("route", "method", "status"),
    limit=10**6,
)
DURATION = Family(
    "watched_http_request_duration_seconds",
    "histogram",
    "Time to answer.",
    ("route",),
    buckets=REQUEST_BUCKETS,
    limit=10**6,
)
NUMBERS = len(REQUEST_BUCKETS) + 2  # of one histogram, which is a line more
FORMS = {
    "text": {"Accept": "text/plain"},
    "text, gzip": {"Accept": "text/plain", "Accept-Encoding": "gzip"},
    "OpenMetrics, gzip": {"Accept": "application/openmetrics-text", "Accept-Encoding": "gzip"},
}
# A client in a process of its own: what it does must not hold up this one.
CLIENT = """
import http.client, json, sys, time
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
for line in sys.stdin:
    before = time.perf_counter()
    connection.request("GET", "/metrics", headers=json.loads(line))
    size = len(connection.getresponse().read())
    print(json.dumps([time.perf_counter() - before, size]), flush=True)
"""


def labels(number: int) -> tuple[str, ...]:
    """The labels of a counter."""
    return f"/api/{number // 8}", ("GET", "POST")[number % 2], f"{200 + number // 2 % 4}"


def shares(lines: int) -> tuple[int, int]:
    """How many counters and how many histograms make so many lines."""
    histograms = round(lines / 10 / (NUMBERS + 1))
    return lines - histograms * (NUMBERS + 1), histograms


@dataclass
class Held:
    """How long the loop was held up, tick by tick: by the clock, and by its own work alone."""

    waited: list[float] = field(default_factory=list)
    worked: list[float] = field(default_factory=list)


@asynccontextmanager
async def holding() -> AsyncIterator[Held]:
    """What holds the loop up in here, in seconds."""
    held, loop = Held(), asyncio.get_running_loop()

    async def tick() -> None:
        while True:
            due, spent = loop.time() + TICK, time.thread_time()
            await asyncio.sleep(TICK)
            held.waited.append(max(0.0, loop.time() - due))
            held.worked.append(time.thread_time() - spent)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(2 * TICK)
    try:
        yield held
        await asyncio.sleep(2 * TICK)
    finally:
        ticking.cancel()


@dataclass
class Crowd:
    """The shards, what saves and shows them, and a client."""

    clock: SetClock
    saver: Saver
    shards: list[Shard]
    client: asyncio.subprocess.Process | None = None

    def move(self) -> None:
        """Every number grows."""
        for shard in self.shards:
            values = shard.registry.values
            for index, value in enumerate(values):
                values[index] = value + 1
            shard.version += 1

    def behind(self, seconds: float) -> None:
        """From now on the logs of all series are read with so much lag: 0 ends it."""
        for shard in self.shards:
            for cursor in shard.cursors(SOURCE):
                shard.lag(cursor, 1000 if seconds else 0, None)
        self.clock.advance(seconds)

    async def scrape(self, headers: dict[str, str]) -> tuple[float, int]:
        """How long one took, and the length of its body as it was sent."""
        assert self.client is not None
        assert self.client.stdin is not None
        assert self.client.stdout is not None
        self.client.stdin.write(json.dumps(headers).encode() + b"\n")
        seconds, size = json.loads(await self.client.stdout.readline())
        return seconds, size


def fill(shard: Shard, lines: int) -> None:
    """Have so many series counted of which none was shown yet."""
    shard.open(SOURCE, Cursor(f"{shard.app}.log", SERVICE, "file"))
    registry, now = shard.registry, shard.clock.now()
    counters, histograms = shares(lines)
    for number in range(counters):
        index = registry.cell(REQUESTS, labels(number), now, SERVICE).index
        registry.values[index] = number + 1
    for number in range(histograms):
        first = registry.cell(DURATION, (f"/api/{number}",), now, SERVICE).index
        for index in range(first, first + NUMBERS):
            registry.values[index] = 1.0
        for index in range(first, first + NUMBERS - 1):
            registry.exemplars[index] = ("request_id", f"{index:032x}", 0.25, now)
    shard.version += 1


@asynccontextmanager
async def crowd(folder: Path, apps: int, lines: int) -> AsyncIterator[Crowd]:
    """So many applications of so many series each, served and saved; nothing is shown yet."""
    clock, worker = SetClock(1.8e9), Worker("state")
    made = Crowd(clock, Saver(clock, worker.do), [])
    for number in range(apps):
        shard = assemble(load_profile("pullapprove", f"app{number}"), clock)
        made.saver.add(shard, StateFile(folder, shard.app))
        fill(shard, lines)
        made.shards.append(shard)
    try:
        async with serve(
            "127.0.0.1:0",
            expose=made.saver.expose,
            ready=list,
            page=_no_page,
            on_error=_raise,
            created=True,
        ) as server:
            made.client = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                CLIENT,
                str(server.port),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            try:
                yield made
            finally:
                assert made.client.stdin is not None
                made.client.stdin.close()
                await made.client.wait()
    finally:
        worker.close()


async def _no_page(_: bool) -> Page:  # noqa: FBT001  the server's word for it
    raise AssertionError("nobody asks for the page here")


def _raise(error: Exception) -> Any:
    raise error
