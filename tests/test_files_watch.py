"""The source as it runs: real inotify, a poll where there is none, a mount that hangs."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import statistics
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from exporter.clock import WallClock
from exporter.sources import KINDS
from exporter.sources.files import Files
from exporter.sources.files.discover import Finder
from exporter.sources.files.inotify import DELETE_SELF, Inotify
from exporter.sources.files.watch import Watch
from exporter.sources.worker import Worker
from tests.support.sinks import KeepingSink
from tests.support.tailing import append

SLOW = 3600.0  # a poll that no test waits for: what is counted was told by inotify


@asynccontextmanager
async def running(source: Files, sink: KeepingSink) -> AsyncIterator[asyncio.Task[None]]:
    """The source at work, after its first look."""
    looked = asyncio.Event()
    note = sink.looked

    def looking(name: str) -> None:
        note(name)
        looked.set()

    sink.looked = looking  # type: ignore[assignment,method-assign]  # the double tells when
    task = asyncio.create_task(source.run(sink, WallClock()))
    try:
        async with asyncio.timeout(20):
            await looked.wait()
            yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


def source(folder: Path, *globs: str, poll: float = SLOW) -> Files:
    return Files(files=tuple(str(folder / glob) for glob in globs or ("*.log",)), poll=poll)


@pytest.mark.alone(reason="it asserts a latency of 0.1 s")
async def test_an_append_is_counted_within_a_tenth_of_a_second(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.log" for number in range(10)]
    for path in paths:
        path.touch()
    sink, times = KeepingSink(), []
    async with running(source(tmp_path), sink):
        for number in range(50):
            began = time.perf_counter()
            append(paths[number % 10], ["line"])
            await sink.until(number + 1)
            times.append(time.perf_counter() - began)
    assert statistics.quantiles(times, n=20)[-1] < 0.1


async def test_rotation_is_noticed_at_once(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.touch()
    sink = KeepingSink()
    async with running(source(tmp_path), sink):
        for number in range(5):
            append(log, ["old"])
            log.rename(tmp_path / f"a.log.{number}")
            append(log, ["new"])
            await sink.until(2 * number + 2)
    assert len(sink.all()) == 10


async def test_new_directories_are_watched_as_they_come(tmp_path: Path) -> None:
    sink = KeepingSink()
    async with running(source(tmp_path, "*/*/*.log"), sink):
        (tmp_path / "pod" / "web").mkdir(parents=True)
        append(tmp_path / "pod" / "web" / "0.log", ["one"])
        await sink.until(1)
        append(tmp_path / "pod" / "web" / "0.log", ["two"])
        await sink.until(2)
    assert sink.all() == ["one", "two"]


async def test_a_directory_put_in_the_place_of_another_is_watched(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    sink = KeepingSink()
    async with running(source(tmp_path, "*/a.log"), sink):
        append(tmp_path / "logs" / "a.log", ["one"])
        await sink.until(1)
        (tmp_path / "logs").rename(tmp_path / ".away")
        (tmp_path / "logs").mkdir()
        append(tmp_path / "logs" / "a.log", ["two"])
        await sink.until(2)
        append(tmp_path / "logs" / "a.log", ["three"])
        await sink.until(3)
    assert sink.all() == ["one", "three", "two"]


async def test_a_file_behind_a_link_is_watched_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "data").touch()
    (tmp_path / "a.log").symlink_to(tmp_path / "there" / "data")
    sink = KeepingSink()
    async with running(source(tmp_path), sink):
        append(tmp_path / "there" / "data", ["one"])
        await sink.until(1)


def refuse(code: int) -> Callable[..., Any]:
    def refusing(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code))

    return refusing


@pytest.mark.parametrize(
    ("what", "code"),
    [("__init__", errno.EMFILE), ("watch", errno.ENOSPC), ("__init__", errno.ENOSYS)],
)
async def test_without_inotify_files_are_polled(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    what: str,
    code: int,
) -> None:
    monkeypatch.setattr(Inotify, what, refuse(code))
    (tmp_path / "a.log").touch()
    sink = KeepingSink()
    async with running(source(tmp_path, poll=0.01), sink):
        append(tmp_path / "a.log", ["one"])
        await sink.until(1)
        append(tmp_path / "b.log", ["two"])
        await sink.until(2)
        await asyncio.sleep(0.05)
    assert caplog.text.count("polled") == 1


async def test_the_poll_finds_what_inotify_does_not_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a network mount: watches can be had, and say nothing."""
    add = Inotify.watch
    monkeypatch.setattr(Inotify, "watch", lambda one, path, _: add(one, path, DELETE_SELF))
    (tmp_path / "a.log").touch()
    sink = KeepingSink()
    async with running(source(tmp_path, poll=0.01), sink):
        append(tmp_path / "a.log", ["one"])
        await sink.until(1)


