"""Standard input: a pipe, a file, a device; in a process of its own, as it is used."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.clock import WallClock
from exporter.sources.stdin import Stdin
from exporter.sources.worker import Worker
from exporter.turns import Turns
from tests.support.sinks import KeepingSink

READER = """
import asyncio
from exporter.clock import WallClock
from exporter.sources.stdin import Stdin
from tests.support.sinks import KeepingSink

async def main():
    sink = KeepingSink()
    await Stdin().run(sink, WallClock())
    print(len(sink.lines.get("stdin", [])), sum(map(len, sink.lines.get("stdin", []))))
    print(sink.finished, sink.looks > 0)

asyncio.run(main())
"""
ROOT = Path(__file__).parents[1]


def read(stdin: int | None, data: bytes | None = None) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", READER],
        stdin=stdin,
        input=data,
        capture_output=True,
        check=True,
        cwd=ROOT,
        timeout=60,
    )
    return done.stdout.decode().splitlines()


def test_a_pipe_is_read_to_its_end_and_half_a_line_counts() -> None:
    lines = [b"line %d" % number for number in range(50_000)]
    size = sum(map(len, lines))
    assert read(None, b"\n".join(lines)) == [f"50000 {size}", "['stdin'] True"]


def test_a_line_without_end_passes_in_pieces() -> None:
    assert read(None, b"a" * (3 << 20))[0].endswith(f" {3 << 20}")


def test_a_file_is_read_like_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\n\nthree\n")
    with path.open("rb") as file:
        assert read(file.fileno()) == ["3 8", "['stdin'] True"]


def test_no_input_is_no_line() -> None:
    assert read(subprocess.DEVNULL) == ["0 0", "['stdin'] False"]


async def test_lines_count_as_they_come_and_nothing_is_taken_out_of_a_pipe_in_vain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inlet, outlet = os.pipe()
    monkeypatch.setattr("exporter.sources.stdin.FD", inlet)
    sink = KeepingSink()
    task = asyncio.create_task(Stdin(service="web").run(sink, WallClock()))
    for number in range(3):
        os.write(outlet, b"line %d\n" % number)
        async with asyncio.timeout(10):
            await sink.until(number + 1)
    task.cancel()
    await asyncio.wait([task])
    os.write(outlet, b"for the next reader\n")
    await asyncio.sleep(0.01)
    assert os.read(inlet, 100) == b"for the next reader\n"
    os.close(inlet)
    os.close(outlet)


async def test_what_was_taken_out_of_a_pipe_is_counted_though_the_source_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inlet, outlet = os.pipe()
    monkeypatch.setattr("exporter.sources.stdin.FD", inlet)
    late = itertools.count()  # each look at the clock is a second later: every portion is dear
    sink = KeepingSink(turns=Turns(lambda: float(next(late))))
    written = [b"line %d" % number for number in range(4000)]
    os.write(outlet, b"".join(line + b"\n" for line in written))
    task = asyncio.create_task(Stdin(service="web").run(sink, WallClock()))
    async with asyncio.timeout(10):
        await sink.until(1)
    task.cancel()
    await asyncio.wait([task])
    os.close(outlet)
    left = b"".join(iter(lambda: os.read(inlet, 1 << 16), b"")).split(b"\n")
    os.close(inlet)
    assert sink.lines["web"] + left[:-1] == written


async def test_what_was_not_waited_for_is_not_taken_out_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, done = tmp_path / "log", asyncio.Event()
    path.write_bytes(b"one\ntwo\n")

    async def hanging(_: Worker, job: Callable[[], bytes]) -> bytes:
        job()
        done.set()
        return await asyncio.Future[bytes]()

    sink = KeepingSink()
    with path.open("rb") as file, monkeypatch.context() as patch:
        monkeypatch.setattr("exporter.sources.stdin.FD", file.fileno())
        patch.setattr(Worker, "do", hanging)
        task = asyncio.create_task(Stdin(service="web").run(sink, WallClock()))
        await done.wait()
        task.cancel()
        await asyncio.wait([task])
        patch.undo()
        await Stdin(service="web").run(sink, WallClock())
    assert sink.lines["web"] == [b"one", b"two"]


def test_an_input_that_is_not_wanted_is_refused() -> None:
    with pytest.raises(ValueError, match="leave the entry out"):
        Stdin(stdin=False)
    assert Stdin().finite
