"""Files that should come or grow, and room on a file system, as `sidewatch run` watches them."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exporter.config import parse
from exporter.errors import ConfigError
from exporter.shard import Shard
from tests.support.asking import Asked, until, watched

FILE = "watched_file_"
ROOM = "watched_filesystem_"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.sources.disk.source.LOOK_SECONDS", 0.05)


@asynccontextmanager
async def watching(files: str, folder: Path, state: Shard | None = None) -> AsyncIterator[Asked]:
    """Watch what `files` (YAML) names, until the block is left."""
    saved = None if state is None else state.dump()
    async with watched(f"files: {files}\n", folder, saved) as one:
        yield one


def df(folder: Path) -> list[int]:
    """What df says: bytes and inodes, first how many there are, then how many are left."""
    columns = "--output=size,avail,itotal,iavail"
    answer = subprocess.run(["df", "-B1", columns, folder], capture_output=True, check=True)
    return [int(word) for word in answer.stdout.splitlines()[1].split()]


def write(path: Path, size: int, age: float = 0.0) -> None:
    """A file of this size, last written so many seconds ago."""
    path.write_bytes(b"x" * size)
    moment = time.time() - age
    os.utime(path, (moment, moment))


def shows(app: Asked, metric: str, value: float | None) -> Callable[[], bool]:
    return lambda: app.value(metric, "backups") == value


async def test_the_newest_of_the_files_and_the_one_before(tmp_path: Path) -> None:
    write(tmp_path / "a.dump", 700, age=7200)
    write(tmp_path / "b.dump", 300, age=60)
    write(tmp_path / "c.dump", 900, age=3600)
    write(tmp_path / "c.txt", 1, age=1)
    (tmp_path / "d.dump").mkdir()
    async with watching('{backups: {glob: "*.dump", every: 24h}}', tmp_path) as app:
        await until(shows(app, f"{FILE}count", 3), "three files")
        newest = app.value(f"{FILE}newest_timestamp_seconds", "backups")
        assert newest == pytest.approx(time.time() - 60, abs=10)
        assert app.value(f"{FILE}newest_bytes", "backups") == 300
        assert app.value(f"{FILE}previous_bytes", "backups") == 900
        assert app.value(f"{FILE}interval_seconds", "backups") == 86_400
        write(tmp_path / "new.dump", 0)
        await until(shows(app, f"{FILE}newest_bytes", 0), "the new file")
        assert app.value(f"{FILE}previous_bytes", "backups") == 300


async def test_none_is_a_zero_and_no_time(tmp_path: Path) -> None:
    async with watching('{backups: {glob: ["*.dump", "gone/*.gz"]}}', tmp_path) as app:
        await until(shows(app, f"{FILE}count", 0), "a zero")
        assert app.value(f"{FILE}newest_timestamp_seconds", "backups") is None
        write(tmp_path / "a.dump", 5)
        await until(shows(app, f"{FILE}newest_bytes", 5), "the first file")
        assert app.value(f"{FILE}previous_bytes", "backups") is None
        (tmp_path / "a.dump").unlink()
        await until(shows(app, f"{FILE}newest_bytes", None), "nothing of a file that is gone")
        assert app.value(f"{FILE}count", "backups") == 0


async def test_a_file_that_is_written_over_is_held_against_what_it_was(tmp_path: Path) -> None:
    write(tmp_path / "latest.dump", 1000, age=600)
    async with watching('{backups: {glob: "latest.dump"}}', tmp_path) as app:
        await until(shows(app, f"{FILE}newest_bytes", 1000), "the file")
        write(tmp_path / "latest.dump", 10)
        await until(shows(app, f"{FILE}newest_bytes", 10), "the file that was written over it")
        assert app.value(f"{FILE}previous_bytes", "backups") == 1000


async def test_a_file_is_not_held_against_its_own_half(tmp_path: Path) -> None:
    """Written over bit by bit, over many looks: what counts is what it was when it was whole."""
    write(tmp_path / "latest.dump", 1000, age=600)
    async with watching('{backups: {glob: "latest.dump"}}', tmp_path) as app:
        await until(shows(app, f"{FILE}newest_bytes", 1000), "the file")
        for size in (100, 200, 300, 400):
            write(tmp_path / "latest.dump", size)
            await until(shows(app, f"{FILE}newest_bytes", size), "more of it")
            assert app.value(f"{FILE}previous_bytes", "backups") == 1000


async def test_what_it_was_outlives_a_restart(tmp_path: Path) -> None:
    """It is written over while nobody looks, and again while somebody does."""
    files = '{backups: {glob: "latest.dump"}}'
    write(tmp_path / "latest.dump", 1000, age=900)
    async with watching(files, tmp_path) as first:
        await until(shows(first, f"{FILE}newest_bytes", 1000), "the file")
    write(tmp_path / "latest.dump", 10, age=600)
    async with watching(files, tmp_path, first.shard) as second:
        await until(shows(second, f"{FILE}previous_bytes", 1000), "what it was")
    async with watching(files, tmp_path, second.shard) as third:
        await until(shows(third, f"{FILE}newest_bytes", 10), "the file")
        assert third.value(f"{FILE}previous_bytes", "backups") == 1000
        write(tmp_path / "latest.dump", 500)
        await until(shows(third, f"{FILE}previous_bytes", 10), "the one before")
        (tmp_path / "latest.dump").unlink()
        await until(shows(third, f"{FILE}previous_bytes", None), "nothing of what is gone")


async def test_since_when_it_is_watched_outlives_a_restart(tmp_path: Path) -> None:
    files, metric = '{backups: {glob: "*.dump"}}', f"{FILE}watched_since_timestamp_seconds"
    async with watching(files, tmp_path) as first:
        await until(lambda: first.value(metric, "backups") is not None, "the time")
        since = first.value(metric, "backups")
        assert since == pytest.approx(time.time(), abs=10)
    async with watching(files, tmp_path, first.shard) as second:
        await until(lambda: second.value(metric, "backups") == since, "the time of before")
    second.shard.remember("disk:backups", {"since": time.time() + 3600})
    async with watching(files, tmp_path, second.shard) as third:
        await until(lambda: third.value(metric, "backups") is not None, "the time")
        now = time.time()
        assert third.value(metric, "backups") == pytest.approx(now, abs=10), "it was set back"


async def test_the_room_is_what_df_says(tmp_path: Path) -> None:
    async with watching("{data: {mount: ., free: 0.2}}", tmp_path) as app:
        await until(lambda: app.value(f"{ROOM}size_bytes", "data") is not None, "the room")
        size, room, files, free = df(tmp_path)
        assert app.value(f"{ROOM}size_bytes", "data") == size
        assert app.value(f"{ROOM}avail_bytes", "data") == pytest.approx(room, rel=0.05)
        assert app.value(f"{ROOM}files", "data") == files
        assert app.value(f"{ROOM}files_free", "data") == pytest.approx(free, rel=0.05)
        assert app.value(f"{ROOM}free_objective_ratio", "data") == 0.2


async def test_a_folder_that_goes_is_told_and_hides_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "room").mkdir()
    write(tmp_path / "a.dump", 5)
    files = '{data: {mount: room}, backups: {glob: "*.dump"}}'
    async with watching(files, tmp_path) as app:
        await until(lambda: app.value(f"{ROOM}size_bytes", "data") is not None, "the room")
        shutil.rmtree(tmp_path / "room")
        await until(lambda: app.value(f"{ROOM}size_bytes", "data") is None, "nothing of it")
        assert app.value("sidewatch_source_up", "disk:data") == 0
        assert app.series("sidewatch_source_failures_total")["disk:data", "unreadable"] >= 1
        assert app.value(f"{FILE}count", "backups") == 1
        await until(lambda: app.failures().get("unreadable", 0) > 2, "more looks")
        assert caplog.text.count("disk:data: ") == 1, "once for each change"
        assert f"{tmp_path / 'room'}: No such file or directory" in caplog.text
        (tmp_path / "room").mkdir()
        await until(lambda: app.value(f"{ROOM}size_bytes", "data") is not None, "it again")
        assert app.value("sidewatch_source_up", "disk:data") == 1


async def test_what_may_not_be_looked_into_is_unknown_and_not_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", refused)  # root may look everywhere
    async with watching('{backups: {glob: "*.dump"}}', tmp_path) as app:
        await until(lambda: app.failures() != {}, "a failure")
        assert set(app.failures()) == {"permission"}
        assert app.value(f"{FILE}count", "backups") is None


async def test_a_dead_mount_keeps_nothing_else_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.sources.disk.source.HUNG_SECONDS", 0.2)
    alive = threading.Event()
    ask = os.statvfs

    def hang(path: Path) -> os.statvfs_result:
        alive.wait(10)
        return ask(path)

    monkeypatch.setattr("os.statvfs", hang)
    write(tmp_path / "a.dump", 5)
    files = '{data: {mount: .}, backups: {glob: "*.dump"}}'
    async with watching(files, tmp_path) as app:
        await until(lambda: "hung" in app.failures(), "the hung mount to be told")
        assert app.value(f"{FILE}count", "backups") == 1
        write(tmp_path / "b.dump", 5)
        await until(shows(app, f"{FILE}count", 2), "the other entry to go on")
        alive.set()
        await until(lambda: app.value(f"{ROOM}size_bytes", "data") is not None, "the room")


@pytest.mark.alone(reason="it asserts how long an end takes")
async def test_a_folder_that_hangs_keeps_nothing_else_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a file server that is gone, by a mount without `soft`: also across a reload."""
    monkeypatch.setattr("exporter.sources.disk.source.HUNG_SECONDS", 0.1)
    alive, dead, ask = threading.Event(), tmp_path / "dead", os.scandir

    def hang(folder: str) -> object:
        if folder == str(dead):
            alive.wait(10)
        return ask(folder)

    monkeypatch.setattr("os.scandir", hang)
    write(tmp_path / "a.dump", 5)
    files = '{far: {glob: "dead/*.dump"}, backups: {glob: "*.dump"}}'
    for _ in range(2):
        began = time.monotonic()
        async with watching(files, tmp_path) as app:
            await until(lambda: "hung" in app.failures(), "the hung folder to be told")
            await until(shows(app, f"{FILE}count", 1), "the other entry")
            assert app.value(f"{FILE}count", "far") is None
            assert app.value("sidewatch_source_up", "disk:far") == 0
        assert time.monotonic() - began < 5, "nobody waits for it at the end"
    alive.set()