def idents(*paths: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_dev, path.stat().st_ino) for path in paths}


def soon(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


def overrun(paths: list[Path]) -> None:
    """Fill the queue: written to in turn, no event is like the one before it."""
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    with paths[0].open("ab", 0) as one, paths[1].open("ab", 0) as other:
        for _ in range(most // 2 + 100):
            one.write(b"x")
            other.write(b"x")


async def test_a_queue_of_events_that_runs_over_calls_for_a_look(tmp_path: Path) -> None:
    paths = [tmp_path / "a.log", tmp_path / "b.log"]
    with Watch() as watch:
        watch.cover(idents(tmp_path))
        overrun(paths)
        stirred = False
        async with asyncio.timeout(60):
            while not stirred:
                await watch.wait(soon(1))
                touched, stirred = watch.take()
                assert touched.keys() <= set(map(str, paths))


async def test_watches_follow_the_directories(tmp_path: Path) -> None:
    one, other = tmp_path / "a", tmp_path / "b"
    one.mkdir()
    other.mkdir()
    with Watch() as watch:
        assert watch.cover(idents(one, other))
        assert not watch.cover(idents(one, other))
        assert watch.complete
        assert not watch.cover(idents(one))
        (other / "unheard").touch()
        (one / "heard").touch()
        await watch.wait(soon(10))
        assert watch.take()[0] == {str(one / "heard"): True}
        (one / "heard").unlink()
        one.rmdir()
        await watch.wait(soon(10))
        assert watch.take()[1]
        assert not watch.cover({str(one): (0, 0)})
        assert not watch.complete


async def test_a_mount_that_hangs_stops_its_own_source_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    find = Finder.find

    def hanging(finder: Finder) -> Any:
        if threading.current_thread().name.endswith("hung/*.log"):
            released.wait(20)
        return find(finder)

    monkeypatch.setattr(Finder, "find", hanging)
    hung, sound = KeepingSink(), KeepingSink()
    task = asyncio.create_task(source(tmp_path / "hung").run(hung, WallClock()))
    (tmp_path / "a.log").touch()
    async with running(source(tmp_path), sound):
        append(tmp_path / "a.log", ["one"])
        await sound.until(1)
    assert hung.looks == 0
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=5)
    assert done  # it can be cancelled while the mount still hangs
    released.set()


@pytest.mark.alone(reason="it asserts how little work an idle source does")
async def test_idle_files_cost_next_to_nothing(tmp_path: Path) -> None:
    for number in range(1000):
        (tmp_path / f"worker-{number}.log").write_text("line\n")
    sink, spent = KeepingSink(), []
    async with running(source(tmp_path, poll=1.0), sink):
        while not sink.looks:  # noqa: ASYNC110 - the first look; a counter has no event
            await asyncio.sleep(0.01)
        for _ in range(3):
            before = resource.getrusage(resource.RUSAGE_SELF)
            await asyncio.sleep(0.7)
            after = resource.getrusage(resource.RUSAGE_SELF)
            spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < 0.05, "the quietest of three: others use this machine too"


def held(folder: Path) -> int:
    """How many files below it this process has open."""
    targets = [
        str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()
    ]
    return sum(target.startswith(str(folder)) for target in targets)


async def test_a_cancelled_source_lets_go_of_every_file(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}.log").touch()
    files, sink = source(tmp_path), KeepingSink()
    async with running(files, sink):
        for number in range(20):
            append(tmp_path / f"{number}.log", ["line"])
        await sink.until(20)
        assert held(tmp_path) == 20
    for thread in threading.enumerate():
        if thread.name == files.name:
            thread.join(10)
    assert held(tmp_path) == 0


async def test_a_worker_gives_back_what_a_job_raised() -> None:
    worker = Worker("test")
    assert await worker.do(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await worker.do(lambda: 1 // 0)
    ended: list[int] = []
    worker.close(lambda: ended.append(1))
    worker.join()
    assert ended == [1]


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="names no file"):
        Files(files=())
    with pytest.raises(ValueError, match="polls without a pause"):
        Files(files=("/log",), poll=0)
    first = Files(files=("/var/log/a.log", "/var/log/b.log"))
    assert first.name == "files:/var/log/a.log"
    assert not first.finite
    assert KINDS["files"] is Files
