"""A quiet window for planned work: declared by a command, shown by who watches, closed alone."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exporter.__main__ import main
from exporter.app.running import Running
from exporter.clock import WallClock
from exporter.config import load
from tests.support.desk import shown
from tests.support.scrape import one

CONFIG = """\
listen: 127.0.0.1:0
state: ./state
apps:
  - name: shop
    logs: [{{files: ["{folder}/web.log"], service: web, from: beginning, poll: 50ms}}]
  - name: blog
    logs: [{{files: ["{folder}/blog.log"], service: blog, from: beginning, poll: 50ms}}]
"""
QUIET = "watched_quiet_window"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("exporter.app.chores.NOTES_INTERVAL", 0.05)
    path = tmp_path / "sidewatch.yaml"
    path.write_text(CONFIG.format(folder=tmp_path))
    (tmp_path / "web.log").write_text("a line\n")
    (tmp_path / "blog.log").write_text("a line\n")
    return path


def maintenance(config: Path, *arguments: str) -> int:
    return main(["maintenance", *arguments, "--config", str(config)])


@asynccontextmanager
async def runs(config: Path) -> AsyncIterator[Running]:
    """Sidewatch, from when it serves until the block is left."""
    made = Running(load(config, {}), WallClock(), lambda: load(config, {}))
    stop, serving = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(made.run(stop, lambda _: serving.set()))
    await serving.wait()
    try:
        yield made
    finally:
        stop.set()
        await task


async def sees(made: Running, app: str, service: str, value: float | None) -> None:
    """Wait until a scrape shows the window like this."""
    labels = {"app": app} | ({"service": service} if service else {})
    async with asyncio.timeout(10):
        while shown(await made.expose()).get(one(QUIET, **labels)) != value:  # noqa: ASYNC110 - a scrape sets no event
            await asyncio.sleep(0.05)


async def test_a_window_is_seen_for_the_application_and_its_services_and_closes(
    config: Path,
) -> None:
    async with runs(config) as made:
        await sees(made, "shop", "web", None)
        assert maintenance(config, "open", "--app", "shop", "--for", "45m") == 0
        await sees(made, "shop", "web", 1)
        await sees(made, "shop", "", 1)
        await sees(made, "blog", "blog", None)
        assert maintenance(config, "close") == 0
        await sees(made, "shop", "web", 0)
        await sees(made, "shop", "", 0)


async def test_it_closes_by_itself(config: Path) -> None:
    async with runs(config) as made:
        assert maintenance(config, "open", "--for", "1s") == 0
        await sees(made, "blog", "blog", 1)
        await sees(made, "blog", "blog", 0)


async def test_it_outlives_a_restart(config: Path) -> None:
    maintenance(config, "open")
    async with runs(config) as made:
        await sees(made, "shop", "web", 1)


@pytest.mark.parametrize(
    "broken",
    [
        '{"shop": "for ever"}',
        f'{{"shop": 1{"0" * 400}}}',
        '{"shop": NaN}',
        "[]",
        "[" * 100_000,
        "",
    ],
)
async def test_a_broken_file_opens_nothing_and_is_said_once(
    config: Path, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    (config.parent / "state").mkdir()
    (config.parent / "state/maintenance.json").write_text(broken)
    async with runs(config) as made:
        await asyncio.sleep(0.3)  # several looks
        await sees(made, "shop", "web", None)
    assert caplog.text.count("is no list of windows; remove it") == 1


async def test_a_window_of_a_clock_that_was_wrong_is_none(config: Path) -> None:
    (config.parent / "state").mkdir()
    windows = {"shop": time.time() + 25 * 3600, "blog": time.time() + 23 * 3600}
    (config.parent / "state/maintenance.json").write_text(json.dumps(windows))
    async with runs(config) as made:
        await sees(made, "blog", "blog", 1)
        await sees(made, "shop", "web", None)


def test_what_is_open_is_said(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert maintenance(config, "list") == 0
    assert capsys.readouterr().out == "no window is open\n"
    until = time.gmtime(time.time() + 7200)
    assert maintenance(config, "open", "--app", "blog", "--for", "2h") == 0
    assert maintenance(config, "list") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == second
    assert first.startswith(time.strftime("blog: quiet until %Y-%m-%d %H:", until))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("open", "--app", "shp"), "there is no application shp; there are shop, blog"),
        (("open", "--for", "2d"), "a day at most"),
        (("open", "--for", "0s"), "longer than nothing"),
        (("open", "--for", "soon"), "'soon' is no time like 45m or 2h"),
    ],
)
def test_what_is_wrong_is_said(
    config: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    complaint: str,
) -> None:
    try:
        code = maintenance(config, *arguments)
    except SystemExit as end:  # of the arguments' parser
        code = int(end.code or 0)
    assert code in (1, 2)
    assert complaint in capsys.readouterr().err
    assert not (config.parent / "state/maintenance.json").exists()
