"""What is in the files: half lines, long ones, none at all; thousands of files; refused ones."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exporter.model import Cursor
from exporter.sources.files import follow as following_module
from tests.support.tailing import Logs, append, following

MIB = 1 << 20


@pytest.fixture
async def logs(tmp_path: Path) -> AsyncIterator[Logs]:
    async with following(tmp_path) as logs:
        yield logs


def put(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


# -- where reading begins -------------------------------------------------------------------------


async def test_at_the_first_start_files_are_read_from_their_end(logs: Logs) -> None:
    append(logs.path(), ["old"] * 1000)
    await logs.start()
    logs.write(2)
    logs.write(2, "server.log.1")
    await logs.look()
    logs.check()


async def test_from_beginning_reads_what_is_there(logs: Logs) -> None:
    logs.settings = {"from_": "beginning"}
    logs.write(1000)
    await logs.start()
    logs.check()


async def test_a_line_half_written_at_the_first_start_counts_whole(logs: Logs) -> None:
    put(logs.path(), b"old\nhalf of ")
    await logs.start()
    put(logs.path(), b"a line\n")
    await logs.look()
    assert logs.sink.all() == ["half of a line"]


async def test_files_that_appear_later_are_read_from_their_beginning(logs: Logs) -> None:
    logs.globs = ("**/*.log",)
    await logs.start()
    (logs.folder / "new" / "deeper").mkdir(parents=True)
    logs.write(3, "new/deeper/web.log")
    await logs.look()
    logs.check()


async def test_a_source_that_never_saw_a_file_is_known_all_the_same(logs: Logs) -> None:
    logs.globs = ("later/*.log",)
    await logs.start()
    await logs.stop()
    (logs.folder / "later").mkdir()
    logs.write(3, "later/web.log")
    await logs.start()
    logs.check()
    assert logs.kept() == 1


async def test_a_state_of_another_make_is_taken_for_a_known_source(logs: Logs) -> None:
    await logs.start()
    logs.write(1)
    await logs.look()
    (_, cursor) = next(iter(logs.sink.known.values()))
    cursor.place = {"path": 7, "dev": "x"}
    await logs.stop()
    logs.sink.lines.clear()
    await logs.start()
    logs.check()  # nothing tells how far it was read, so it is read whole


# -- lines ----------------------------------------------------------------------------------------


async def test_half_a_line_waits_for_its_end_also_across_a_restart(logs: Logs) -> None:
    await logs.start()
    put(logs.path(), b"one\ntw")
    await logs.look()
    assert logs.sink.all() == ["one"]
    assert logs.sink.waiting == 0  # it was read; only its end is not there yet
    await logs.stop()
    await logs.start()
    put(logs.path(), b"o")
    await logs.look()
    await logs.touch()
    assert logs.sink.all() == ["one"]
    put(logs.path(), b"\n")
    await logs.touch()
    assert logs.sink.all() == ["one", "two"]


async def test_a_line_that_grows_slowly_is_not_shown_over_and_over(logs: Logs) -> None:
    await logs.start()
    put(logs.path(), b"x" * 1000)
    await logs.look()
    before = logs.sink.feeds
    for _ in range(50):
        put(logs.path(), b"y" * 1000)
        await logs.touch()
    put(logs.path(), b"\n")
    await logs.touch()
    assert logs.sink.feeds == before + 1
    assert logs.sink.all() == ["x" * 1000 + "y" * 50_000]


async def test_a_line_of_many_megabytes_passes_in_bounded_pieces(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    await logs.start()
    shown: list[int] = []
    feed = logs.sink.feed

    def watching(cursor: Cursor, chunk: bytes) -> int:
        shown.append(len(chunk))
        return feed(cursor, chunk)

    monkeypatch.setattr(logs.sink, "feed", watching)
    put(logs.path(), b"a" * (5 * MIB) + b"\nnext\n")
    await logs.look()
    assert max(shown) <= MIB
    lines = logs.sink.lines["server.log"]
    assert b"".join(lines) == b"a" * (5 * MIB) + b"next"
    assert lines[-1] == b"next"


async def test_nul_bytes_and_what_is_no_text_pass_unchanged(logs: Logs) -> None:
    await logs.start()
    put(logs.path(), b"\x00\x00a\xff\n\n")
    with logs.path().open("r+b") as file:
        file.truncate(10_000)  # a hole, as after a crash of the writer's host
    put(logs.path(), b"\nend\n")
    await logs.look()
    assert logs.sink.lines["server.log"] == [b"\x00\x00a\xff", b"", bytes(10_000 - 6), b"end"]


async def test_a_name_that_is_no_text_can_be_saved(logs: Logs) -> None:
    logs.globs = ("*.log",)
    await logs.start()
    name = os.fsdecode(b"caf\xe9.log")
    logs.write(3, name)
    await logs.look()
    await logs.stop()
    for _, cursor in logs.sink.known.values():
        json.dumps(cursor.place, ensure_ascii=False).encode()
    logs.write(3, name)
    logs.path(name).rename(logs.path(f"{name}.1"))
    logs.write(3, name)
    await logs.start()
    logs.check()


async def test_empty_files_and_folders_are_no_trouble(logs: Logs) -> None:
    logs.globs = ("*",)
    (logs.folder / "folder.log").mkdir()
    os.mkfifo(logs.folder / "pipe.log")
    await logs.start()
    await logs.look(times=2)
    assert logs.sink.all() == []
    logs.write(1)
    await logs.look()
    logs.check()


async def test_a_backlog_is_read_in_chunks_and_in_turn(logs: Logs) -> None:
    logs.globs = ("*.log",)
    logs.settings = {"from_": "beginning"}
    for name in ("a.log", "b.log"):
        put(logs.path(name), b"x" * 99 + b"\n" + (b"y" * 99 + b"\n") * 20_000)
    await logs.start_only()
    await logs.look_once()
    assert logs.sink.waiting == 2 * 2_000_100
    while await logs.read():
        counts = [len(logs.sink.lines.get(name, ())) for name in ("a.log", "b.log")]
        assert abs(counts[0] - counts[1]) <= 2 * following_module.CHUNK / 100
    assert counts[0] > 0
    assert logs.sink.waiting == 0
    assert len(logs.sink.all()) == 2 * 20_001
    assert logs.sink.feeds >= 2 * 2_000_100 / following_module.CHUNK


async def test_a_backlog_lets_others_run(logs: Logs) -> None:
    logs.settings = {"from_": "beginning"}
    put(logs.path(), (b"y" * 99 + b"\n") * 100_000)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    task = asyncio.create_task(other())
    await logs.start()
    task.cancel()
    assert turns >= logs.sink.feeds >= 10_000_000 / following_module.CHUNK


# -- many files, refused files --------------------------------------------------------------------


async def test_thousands_of_files_need_few_descriptors(logs: Logs) -> None:
    logs.globs = ("*.log",)
    logs.open_files = 50
    for number in range(3000):
        logs.path(f"worker-{number}.log").touch()
    await logs.start()
    for number in range(3000):
        logs.write(1, f"worker-{number}.log")
    before = descriptors()
    await logs.look()
    logs.check()
    assert descriptors() - before <= 60
    await logs.stop()
    for number in range(0, 3000, 100):
        logs.write(1, f"worker-{number}.log")
    await logs.start()
    logs.check()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


class Refusing:
    """Stands for the file system where a permission is missing; root is never refused."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.refused: set[str] = set()
        self._open = os.open
        monkeypatch.setattr("exporter.sources.files.compressed.os.open", self.open)

    def open(self, path: str, flags: int) -> int:
        if os.path.basename(path) in self.refused:  # noqa: PTH119  # a path as text, as it is asked
            raise PermissionError(13, "Permission denied", path)
        return self._open(path, flags)


