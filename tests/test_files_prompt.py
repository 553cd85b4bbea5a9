"""What is read and fed where the event loop hears of it, what is not, and who else has a turn."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from exporter.app.assembly import assemble
from exporter.clock import SetClock, WallClock
from exporter.config import load_profile
from exporter.engine import choice
from exporter.model import Cursor, Sink
from exporter.shard import Shard
from exporter.sources.files import Files
from exporter.sources.files.compressed import Plain
from exporter.sources.portions import FIRST, LEAST, MOST, Portions
from exporter.sources.worker import Worker
from exporter.turns import SHARE, Turn, Turns
from tests.support.sinks import KeepingSink
from tests.support.tailing import Logs, append, copytruncate, following

NOW = 1_795_000_000.0
POLL = 3600.0  # that no test waits for: what is counted was told by inotify


@asynccontextmanager
async def reading(log: Path, sink: Sink, **settings: Any) -> AsyncIterator[asyncio.Task[None]]:
    source = Files(files=(str(log),), poll=POLL, **settings)
    task = asyncio.create_task(source.run(sink, WallClock()))
    try:
        async with asyncio.timeout(60):
            yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The jobs that threads are given from now on."""
    jobs: list[str] = []
    do = Worker.do

    async def noting(worker: Worker, job: Callable[[], Any]) -> Any:
        jobs.append(getattr(job, "__name__", ""))
        return await do(worker, job)

    monkeypatch.setattr(Worker, "do", noting)
    return jobs


# -- reading --------------------------------------------------------------------------------------


async def _first(log: Path, sink: KeepingSink) -> None:
    """Looked at, and a line of it read: from now on it is open."""
    while not sink.looks:  # noqa: ASYNC110 - the first look; a counter has no event
        await asyncio.sleep(0.01)
    append(log, ["first"])
    await sink.until(1)


async def test_appends_to_an_open_file_need_no_thread(tmp_path: Path, handed: list[str]) -> None:
    log, sink = tmp_path / "a.log", KeepingSink()
    log.touch()
    async with reading(log, sink):
        await _first(log, sink)
        handed.clear()
        for number in range(2, 22):
            append(log, ["next"] * 100)
            await sink.until(1 + 100 * (number - 1))
        body = Plain(str(log))
        # Where memory is short the kernel may have dropped a page: that one needs a thread.
        assert body.prompt is (handed.count("_gather") < 10), "as the folder's file system allows"
        body.close()
    assert len(sink.all()) == 2001
    assert set(sink.lags.values()) == {(0, log.stat().st_mtime)}


def refuse(code: int) -> Callable[..., int]:
    def refusing(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    return refusing


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.EOPNOTSUPP, errno.EIO])
async def test_what_would_have_to_be_waited_for_is_read_by_the_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(os, "preadv", refuse(code))
    async with following(tmp_path) as logs:
        await logs.start()
        for _ in range(3):
            logs.write(3)
            await logs.touch()
        copytruncate(logs)
        logs.write(3)
        await logs.look(times=2)
        logs.check()


async def test_a_source_without_room_is_fed_nothing_at_once(tmp_path: Path) -> None:
    log, sink = tmp_path / "a.log", KeepingSink()
    log.touch()
    async with reading(log, sink):
        await _first(log, sink)
        sink.full = True
        append(log, ["held back"])
        while not sink.waited:  # noqa: ASYNC110 - until the source waits for room
            await asyncio.sleep(0.01)
        assert sink.all() == ["first"]
        sink.full = False
        await sink.until(2)


async def test_what_feeding_at_once_raises_ends_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, sink = tmp_path / "a.log", KeepingSink()
    log.touch()

    def failing(*_: object) -> int:
        raise ZeroDivisionError

    async with reading(log, sink) as task:
        await _first(log, sink)
        monkeypatch.setattr(sink, "feed", failing)
        append(log, ["second"])
        with pytest.raises(ZeroDivisionError):
            await task


async def test_a_rotated_file_goes_before_the_next_one_though_both_are_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[bytes] = []
    async with following(tmp_path) as logs:
        await logs.start()
        logs.write(1)
        await logs.look()
        logs.path().rename(logs.path("server.log.1"))
        logs.write(1)
        await logs.look()
        feed = logs.sink.feed

        def noting(cursor: Cursor, chunk: bytes) -> int:
            order.append(chunk)
            return feed(cursor, chunk)

        monkeypatch.setattr(logs.sink, "feed", noting)
        logs.write(1, label="new")
        logs.write(1, "server.log.1", label="old")
        await logs.touch("server.log", "server.log.1")
        logs.check()
    assert [chunk[:3] for chunk in order] == [b"old", b"new"]


# -- portions -------------------------------------------------------------------------------------


