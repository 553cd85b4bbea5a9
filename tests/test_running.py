"""A whole sidewatch while it runs: stopped, started twice, reloaded, unable to save."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from msgspec import structs

from exporter.app import running
from exporter.app.running import Running
from exporter.clock import Clock, SetClock, WallClock
from exporter.config import Plan, load
from exporter.config.settings import PlacedSource
from exporter.errors import StateError
from exporter.model import Sink
from tests.support import process
from tests.support.desk import shown, started
from tests.support.scrape import one
from tests.support.waiting import free_port, wait_for
from tests.support.web import answers, get

CONFIG = """\
listen: 127.0.0.1:0
state: ./state
apps:
  - name: shop
    profile: pullapprove
    logs:
      - {{files: ["{folder}/web.log"], service: web, from: beginning, poll: 50ms}}
"""
OTHER = """\
  - name: blog
    profile: pullapprove
    logs:
      - {{files: ["{folder}/blog.log"], service: blog, from: beginning, poll: 50ms}}
"""
LINES = "watched_log_lines_total"
LABELS = ("web", "file")
RELOADED = one("sidewatch_config_reload_success")


class Box:
    """A folder with a configuration, a log, and what runs on them in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "sidewatch.yaml"
        self.configure(CONFIG)
        self.says(3)

    def configure(self, text: str) -> None:
        self.config.write_text(text.format(folder=self.folder))

    def says(self, count: int, log: str = "web.log") -> None:
        with (self.folder / log).open("a") as file:
            file.writelines(f"{started('app.jobs.Mail')}\n" for _ in range(count))

    def plan(self) -> Plan:
        return load(self.config, {})

    @asynccontextmanager
    async def runs(self, clock: Clock | None = None) -> AsyncIterator[Running]:
        """Sidewatch, from when it serves until it was told to stop and has ended."""
        made = Running(self.plan(), clock or WallClock(), self.plan)
        stop, serving = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(made.run(stop, lambda _: serving.set()))
        waiting = asyncio.create_task(serving.wait())
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if task.done():
            await task
        try:
            yield made
        finally:
            stop.set()
            await task


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def counted(made: Running, app: str = "shop", labels: tuple[str, str] = LABELS) -> float | None:
    """The live number of lines, saved or not."""
    return made._watched[app].shard.registry.value(LINES, labels)


async def until(ask: Callable[[], bool], what: str) -> None:
    """Wait for something that happens in this loop."""
    try:
        async with asyncio.timeout(10):
            while not ask():  # noqa: ASYNC110  # what is asked for sets no event
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"waited in vain for {what}")


async def success(made: Running) -> float | None:
    """What a scrape shows of the newest reload."""
    return shown(await made.expose()).get(RELOADED)


# -- stopping ------------------------------------------------------------------------------------


async def test_being_told_to_stop_saves_what_nobody_has_scraped(box: Box) -> None:
    async with box.runs() as made:
        await until(lambda: counted(made) == 3, "the lines")
    async with box.runs() as again:
        assert counted(again) == 3, "before its source has opened anything"
        box.says(2)
        await until(lambda: counted(again) == 5, "the lines that are new")


