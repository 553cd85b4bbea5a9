"""The endpoint's file while sidewatch runs: what changes is taken, what is wrong is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from exporter.app import front
from exporter.app.front import Front
from exporter.app.house import House
from exporter.app.ticks import Ticks
from exporter.clock import SetClock
from exporter.config import load_web
from exporter.exposition import render
from exporter.saving import Saver
from tests.support.doors import Door, door, hashed

TAKEN = b"\nsidewatch_config_reload_success 1"


class Watch:
    """A front at work, that looks as often as it can."""

    def __init__(self, shut: Door) -> None:
        self.shut = shut
        self.house = House(SetClock(1.0))
        self.front = Front(load_web(shut.write(users={"first": hashed("x")})), self.house)

    @property
    def users(self) -> list[str]:
        return [*self.front.access().users]

    def well(self) -> bool:
        async def nothing(_: Any) -> None:
            return None

        shown = render(self.house.snapshots(Saver(SetClock(1.0), nothing)))
        return TAKEN in shown

    async def until(self, users: list[str], *, well: bool = True) -> None:
        async with asyncio.timeout(10):
            while (self.users, self.well()) != (users, well):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)


@pytest.fixture
async def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watch]:
    monkeypatch.setattr(front, "LOOK_INTERVAL", 0.01)
    found = Watch(door(tmp_path))
    task = asyncio.create_task(found.front.watch(Ticks()))
    yield found
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_change_is_taken(watch: Watch) -> None:
    before = watch.front.access().context
    watch.shut.write(users={"second": hashed("x")})
    await watch.until(["second"])
    assert watch.front.access().context is not before


async def test_a_file_that_comes_later_mends_what_was_wrong(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    watch.shut.write(users={"second": hashed("x")}, cert_file="later.pem", key_file="later.key")
    await watch.until(["first"], well=False)
    await asyncio.sleep(0.1)
    assert caplog.text.count("later.pem cannot be read") == 1
    watch.shut.authority.issue("later")
    await watch.until(["second"])


async def test_what_is_named_anew_is_looked_at_from_then_on(watch: Watch) -> None:
    later = watch.shut.authority.issue("later")
    watch.shut.write(
        users={"second": hashed("x")}, cert_file=later.certificate.name, key_file=later.key.name
    )
    await watch.until(["second"])
    before = watch.front.access().context
    watch.shut.authority.issue("later")  # the same names, another key
    async with asyncio.timeout(10):
        while watch.front.access().context is before:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


async def test_a_file_that_is_gone_leaves_all_as_it_was(watch: Watch) -> None:
    (watch.shut.folder / "web.config.yml").unlink()
    await watch.until(["first"], well=False)
    watch.shut.write(users={"first": hashed("x")})
    await watch.until(["first"])


async def test_an_empty_file_takes_no_lock_away_but_an_empty_list_does(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    file = watch.shut.folder / "web.config.yml"
    file.write_bytes(b"\n")  # as whoever writes it anew leaves it for a moment
    await watch.until(["first"], well=False)
    assert watch.front.access().context is not None
    assert "is empty" in caplog.text
    watch.front.take(load_web(file))  # SIGHUP reads it as well
    assert watch.users == ["first"]
    file.write_text("basic_auth_users: {}\n")
    await watch.until([])
    assert watch.front.access().context is None


async def test_a_wrong_configuration_is_not_well_because_its_web_file_is(watch: Watch) -> None:
    watch.house.reloaded(taken=False)
    watch.shut.write(users={"second": hashed("x")})
    await watch.until(["second"], well=False)
    watch.house.reloaded(taken=True)
    assert watch.well()


async def test_a_fault_that_nobody_thought_of_does_not_end_the_watch(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(path: Path) -> None:
        raise RuntimeError(path)

    with monkeypatch.context() as patch:
        patch.setattr(front, "load_web", broken)
        watch.shut.write(users={"second": hashed("x")})
        while "could not be looked at" not in caplog.text:  # noqa: ASYNC110  # a log has no event
            await asyncio.sleep(0.01)
    await watch.until(["second"])