async def test_a_file_system_that_is_gone_is_not_taken_for_the_one_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = [str(tmp_path)]
    monkeypatch.setattr("os.path.ismount", lambda path: str(path) in mounted)
    files = "{data: {mount: .}, plain: {mount: /}}"
    async with watching(files, tmp_path) as first:
        await until(lambda: first.value(f"{ROOM}size_bytes", "data") is not None, "the room")
        mounted.clear()
        await until(lambda: "unmounted" in first.failures(), "its loss")
        assert first.value(f"{ROOM}size_bytes", "data") is None
        assert first.value(f"{ROOM}size_bytes", "plain") is not None, "never was one, is none"
    async with watching(files, tmp_path, first.shard) as second:
        await until(lambda: second.value("sidewatch_source_up", "disk:data") == 0, "it is known")
        mounted.append(str(tmp_path))
        await until(lambda: second.value(f"{ROOM}size_bytes", "data") is not None, "it again")


async def test_looks_that_take_long_are_rarer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = os.statvfs

    def slow(path: Path) -> os.statvfs_result:
        time.sleep(0.1)
        return ask(path)

    monkeypatch.setattr("os.statvfs", slow)
    async with watching("{data: {mount: .}}", tmp_path) as app:
        metric = "sidewatch_source_interval_seconds"
        await until(lambda: app.value(f"{ROOM}size_bytes", "data") is not None, "a look")
        assert (app.value(metric, "disk:data") or 0) >= 1, "what is not late is not stale"


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("{}", "give either glob or mount"),
        ('{glob: "*.dump", mount: /}', "give either glob or mount"),
        ("{mount: /, every: 24h}", "every and grows are for files"),
        ('{glob: "*.dump", free: 0.1}', "free is for a file system"),
        ("{mount: /, free: 10}", "a share above 0 and below 1"),
        ('{glob: "*.dump", every: 0}', "longer than 0s"),
        ('{glob: "*.dump", name: other}', "no such key"),
    ],
)
def test_what_is_wrong_with_an_entry_is_said(entry: str, complaint: str) -> None:
    text = f"apps:\n  - name: shop\n    files: {{backups: {entry}}}\n"
    with pytest.raises(ConfigError, match=complaint):
        parse(text, Path("sidewatch.yaml"), {})
