"""Compressed rotated files: what was read before is not read again, and the rest is not lost."""

from __future__ import annotations

import gzip
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.tailing import PACKERS, Logs, append, following, pack


@pytest.fixture
async def logs(tmp_path: Path) -> AsyncIterator[Logs]:
    async with following(tmp_path) as logs:
        yield logs


@pytest.mark.parametrize("ending", PACKERS)
async def test_a_rotated_log_that_was_read_is_not_read_again_compressed(
    logs: Logs, ending: str
) -> None:
    await logs.start()
    logs.write(100)
    logs.path().rename(logs.path("server.log.1"))
    logs.write(1)
    await logs.look()
    pack(logs.path("server.log.1"), ending)
    await logs.look(times=3)
    logs.path(f"server.log.1{ending}").rename(logs.path(f"server.log.2{ending}"))
    await logs.look(times=3)
    await logs.stop()
    await logs.start()
    await logs.look(times=3)
    logs.check()


async def test_a_compressed_file_beside_the_plain_one_is_not_read(logs: Logs) -> None:
    await logs.start()
    logs.write(100)
    logs.path().rename(logs.path("server.log.1"))
    await logs.look()
    plain = logs.path("server.log.1").read_bytes()
    packed = gzip.compress(plain)
    for part in (10, len(packed) // 2, len(packed)):  # as gzip writes it
        logs.path("server.log.1.gz").write_bytes(packed[:part])
        await logs.look(times=2)
    logs.check()
    await logs.stop()
    await logs.start()
    logs.path("server.log.1").unlink()
    await logs.look(times=3)
    logs.check()


async def test_an_unread_rotated_log_that_is_compressed_is_finished_unpacked(logs: Logs) -> None:
    await logs.start()
    logs.write(3)
    await logs.look()
    logs.write(2000)
    logs.path().rename(logs.path("server.log.1"))
    pack(logs.path("server.log.1"))
    logs.write(1)
    await logs.look(times=3)
    logs.check()


async def test_compressed_history_is_not_read_from_the_end(logs: Logs) -> None:
    append(logs.path("server.log.1"), ["old"] * 100)
    pack(logs.path("server.log.1"))
    append(logs.path("server.log.2"), ["older"])
    append(logs.path(), ["before the start"])
    await logs.start()
    await logs.look(times=2)
    logs.path("server.log.1.gz").rename(logs.path("server.log.3.gz"))
    await logs.look(times=2)
    await logs.stop()
    await logs.start()
    await logs.look(times=2)
    logs.write(1)
    await logs.look()
    logs.check()


async def test_history_is_read_from_the_beginning_once_and_the_oldest_first(logs: Logs) -> None:
    logs.settings = {"from_": "beginning"}
    for number, ending in ((3, ".bz2"), (2, ".gz"), (1, "")):
        path = logs.path(f"server.log.{number}")
        append(path, [logs.line() for _ in range(50)])
        if ending:
            path = pack(path, ending)
        os.utime(path, (1_794_000_000 - number, 1_794_000_000 - number))
    logs.write(5)
    await logs.start()
    assert [line.decode() for line in logs.sink.lines["server.log"]] == logs.written
    await logs.stop()
    await logs.start()
    await logs.look(times=2)
    logs.check()


async def test_a_compressed_file_that_breaks_off_gives_what_it_has(
    logs: Logs, caplog: pytest.LogCaptureFixture
) -> None:
    await logs.start()
    logs.write(1000, "moved-in")
    packed = gzip.compress(logs.path("moved-in").read_bytes())
    logs.path("moved-in").unlink()
    logs.path("server.log.7.gz").write_bytes(packed[: len(packed) // 2])
    await logs.look(times=2)
    assert 0 < len(logs.sink.all()) < 1000
    assert "server.log.7.gz breaks off" in caplog.text
    logs.path("server.log.7.gz").write_bytes(packed)
    await logs.look(times=2)
    logs.check()


@pytest.mark.parametrize("ending", PACKERS)
async def test_a_log_compressed_while_stopped_is_finished_unpacked(logs: Logs, ending: str) -> None:
    await logs.start()
    logs.write(200)
    await logs.look()
    await logs.stop()
    logs.write(200)
    logs.path().rename(logs.path("server.log.1"))
    pack(logs.path("server.log.1"), ending)
    logs.write()
    await logs.start()
    await logs.look(times=2)
    logs.check()
    await logs.stop()
    await logs.start()
    await logs.look(times=2)
    logs.check()


async def test_two_rotations_with_compression_while_stopped_lose_nothing(logs: Logs) -> None:
    await logs.start()
    logs.write(100)
    await logs.look()
    await logs.stop()
    logs.write(100)
    logs.path().rename(logs.path("server.log.2"))
    pack(logs.path("server.log.2"))
    logs.write(100)
    logs.path().rename(logs.path("server.log.1"))
    pack(logs.path("server.log.1"))
    logs.write(100)
    await logs.start()
    await logs.look(times=2)
    logs.check()


async def test_a_restart_amid_a_compressed_file_goes_on_in_it(logs: Logs) -> None:
    await logs.start()
    await logs.stop()
    logs.write(50_000)
    logs.path().rename(logs.path("server.log.1"))
    pack(logs.path("server.log.1"))
    await logs.start_only()
    await logs.look_once()
    await logs.look_once()
    await logs.read()
    assert 0 < len(logs.sink.all()) < 50_000
    await logs.stop()
    await logs.start()
    await logs.look(times=2)
    logs.check()