async def test_a_permission_that_comes_later_loses_nothing(
    logs: Logs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    logs.globs = ("*.log",)
    refusing = Refusing(monkeypatch)
    refusing.refused = {"server.log", "later.log"}
    append(logs.path(), ["old"])
    await logs.start()
    logs.write(2)
    logs.write(2, "later.log")
    logs.write(2, "other.log")
    await logs.look(times=3)
    assert len(logs.sink.all()) == 2
    assert caplog.text.count("server.log cannot be read: Permission denied") == 1
    assert caplog.text.count("later.log cannot be read: Permission denied") == 1
    refusing.refused = set()
    await logs.look()
    logs.check()


async def test_a_refused_file_is_finished_after_a_restart(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = Refusing(monkeypatch)
    await logs.start()
    logs.write(3)
    await logs.look()
    refusing.refused = {"server.log"}
    logs.write(2)
    await logs.stop()
    await logs.start()
    await logs.look()
    refusing.refused = set()
    await logs.look()
    logs.check()


async def test_lag_tells_what_waits_and_when_the_newest_byte_came(logs: Logs) -> None:
    await logs.start()
    logs.write(10)
    os.utime(logs.path(), (1_795_000_000, 1_795_000_123))
    await logs.look_once()
    assert list(logs.sink.lags.values()) == [(logs.path().stat().st_size, 1_795_000_123)]
    while await logs.read():
        pass
    assert list(logs.sink.lags.values()) == [(0, 1_795_000_123)]
    assert logs.sink.looks == 2
