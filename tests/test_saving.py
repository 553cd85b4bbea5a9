"""Saved before shown: each sentence about saving, held on real files with a clock that is set."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from exporter import saving
from exporter.saving import Saver
from exporter.state import StateFile
from tests.support.desk import Desk, lines, shown
from tests.support.scrape import one

LINES = "watched_log_lines_total"
KEY = one(LINES, app="shop", service="web", stream="file")


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    """Three lines counted, saved, and shown."""
    made = Desk(tmp_path)
    made.says(*lines(3))
    await made.settle()
    made.clock.advance(1)
    return made


class Writes:
    """Counts what is handed to the saver's thread; done at once, or when it is let through."""

    def __init__(self, saver: Saver) -> None:
        self.count = 0
        self.hung: asyncio.Event | None = None
        saver.do = self.do

    async def do(self, job: Callable[[], None]) -> None:
        self.count += 1
        if self.hung is not None:
            await self.hung.wait()
        job()


# -- the last saved snapshot ---------------------------------------------------------------------


async def test_a_scrape_shows_nothing_that_is_not_saved(desk: Desk) -> None:
    for count in (1, 5, 20):
        desk.says(*lines(count))
        page = await desk.page()
        assert desk.saved()[KEY] == page[KEY]
        desk.clock.advance(1)
    assert page[KEY] == 29


async def test_a_scrape_that_finds_newer_data_saves_it_first(desk: Desk) -> None:
    desk.says(*lines(4))
    assert desk.saved()[KEY] == 3
    assert await desk.scrape() == 7
    assert desk.saved()[KEY] == 7


async def test_scrapes_save_once_a_second_at_most(desk: Desk) -> None:
    writes = Writes(desk.saver)
    seen = []
    for _ in range(24):
        desk.says(*lines(1))
        seen.append(await desk.scrape())
        desk.clock.advance(0.125)
    assert writes.count == 3
    assert seen == [4] * 8 + [12] * 8 + [20] * 8


async def test_a_save_that_no_scrape_asked_for_keeps_nothing_from_the_next(desk: Desk) -> None:
    for _ in range(3):  # scraped just after the saver's own save, again and again
        desk.says(*lines(4))
        assert await desk.saver.save()
        desk.says(*lines(1))
        desk.clock.advance(0.5)
        page = await desk.scrape()
        assert page == desk.saved()[KEY]
        desk.clock.advance(9.5)
    assert page == 18


async def test_a_scrape_that_meets_such_a_save_waits_for_its_own(desk: Desk) -> None:
    writes = Writes(desk.saver)
    writes.hung = asyncio.Event()
    desk.says(*lines(4))
    saving = asyncio.create_task(desk.saver.save())
    await asyncio.sleep(0)
    scraping = asyncio.create_task(desk.scrape())
    await asyncio.sleep(0)
    desk.says(*lines(1))
    writes.hung.set()
    assert await saving
    assert await scraping == 8
    assert writes.count == 2


