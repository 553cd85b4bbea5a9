"""Rotation by name and by copy: each line that was written is counted once.

Nothing sleeps: the source is looked and read by hand. What is expected is what was written.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.tailing import Logs, append, copytruncate, following, pack, truncate


@pytest.fixture
async def logs(tmp_path: Path) -> AsyncIterator[Logs]:
    async with following(tmp_path) as logs:
        yield logs


# -- renamed --------------------------------------------------------------------------------------


async def test_a_renamed_log_is_read_to_its_end_and_the_new_one_from_its_beginning(
    logs: Logs,
) -> None:
    await logs.start()
    logs.write()
    await logs.look()
    logs.write()
    logs.path().rename(logs.path("server.log.1"))
    logs.write()
    await logs.look()
    logs.check()


async def test_lines_written_after_the_rename_count(logs: Logs) -> None:
    await logs.start()
    with logs.path().open("a") as writer:
        logs.path().rename(logs.path("server.log.1"))
        logs.write()
        await logs.look()
        writer.write(logs.line() + "\n")
    await logs.look()
    logs.check()


async def test_a_log_renamed_between_the_look_and_the_reading_is_not_mixed_up(logs: Logs) -> None:
    await logs.start()
    logs.write()
    await logs.look_once()
    logs.path().rename(logs.path("server.log.1"))
    logs.write()
    await logs.look()
    logs.check()


async def test_a_log_rotated_twice_between_two_looks_is_read_whole(logs: Logs) -> None:
    await logs.start()
    logs.write()
    await logs.look()
    for _ in range(2):
        logs.write()
        if logs.path("server.log.1").exists():
            logs.path("server.log.1").rename(logs.path("server.log.2"))
        logs.path().rename(logs.path("server.log.1"))
    logs.write()
    await logs.look()
    logs.check()


async def test_a_log_renamed_freely_is_still_read(logs: Logs) -> None:
    await logs.start()
    logs.write()
    await logs.look()
    with logs.path().open("a") as writer:
        logs.path().rename(logs.path("yesterday"))
        logs.write()
        writer.write(logs.line() + "\n")
    await logs.look()
    logs.check()


async def test_a_log_moved_away_is_read_to_its_end(logs: Logs) -> None:
    (logs.folder / "archive").mkdir()
    await logs.start()
    logs.write()
    await logs.look()
    logs.write()
    logs.path().rename(logs.folder / "archive" / "server.log")
    await logs.look(times=2)
    logs.check()


async def test_rotated_files_with_a_date_are_known_by_their_log(logs: Logs) -> None:
    await logs.start()
    logs.write()
    logs.path().rename(logs.path("server.log-20261120"))
    logs.write()
    await logs.look()
    logs.path().rename(logs.path("server-20261121.log"))
    logs.write()
    await logs.look()
    logs.check()
    assert list(logs.sink.lines) == ["server.log"]


async def test_rotated_files_of_a_service_are_read_in_the_order_of_their_lines(logs: Logs) -> None:
    await logs.start()
    for number in (3, 2, 1):
        logs.write()
        rotated = logs.path(f"server.log.{number}")
        logs.path().rename(rotated)
        os.utime(rotated, (1_794_000_000 - number, 1_794_000_000 - number))
    logs.write()
    await logs.look()
    assert [line.decode() for line in logs.sink.lines["server.log"]] == logs.written


# -- rotated while stopped ------------------------------------------------------------------------


async def test_a_log_renamed_while_stopped_is_finished_first(logs: Logs) -> None:
    await logs.start()
    logs.write()
    await logs.look()
    await logs.stop()
    logs.write()
    logs.path().rename(logs.path("server.log.1"))
    logs.write()
    await logs.start()
    logs.check()


async def test_a_log_rotated_twice_while_stopped_is_read_whole(logs: Logs) -> None:
    await logs.start()
    logs.write()
    await logs.look()
    await logs.stop()
    logs.write()
    logs.path().rename(logs.path("server.log.2"))
    logs.write()
    logs.path().rename(logs.path("server.log.1"))
    logs.write()
    await logs.start()
    logs.check()


async def test_a_file_system_that_renumbers_its_files_repeats_nothing(logs: Logs) -> None:
    logs.globs = ("*.log",)
    await logs.start()
    logs.write(100)
    logs.write(3, "worker.log")
    logs.path().rename(logs.path("server.log.1"))
    logs.write(100)
    await logs.look()
    await logs.stop()
    logs.write(5)
    for path in sorted(logs.folder.iterdir()):
        other = path.with_name("moved")
        shutil.copy2(path, other)
        other.replace(path)
    # The small log shares no whole first kilobyte with itself, so its inode had to be kept.
    small = logs.sink.lines["worker.log"]
    await logs.start()
    counted = [line.decode() for line in logs.sink.lines["server.log"]]
    assert sorted(counted) == sorted(set(logs.written) - {line.decode() for line in small})


async def test_a_log_copied_and_truncated_while_stopped_is_finished_in_the_copy(
    logs: Logs,
) -> None:
    await logs.start()
    logs.write()
    await logs.look()
    await logs.stop()
    logs.write()
    copytruncate(logs)
    logs.write(1)
    await logs.start()
    logs.check()


# -- copied and truncated -------------------------------------------------------------------------


async def test_copytruncate_to_a_smaller_size(logs: Logs) -> None:
    await logs.start()
    logs.write(10)
    await logs.look()
    copytruncate(logs)
    logs.write(2)
    await logs.look()
    logs.check()


async def test_copytruncate_to_the_same_size(logs: Logs) -> None:
    await logs.start()
    logs.write(10)
    await logs.look()
    size = logs.path().stat().st_size
    copytruncate(logs)
    logs.write(10)
    assert logs.path().stat().st_size == size
    await logs.touch()
    await logs.look()
    logs.check()


async def test_copytruncate_to_a_larger_size(logs: Logs) -> None:
    await logs.start()
    logs.write(10)
    await logs.look()
    copytruncate(logs)
    logs.write(500)
    await logs.look()
    logs.check()


async def test_lines_that_only_the_copy_holds_are_read_there(logs: Logs) -> None:
    await logs.start()
    logs.write(10)
    await logs.look()
    logs.write(7)
    copytruncate(logs)
    logs.write(2)
    await logs.look()
    logs.check()
    assert logs.sink.lost_bytes == {}


async def test_a_copy_is_not_read_before_its_original_is_truncated(logs: Logs) -> None:
    await logs.start()
    logs.write(200)
    await logs.look()
    whole = logs.path().read_bytes()
    for part in (0, 1000, len(whole)):  # the copy as it grows
        logs.path("server.log.1").write_bytes(whole[:part])
        await logs.look()
    logs.check()
    truncate(logs.path())
    logs.write(3)
    await logs.look()
    logs.check()


async def test_a_copy_that_lacks_the_last_lines_is_not_read_again(logs: Logs) -> None:
    await logs.start()
    logs.write(200)
    await logs.look()
    shutil.copyfile(logs.path(), logs.path("server.log.1"))
    logs.write(5)  # between copy and truncation, and read in time
    await logs.touch()
    truncate(logs.path())
    logs.write(1)
    await logs.look()
    logs.check()


async def test_copytruncate_with_a_compressed_copy(logs: Logs) -> None:
    await logs.start()
    logs.write(100)
    await logs.look()
    logs.write(50)
    copytruncate(logs)
    pack(logs.path("server.log.1"))
    logs.write(2)
    await logs.look(times=2)
    logs.check()


async def test_copytruncate_many_times_over(logs: Logs) -> None:
    await logs.start()
    for _ in range(8):
        for number in range(8, 0, -1):
            if logs.path(f"server.log.{number}").exists():
                logs.path(f"server.log.{number}").rename(logs.path(f"server.log.{number + 1}"))
        logs.write(9)
        await logs.look()
        logs.write(4)
        copytruncate(logs)
    await logs.look()
    logs.check()


async def test_a_log_emptied_in_place_starts_again(logs: Logs) -> None:
    await logs.start()
    logs.write(10)
    await logs.look()
    truncate(logs.path())
    await logs.look()
    logs.write(2)
    await logs.look()
    logs.check()
    assert logs.sink.lost_bytes == {}


async def test_bytes_truncated_unread_are_told(logs: Logs) -> None:
    await logs.start()
    logs.write(10)
    await logs.look()
    append(logs.path(), ["never read"])
    await logs.look_once()
    truncate(logs.path())
    await logs.look()
    logs.write(1)
    await logs.look()
    logs.check()
    assert logs.sink.lost_bytes == {"truncated": len("never read\n")}


async def test_a_log_emptied_and_grown_beyond_its_old_size_while_stopped(logs: Logs) -> None:
    await logs.start()
    logs.write(5)
    await logs.look()
    await logs.stop()
    truncate(logs.path())
    logs.write(50)
    await logs.start()
    logs.check()