class Dear:
    """A sink with a time of its own, in which each byte takes so long."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.now = seconds, 0.0
        self.turns = Turns(lambda: self.now)
        self.kept = KeepingSink()
        self.cursor = Cursor("key", "web", "file")
        self.kept.open("test", self.cursor)
        self.took: list[float] = []

    def feed(self, cursor: Cursor, chunk: bytes) -> int:
        self.took.append(len(chunk) * self.seconds)
        self.now += self.took[-1]
        return self.kept.feed(cursor, chunk)

    def whole(self, portions: Portions, data: bytes) -> list[float]:
        """Feed all of it; how long each portion took."""
        sink: Any = self
        at, self.took = 0, []
        while at < len(data):
            at = portions.feed(sink, self.cursor, data, at)
        return self.took


LINES = b"".join(b"%039d\n" % number for number in range(6000))


def test_portions_of_dear_lines_take_their_share_and_no_more() -> None:
    dear, portions = Dear(2e-6), Portions()  # 80 us a line
    first, *others, _ = dear.whole(portions, LINES)
    assert first <= FIRST * dear.seconds
    assert all(SHARE * 0.9 < one <= SHARE * 1.01 for one in others)
    assert b"".join(one + b"\n" for one in dear.kept.lines["web"]) == LINES


def test_portions_of_cheap_lines_soon_are_whole_blocks() -> None:
    dear, portions = Dear(2e-9), Portions()
    dear.whole(portions, LINES)
    assert len(dear.whole(portions, LINES)) == 1
    for _ in range(3):
        dear.whole(portions, LINES * 4)
    assert portions.size == MOST


def test_portions_follow_lines_that_become_dear_and_cheap_again() -> None:
    dear, portions = Dear(2e-9), Portions()
    for _ in range(2):
        dear.seconds = 2e-9
        for _ in range(5):
            dear.whole(portions, LINES)
        assert len(dear.whole(portions, LINES)) == 1
        dear.seconds = 4e-6
        dear.whole(portions, LINES)  # too much once: nothing told of it
        assert max(dear.whole(portions, LINES)) <= SHARE * 1.01
    dear.seconds = 1.0
    dear.whole(portions, LINES[:4000])
    assert portions.size == LEAST


def test_a_line_longer_than_a_portion_is_not_cut() -> None:
    dear, portions = Dear(1e-9), Portions()
    data = b"a" * 5 * FIRST + b"\nb\n" + b"c" * 5 * FIRST
    dear.whole(portions, data)
    assert dear.kept.lines["web"] == [b"a" * 5 * FIRST, b"b"]
    assert dear.cursor.offset == 5 * FIRST + 3


# -- others' turns --------------------------------------------------------------------------------


def shard_of(name: str = "pullapprove") -> Shard:
    return assemble(load_profile("pullapprove", name), SetClock(NOW))


def hostile(lines: int) -> bytes:
    """Each line is an error with a text of its own, and is read exactly."""
    return b"".join(
        b"[ERROR] Reading part%dx of \xff'%d failed: \"no\\ such %x=%d\n" % (n, n * n, n, n)
        for n in range(lines)
    )


def told(shard: Shard) -> dict[tuple[str, tuple[str, ...]], float]:
    snapshot = shard.snapshot(final=True)
    return {
        (family.name, one.labels): snapshot.values[one.index]
        for family, many in snapshot.layout
        for one in many
        if family.name.startswith("watched_log_") and "timestamp" not in family.name
    }


@pytest.mark.usefixtures("heap_of_its_own")
async def test_a_hostile_stream_holds_the_loop_for_a_moment_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the CPU that the loop's thread takes between two ticks: others use this machine too."""
    monkeypatch.setattr(choice, "ENGINE", choice.PYTHON)
    log, block = tmp_path / "a.log", hostile(24_000)
    log.write_bytes(block)
    shard, whole = shard_of(), shard_of()
    cursor = Cursor("log", "web", "file")
    whole.open("test", cursor)
    began = time.thread_time()
    assert whole.feed(cursor, block) == len(block)
    at_once = time.thread_time() - began

    holds = [time.thread_time()]
    source = shard.unfinished
    async with reading(log, shard, service="web", from_="beginning"):
        while source(f"files:{log}") is not None:
            await asyncio.sleep(0)
            holds.append(time.thread_time())
    longest = max(after - before for before, after in itertools.pairwise(holds))
    assert at_once > 0.2, "else this shows nothing"
    assert longest < 0.1
    assert told(shard) == told(whole)


async def test_a_restart_between_two_portions_counts_each_line_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As kill -9 after a save that came while a chunk was being fed."""
    async with following(tmp_path) as logs:
        await logs.start()
        logs.write(20_000)
        saved: list[str] = []
        monkeypatch.setattr(Turn, "pause", saving(logs.sink, saved))
        await logs.look()
        assert len(saved) > 2
        monkeypatch.undo()
        for state in saved:
            await taken_up(logs, state)
            logs.check()


def saving(sink: KeepingSink, saved: list[str]) -> Callable[[Turn], Any]:
    async def pause(_: Turn) -> None:
        saved.append(sink.dump())
        await asyncio.sleep(0)

    return pause


async def taken_up(logs: Logs, state: str) -> None:
    """Start from this state, and read all there is."""
    await logs.end()
    logs.sink = KeepingSink.load(state)
    await logs.start()