async def test_a_scrape_joins_a_save_in_flight(desk: Desk) -> None:
    writes = Writes(desk.saver)
    writes.hung = asyncio.Event()
    desk.says(*lines(1))
    first, second = (asyncio.create_task(desk.scrape()) for _ in range(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not first.done()
    writes.hung.set()
    assert [await first, await second] == [4, 4]
    assert writes.count == 1


async def test_a_scrape_that_is_given_up_leaves_the_save_to_the_others(desk: Desk) -> None:
    writes = Writes(desk.saver)
    writes.hung = asyncio.Event()
    desk.says(*lines(1))
    first, second = (asyncio.create_task(desk.scrape()) for _ in range(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    writes.hung.set()
    assert await second == 4


async def test_what_comes_while_a_save_is_written_is_not_shown_with_it(desk: Desk) -> None:
    writes = Writes(desk.saver)
    writes.hung = asyncio.Event()
    desk.says(*lines(1))
    scrape = asyncio.create_task(desk.scrape())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    desk.says(*lines(50))
    writes.hung.set()
    assert await scrape == 4
    assert desk.saved()[KEY] == 4


async def test_nothing_is_written_when_nothing_changed(desk: Desk) -> None:
    await desk.saver.save(sync=True)
    before = desk.file.path.stat()
    for _ in range(40):
        desk.clock.advance(5)
        desk.shard.looked("files:/var/log/shop.log")
        await desk.scrape()
        await desk.saver.save()
    after = desk.file.path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


async def test_a_save_is_written_through_to_the_disk_every_ten_seconds(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.saver.save(sync=True)
    synced = []
    save = StateFile.save

    def noting(file: StateFile, state: dict[str, object], *, sync: bool) -> None:
        synced.append((desk.clock.now() - began, sync))
        save(file, state, sync=sync)

    monkeypatch.setattr(StateFile, "save", noting)
    began = desk.clock.now()
    for _ in range(8):
        desk.clock.advance(3)
        desk.says(*lines(1))
        await desk.scrape()
    assert synced == [
        (3, False), (6, False), (9, False), (12, True),
        (15, False), (18, False), (21, False), (24, True),
    ]  # fmt: skip


# -- saves that fail -----------------------------------------------------------------------------

Break = Callable[[Path], Callable[[], object]]


def _by_a_file(folder: Path) -> Callable[[], object]:
    """The folder is replaced by a file."""
    aside = folder.with_name("aside")
    folder.rename(aside)
    folder.write_text("in the way")

    def mend() -> None:
        folder.unlink()
        aside.rename(folder)

    return mend


def _by_a_directory(folder: Path) -> Callable[[], object]:
    """Where the state shall go stands a directory."""
    path = folder / "shop.state"
    path.unlink()
    path.mkdir()
    return path.rmdir


@pytest.mark.parametrize("spoil", [_by_a_file, _by_a_directory])
async def test_a_save_that_fails_suspends_the_promise_and_says_so(desk: Desk, spoil: Break) -> None:
    mend = spoil(desk.file.folder)
    await _hold_through_a_failure(desk, mend)


async def _hold_through_a_failure(desk: Desk, mend: Callable[[], object]) -> None:
    """Three scrapes of what was saved, then live ones, then saved ones again."""
    desk.says(*lines(2))
    for _ in range(3):
        assert await desk.scrape() == 3
        assert desk.saver.degraded
        desk.clock.advance(1)
    assert await desk.scrape() == 5
    desk.says(*lines(1))
    assert await desk.scrape() == 6, "live from now on"
    mend()
    desk.clock.advance(1)
    assert await desk.scrape() == 6
    assert not desk.saver.degraded
    assert desk.saved()[KEY] == 6


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for a few states; skipped where none may be mounted."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=512k", "none", folder], capture_output=True, check=False
    )
    if not made or made.returncode:
        pytest.skip("only root may mount a file system to fill it")
    yield folder
    subprocess.run(["umount", folder], check=True)


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


async def test_a_full_disk_is_a_save_that_fails(tiny: Path) -> None:
    desk = Desk(tiny)
    desk.says(*lines(3))
    await desk.settle()
    desk.clock.advance(1)
    ballast = tiny / "ballast"
    with pytest.raises(OSError, match="No space left"):
        _fill(ballast)
    await _hold_through_a_failure(desk, ballast.unlink)


async def test_a_read_only_disk_is_a_save_that_fails(tiny: Path) -> None:
    desk = Desk(tiny)
    desk.says(*lines(3))
    await desk.settle()
    desk.clock.advance(1)

    def remount(how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", tiny], check=True)

    remount("ro")
    await _hold_through_a_failure(desk, lambda: remount("rw"))


@pytest.mark.alone(reason="it asserts the time of a scrape")
async def test_a_save_that_hangs_hangs_no_scrape(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "PATIENCE_SECONDS", 0.05)
    writes = Writes(desk.saver)
    writes.hung = asyncio.Event()
    desk.says(*lines(2))
    seen = []
    began = time.monotonic()
    for _ in range(5):
        seen.append(await desk.scrape())
        assert desk.saver.degraded
        desk.clock.advance(1)
    assert time.monotonic() - began < 1.0, "one scrape waited, the others knew"
    assert seen == [3, 3, 3, 5, 5]
    assert writes.count == 1, "nothing is piled up behind a write that hangs"
    assert not await desk.saver.save(), "nor does the last save at the end wait for ever"

    writes.hung.set()
    await asyncio.sleep(0.01)
    assert await desk.scrape() == 5
    assert not desk.saver.degraded
    assert desk.saved()[KEY] == 5


def test_a_scrape_waits_for_a_save_no_longer_than_a_second() -> None:
    assert saving.PATIENCE_SECONDS == 1.0


async def test_what_was_shown_live_is_not_taken_back_when_saving_works_again(desk: Desk) -> None:
    mend = _by_a_directory(desk.file.folder)
    desk.says(*lines(2))
    for _ in range(4):
        last = await desk.scrape()
        desk.clock.advance(1)
    assert last == 5
    mend()
    assert await desk.saver.save()
    desk.says(*lines(1))
    assert await desk.scrape() == desk.saved()[KEY] == 6


async def test_one_state_that_fails_keeps_no_other_from_being_saved(tmp_path: Path) -> None:
    broken, sound = Desk(tmp_path, app="broken"), Desk(tmp_path, app="sound")
    broken.saver.add(sound.shard, sound.file)
    for desk in (broken, sound):
        desk.says(*lines(3))
    broken.file.path.mkdir(parents=True)
    key = one(LINES, app="sound", service="web", stream="file")
    for _ in range(5):
        broken.clock.advance(31)
        sound.clock.advance(31)
        page = shown(await broken.saver.expose())
    assert broken.saver.degraded
    assert page[key] == sound.saved()[key] == 3
    sound.says(*lines(2))
    assert not await broken.saver.save()
    assert sound.saved()[key] == 5


# -- starting ------------------------------------------------------------------------------------


async def test_a_start_on_a_broken_disk_shows_what_was_saved(desk: Desk) -> None:
    state = desk.file.path.read_bytes()
    desk.file.folder.rename(desk.file.folder.with_name("aside"))
    desk.file.folder.mkdir()
    desk.file.path.write_bytes(state)
    desk.file.path.with_suffix(".state.new").mkdir()  # nothing can be written beside it
    desk.restart()
    desk.says(*lines(2))
    seen = [await desk.scrape() for _ in range(4)]
    assert seen == [3, 3, 3, 5]
    assert desk.saver.degraded


async def test_a_state_of_another_shape_leaves_a_new_shard_and_says_so(desk: Desk) -> None:
    state = desk.shard.dump()
    del state["readings"]  # so that loading fails when the counters are loaded already
    desk.file.save(state, sync=False)
    desk.restart(opening=False)
    assert await desk.scrape() is None
    assert desk.shard.cursors("files:/var/log/shop.log") == []
    (complaint,) = desk.complaints
    assert "holds another shape of state (KeyError('readings')); put aside as" in complaint
    assert desk.file.path.with_name("shop.state.bad").exists()


async def test_a_state_lost_altogether_starts_at_zero(desk: Desk) -> None:
    desk.file.path.unlink()
    desk.file.previous.unlink(missing_ok=True)
    desk.restart(opening=False)
    assert await desk.scrape() is None
    assert desk.complaints == []


async def test_a_histogram_whose_buckets_changed_starts_again_and_says_so(desk: Desk) -> None:
    name = "watched_job_duration_seconds"
    desk.says("[INFO] Completed job job_class=a job_queue=default job_duration=0.5")
    await desk.settle()
    assert await desk.scrape(f"{name}_count", job_class="a") == 1
    other = replace(desk.plan.families[name], buckets=(1.0, 45.0))
    desk.plan = replace(desk.plan, families={**desk.plan.families, name: other})
    desk.restart()
    assert await desk.scrape(f"{name}_count", job_class="a") is None
    assert await desk.scrape() == 4, "all else goes on"
    (complaint,) = desk.complaints
    assert complaint.endswith(f"{name} has changed its labels or buckets, starts again")