def test_sigterm_ends_in_order_and_sighup_reloads(box: Box, sidewatch: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    with process.running(
        [sidewatch, "run", "--config", box.config],
        box.folder / "sidewatch.out",
        lambda: answers(f"http://{address}/readyz"),
        env={"SIDEWATCH_LISTEN": address},
    ) as child:
        box.config.write_text("apps: [{name: shop, profile: nonsense}]\n")
        child.process.send_signal(signal.SIGHUP)
        told = b"sidewatch_config_reload_success 0"
        wait_for(lambda: told in get(f"http://{address}/metrics"), "the refusal of a bad file")
        assert "the one before stays in use" in child.output()
        assert "nonsense" in child.output()
        assert child.stop() == 0
    assert (box.folder / "state/shop.state").exists()


# -- one process a state folder ------------------------------------------------------------------


async def test_a_second_sidewatch_on_the_same_state_is_refused(box: Box, sidewatch: Path) -> None:
    async with box.runs():
        with pytest.raises(StateError, match="another sidewatch uses this state folder"):
            async with box.runs():
                pass
        command = [str(sidewatch), "run", "--config", str(box.config)]
        second = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: ASYNC221  # the first one needs no attention meanwhile
    assert second.returncode == 1
    assert second.stderr == (
        f"sidewatch: {box.folder / 'state'}: another sidewatch uses this state folder; "
        "give each its own `state:`\n"
    )


# -- a state that cannot be used -----------------------------------------------------------------


async def test_a_state_folder_that_cannot_be_written_stops_no_start(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    (box.folder / "state").write_text("in the way")
    async with box.runs() as made:
        await until(lambda: counted(made) == 3, "the lines")
        for _ in range(4):
            page = shown(await made.expose())
    assert page[one("sidewatch_state_degraded")] == 1
    key = one(LINES, app="shop", service="web", stream="file")
    assert page[key] == 0, "live, and being born"
    assert f"{box.folder / 'state'}: cannot be written, so nothing is saved" in caplog.text


async def test_a_spoilt_state_stops_no_start(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    (box.folder / "state").mkdir()
    (box.folder / "state/shop.state").write_bytes(b"\0" * 1000)
    async with box.runs() as made:
        await until(lambda: counted(made) == 3, "the lines, from their beginning")
    assert "shop.state: is not a state of sidewatch; put aside as shop.state.bad" in caplog.text
    async with box.runs() as again:
        assert counted(again) == 3


# -- reloading -----------------------------------------------------------------------------------


async def test_a_reload_keeps_what_was_counted(box: Box) -> None:
    async with box.runs() as made:
        await until(lambda: counted(made) == 3, "the lines")
        shard = made._watched["shop"].shard
        box.configure(CONFIG + "    objectives: {{job_wait: {{default: 30s}}}}\n" + OTHER)
        box.says(2)
        made.reload()
        await until(lambda: "blog" in made._watched, "the new configuration")
        assert made._watched["shop"].shard is not shard
        box.says(4)
        box.says(1, "blog.log")
        await until(lambda: counted(made) == 9, "each line once")
        await until(lambda: counted(made, "blog", ("blog", "file")) == 1, "the new application")
        assert await success(made) == 1


async def test_no_scrape_lacks_what_a_reload_declares_anew(box: Box) -> None:
    interval = one("watched_heartbeat_interval_seconds", app="shop", heartbeat="worker_stats")
    async with box.runs() as made:
        seen = [shown(await made.expose()).get(interval)]
        box.configure(CONFIG + "    heartbeats: {{worker_stats: 30s}}\n")
        made.reload()
        async with asyncio.timeout(10):
            while seen[-1] != 30:
                seen.append(shown(await made.expose()).get(interval))
                await asyncio.sleep(0)
        assert set(seen) == {60, 30}


async def test_an_application_that_did_not_change_is_left_alone(box: Box) -> None:
    async with box.runs() as made:
        shard = made._watched["shop"].shard
        box.configure(CONFIG + OTHER)
        made.reload()
        await until(lambda: "blog" in made._watched, "the new configuration")
        assert made._watched["shop"].shard is shard


async def test_a_changed_file_is_noticed_without_a_signal(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "WATCH_INTERVAL", 0.02)
    async with box.runs() as made:
        box.configure(CONFIG + OTHER)
        await until(lambda: "blog" in made._watched, "the new configuration")


async def test_an_application_that_comes_back_goes_on_where_it_was(box: Box) -> None:
    box.configure(CONFIG + OTHER)
    async with box.runs() as made:
        await until(lambda: counted(made) == 3, "the lines")
        box.configure(CONFIG.partition("apps:")[0] + "apps:\n" + OTHER)
        made.reload()
        await until(lambda: "shop" not in made._watched, "its end")
        box.says(2)
        box.configure(CONFIG)
        made.reload()
        await until(lambda: "shop" in made._watched, "its return")
        await until(lambda: counted(made) == 5, "the lines of before, and those since")


async def test_a_bad_file_keeps_the_old_one_and_says_so(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    async with box.runs() as made:
        await until(lambda: counted(made) == 3, "the lines")
        box.configure(CONFIG.replace("profile: pullapprove", "profile: nonsense"))
        made.reload()
        await until(lambda: "stays in use" in caplog.text, "the refusal")
        assert await success(made) == 0
        assert f"{box.config}:5: apps[0].profile" in caplog.text
        box.says(2)
        await until(lambda: counted(made) == 5, "what the old configuration counts")
        box.configure(CONFIG + OTHER)
        made.reload()
        await until(lambda: "blog" in made._watched, "the mended configuration")
        assert await success(made) == 1


# -- ready ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stuck:
    """A source that never gets anywhere, like one on a dead mount."""

    name: str = "stuck"
    finite: bool = False
    interval: float | None = None

    async def run(self, sink: Sink, clock: Clock) -> None:
        del sink, clock
        await asyncio.Event().wait()


async def test_a_stuck_source_keeps_ready_away_for_a_minute_and_metrics_not_at_all(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, plan = SetClock(1_795_000_000.0), box.plan()
    app = structs.replace(
        plan.apps[0], logs=(*plan.apps[0].logs, PlacedSource(Stuck(), "logs[1]", 9))
    )
    monkeypatch.setattr(box, "plan", lambda: replace(plan, apps=(app,)))
    async with box.runs(clock) as made:
        page = shown(await made.expose())
        assert page[one("sidewatch_state_degraded")] == 0
        await until(lambda: made.unready() == ["shop: stuck: not looked at yet"], "the other one")
        clock.advance(59)
        assert made.unready() == ["shop: stuck: not looked at yet"]
        clock.advance(1)
        assert made.unready() == []
