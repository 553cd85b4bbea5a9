"""Many probes at once, and a reload while they are under way."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from exporter.app.running import Running
from exporter.clock import WallClock
from exporter.config import load
from exporter.sources.probes.round import first_within
from tests.support.asking import until
from tests.support.desk import shown
from tests.support.probing import DRIP, head, http, once, plan_of, probed, saying, serving, silence
from tests.support.scrape import Samples, one

SUCCESS = "watched_probe_success"


@pytest.mark.parametrize(
    ("count", "timeout", "places"),
    [
        (3, "5s", 8),
        (500, "5s", 168),  # a third of them, since each hangs for a third of its interval
        (500, "10ms", 8),
        (20, "60s", 21),  # longer than the interval: a place for each
    ],
)
def test_there_is_room_for_all_to_hang(count: int, timeout: str, places: int) -> None:
    probes = ", ".join(f"p{number}: {{}}" for number in range(count))
    plan = plan_of(f"base: http://shop\ntimeout: {timeout}\nhttp: {{{probes}}}")
    assert plan.probing.probes is not None
    assert plan.probing.probes.concurrency == places


@pytest.mark.parametrize(
    ("count", "interval", "seconds"),
    [(1, 15.0, 2.0), (400, 15.0, 2.0), (2000, 15.0, 10.0), (2000, 5.0, 5.0), (9, 1.0, 1.0)],
)
def test_very_many_are_not_first_asked_in_one_burst(
    count: int, interval: float, seconds: float
) -> None:
    """They keep their distance, so that they would come together at each interval."""
    assert first_within(count, interval) == seconds


async def test_many_that_hang_are_all_told_and_hide_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that are well: each is asked on its own clock, and nothing becomes unknown."""
    monkeypatch.setattr("exporter.sources.probes.round.FIRST_SECONDS", 0.5)
    bad, good = 40, 10
    async with serving(silence) as hole, serving(saying(http("ok"))) as port:
        probes = [
            f"interval: 1s\ntimeout: 900ms\nbase: http://127.0.0.1:{port}",
            f"bases: {{hole: 'http://127.0.0.1:{hole}'}}\nhttp:",
            *(f"  bad{number}: {{base: hole}}" for number in range(bad)),
            *(f"  good{number}: {{}}" for number in range(good)),
        ]
        async with probed("\n".join(probes)) as asked:
            await until(lambda: len(asked.series(SUCCESS)) == bad + good, "all of them", 6)
            for _ in range(50):
                told = asked.series(SUCCESS).values()
                assert (len(told), sum(told)) == (bad + good, good)
                await asyncio.sleep(0.1)


async def test_many_keep_their_own_series_and_take_no_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """None is folded into `other`, where nobody sees whose it is; a thread is for reading files."""
    monkeypatch.setattr("exporter.sources.probes.round.FIRST_SECONDS", 0.1)
    count = 120
    async with serving(saying(http("ok"))) as port:
        probes = ", ".join(f"p{number}: {{}}" for number in range(count))
        async with probed(f"base: http://127.0.0.1:{port}\nhttp: {{{probes}}}") as asked:
            await until(lambda: len(asked.series(SUCCESS)) == count, "all of them", 6)
            names = {name for name, *_ in asked.series("watched_probe_failures_total")}
            assert names == {f"p{number}" for number in range(count)}
            assert not [one for one in threading.enumerate() if one.name.startswith("probe ")]


async def test_a_check_has_no_more_under_way_than_a_run() -> None:
    """`check --connect` asks all of them once; 60 that hang for a second each would be 8 s."""
    under_way, most = 0, 0

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way, most
        await head(reader)
        under_way, most = under_way + 1, max(most, under_way + 1)
        await asyncio.sleep(0.1)
        writer.write(http("ok"))
        under_way -= 1
        await writer.drain()

    async with serving(server) as port:
        probes = ", ".join(f"p{number}: {{}}" for number in range(60))
        found = await once(f"base: http://127.0.0.1:{port}\ntimeout: 1s\nhttp: {{{probes}}}")
    assert len(found) == 60
    assert not [one.failure for one in found.values() if one.failure]
    assert 4 <= most <= 8


# -- reloading ------------------------------------------------------------------------------------

CONFIG = """\
listen: 127.0.0.1:0
state: {folder}/state
apps:
  - name: shop
    probes:
      interval: 1s
      timeout: 30s
      base: http://127.0.0.1:{port}
      bases:
        hole: http://127.0.0.1:{hole}
        slow: http://127.0.0.1:{slow}
        nowhere: http://hole.test
        secret: {{url: "http://127.0.0.1:{port}", auth: {{bearer_file: {folder}/fifo}}}}
      http:
        good: {{}}
        gone: {{status: 500}}
        hole: {{base: hole}}
        slow: {{base: slow}}
        nowhere: {{base: nowhere}}
        secret: {{base: secret}}
      tcp:
        redis: {{address: "127.0.0.1:{hole}", steps: [{{send: PING, expect: PONG}}]}}
"""


@asynccontextmanager
async def running(config: Path) -> AsyncIterator[Running]:
    """A whole sidewatch, from when it serves until it has ended."""
    made = Running(load(config, {}), WallClock(), lambda: load(config, {}))
    stop, ready = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(made.run(stop, lambda _: ready.set()))
    await ready.wait()
    try:
        yield made
    finally:
        stop.set()
        async with asyncio.timeout(5):
            await task


@pytest.mark.alone(reason="it asserts the time of a reload")
async def test_a_reload_waits_for_no_probe_and_forgets_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind of waiting at once: for bytes, a name, and a file that hangs."""
    end = threading.Event()

    def lookup(*_: Any) -> list[str]:
        end.wait(20)
        return []

    monkeypatch.setattr("exporter.sources.probes.round.system_lookup", lookup)
    monkeypatch.setattr("exporter.sources.probes.round.FIRST_SECONDS", 0.1)
    os.mkfifo(tmp_path / "fifo")
    config, loop = tmp_path / "sidewatch.yaml", asyncio.get_running_loop()
    async with serving(silence) as hole, serving(DRIP) as slow, serving(saying(http("ok"))) as port:
        config.write_text(CONFIG.format(folder=tmp_path, hole=hole, slow=slow, port=port))
        good, gone = (
            one(SUCCESS, app="shop", probe=name, kind="liveness") for name in ("good", "gone")
        )
        since = one(
            "watched_probe_failing_since_timestamp_seconds",
            app="shop",
            probe="gone",
            kind="liveness",
        )
        async with running(config) as made:
            first = await _seen(made, {good: 1, gone: 0})
            config.write_text(config.read_text().replace("interval: 1s", "interval: 2s"))
            began = loop.time()
            made.reload()
            shard = made._watched["shop"].shard
            await until(
                lambda: "shop" in made._watched and made._watched["shop"].shard is not shard,
                "the new configuration",
                5,
            )
            assert loop.time() - began < 3
            second = await _seen(made, {good: 1, gone: 0})
            assert second[since] == first[since]
        end.set()
        os.close(os.open(tmp_path / "fifo", os.O_WRONLY | os.O_NONBLOCK))


async def _seen(made: Running, wanted: Samples) -> Samples:
    """What is exposed, once that is among it."""
    async with asyncio.timeout(10):
        while True:
            now = shown(await made.expose())
            if wanted.items() <= now.items():
                return now
            await asyncio.sleep(0.05)
