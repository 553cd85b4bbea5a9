"""A test alert as the running sidewatch takes it up: shown while it runs, then gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exporter.app.running import Running
from exporter.clock import SetClock
from exporter.config import load
from exporter.errors import StateError
from exporter.trial import FILE, LONGEST_SECONDS, Trial, clear, read, write
from tests.support.desk import shown

METRIC = "sidewatch_test_alert_timestamp_seconds"
NOW = 1_795_000_000.0
CONFIG = """\
listen: 127.0.0.1:0
state: ./state
apps: [{{name: shop, logs: [{{files: "{folder}/web.log", service: web}}]}}]
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("exporter.app.chores.NOTES_INTERVAL", 0.02)
    (tmp_path / "web.log").write_text("")
    path = tmp_path / "sidewatch.yaml"
    path.write_text(CONFIG.format(folder=tmp_path))
    return path


@asynccontextmanager
async def runs(config: Path, clock: SetClock) -> AsyncIterator[Running]:
    """Sidewatch, from when it serves until the block is left."""
    made = Running(load(config, {}), clock, lambda: load(config, {}))
    stop, started = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(made.run(stop, lambda _: started.set()))
    try:
        await asyncio.wait_for(started.wait(), 20)
        yield made
    finally:
        stop.set()
        await task


async def codes(made: Running) -> dict[str, float]:
    """The codes that are shown, with their times."""
    samples = shown(await made.expose())
    return {
        dict(labels)["test"]: value for (name, labels), value in samples.items() if name == METRIC
    }


async def until_shown(made: Running, wanted: dict[str, float]) -> None:
    async with asyncio.timeout(20):
        while await codes(made) != wanted:  # noqa: ASYNC110 - a scrape sets no event
            await asyncio.sleep(0.02)


async def test_it_is_shown_while_it_runs_and_one_at_a_time(config: Path) -> None:
    clock = SetClock(NOW)
    state = config.parent / "state"
    async with runs(config, clock) as made:
        assert await codes(made) == {}
        write(state, Trial("k7qf", NOW))
        await until_shown(made, {"k7qf": NOW})
        write(state, Trial("m2xz", NOW + 5))
        await until_shown(made, {"m2xz": NOW + 5})
        clear(state)
        await until_shown(made, {})


async def test_one_that_nobody_takes_back_ends_by_itself(config: Path) -> None:
    clock = SetClock(NOW)
    write(config.parent / "state", Trial("k7qf", NOW))
    async with runs(config, clock) as made:
        await until_shown(made, {"k7qf": NOW})
        clock.at = NOW + LONGEST_SECONDS - 1
        assert await codes(made) == {"k7qf": NOW}
        clock.at += 1
        assert await codes(made) == {}


async def test_a_broken_file_asks_for_none_and_ends_nothing(config: Path) -> None:
    state = config.parent / "state"
    state.mkdir()
    (state / FILE).write_text("{")
    async with runs(config, SetClock(NOW)) as made:
        assert await codes(made) == {}
        write(state, Trial("k7qf", NOW))
        await until_shown(made, {"k7qf": NOW})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"test": "a", "began": "soon"}', "\x00"])
def test_a_file_that_is_no_test_is_said_to_be_none(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(StateError, match="is no test alert; remove it"):
        read(tmp_path)


def test_what_is_written_is_read_until_it_is_taken_back(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    assert read(folder) is None
    write(folder, Trial("k7qf", NOW))
    assert read(folder) == Trial("k7qf", NOW)
    clear(folder)
    clear(folder)
    assert read(folder) is None


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StateError, match="cannot be written"):
        write(tmp_path / "state", Trial("k7qf", NOW))
