"""Files that go, come back, are links, or have several names."""

from __future__ import annotations

import gc
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exporter.model import Cursor
from exporter.sources.files.follow import Follow
from tests.support.tailing import DAY, MINUTE, Logs, append, following, pack


@pytest.fixture
async def logs(tmp_path: Path) -> AsyncIterator[Logs]:
    async with following(tmp_path) as logs:
        yield logs


# -- deleted, replaced ----------------------------------------------------------------------------


async def test_a_log_deleted_and_created_again_is_a_new_one(logs: Logs) -> None:
    await logs.start()
    logs.write(3)
    await logs.look()
    logs.path().unlink()
    await logs.look()
    logs.write(3)
    await logs.look()
    logs.check()


async def test_an_inode_used_again_is_a_new_log(logs: Logs) -> None:
    await logs.start()
    logs.write(3)
    await logs.look()
    await logs.stop()  # nothing holds the inode now, so that the file system may give it away
    inode = logs.path().stat().st_ino
    logs.path().unlink()
    append(logs.path(), lines := [logs.line("other") for _ in range(9)])
    if logs.path().stat().st_ino != inode:
        pytest.skip("this file system did not use the inode again")
    await logs.start()
    logs.check()
    assert len(lines) == 9


async def test_a_log_deleted_while_it_is_open_is_read_to_its_end(logs: Logs) -> None:
    await logs.start()
    logs.write(1)
    await logs.look()
    with logs.path().open("a") as writer:
        logs.write(200)
        logs.path().unlink()
        await logs.look()
        writer.write(logs.line() + "\n")
    await logs.look()
    logs.check()
    await logs.wait_out(2 * MINUTE)
    await logs.look()
    assert logs.sink.lost_bytes == {}
    assert len(logs.sink.finished) == 1


async def test_half_a_line_at_the_end_of_a_deleted_log_counts(logs: Logs) -> None:
    await logs.start()
    with logs.path().open("a") as writer:
        writer.write(logs.line() + "\n" + logs.line("no newline"))
    await logs.look()
    logs.path().unlink()
    await logs.look()
    await logs.wait_out(2 * MINUTE)
    logs.check()


async def test_what_vanished_unread_is_told(logs: Logs) -> None:
    logs.open_files = 0  # nothing is held open, so that what is deleted is gone
    await logs.start()
    logs.write(3)
    await logs.look()
    append(logs.path(), ["never read"])
    await logs.look_once()
    logs.path().unlink()
    await logs.look()
    assert logs.sink.lost_bytes == {}  # it may still turn up compressed
    await logs.wait_out(2 * MINUTE)
    assert logs.sink.lost_bytes == {"vanished": len("never read\n")}
    await logs.wait_out(2 * MINUTE)
    assert logs.sink.lost_bytes == {"vanished": len("never read\n")}
    logs.check()


async def test_a_folder_of_logs_that_is_deleted_is_forgotten(logs: Logs) -> None:
    logs.globs = ("**/*.log",)
    for number in range(5):
        (logs.folder / f"pod{number}").mkdir()
    await logs.start()
    for number in range(5):
        logs.write(2, f"pod{number}/0.log")
    await logs.look()
    for number in range(5):
        shutil.rmtree(logs.folder / f"pod{number}")
    await logs.look()
    await logs.wait_out(2 * MINUTE)
    await logs.wait_out(2 * DAY)
    logs.check()
    assert logs.kept() == 1  # server.log


async def test_a_folder_that_is_gone_for_an_hour_repeats_nothing(logs: Logs) -> None:
    logs.globs = ("disk/*.log",)
    logs.path("disk").mkdir()
    await logs.start()
    logs.write(20, "disk/a.log")
    await logs.look()
    await logs.stop()
    logs.path("disk").rename(logs.path("unmounted"))
    await logs.start()
    await logs.wait_out(3600)
    logs.path("unmounted").rename(logs.path("disk"))
    logs.write(2, "disk/a.log")
    await logs.look()
    logs.check()


async def test_a_finished_rotated_file_is_kept_in_mind_until_it_is_deleted(logs: Logs) -> None:
    await logs.start()
    logs.write(3)
    logs.path().rename(logs.path("server.log.1"))
    logs.write(3)
    await logs.look()
    await logs.wait_out(2 * DAY)
    assert logs.kept() == 2
    logs.path("server.log.1").unlink()
    await logs.look()
    await logs.wait_out(2 * MINUTE)
    assert logs.kept() == 1
    logs.check()


# -- links ----------------------------------------------------------------------------------------


async def test_links_as_kubernetes_lays_them_are_followed_through_rotation(logs: Logs) -> None:
    pods, containers = logs.folder / "pods" / "web", logs.folder / "containers"
    pods.mkdir(parents=True)
    containers.mkdir()
    data = logs.folder / "data.log"
    data.touch()
    (pods / "0.log").symlink_to(data)
    (containers / "web_app.log").symlink_to(pods / "0.log")
    logs.globs = ("containers/*.log",)
    await logs.start()
    logs.write(3, "data.log")
    await logs.look()
    logs.write(3, "data.log")
    data.rename(logs.folder / "data.log.20261120-030000")
    logs.write(3, "data.log")
    await logs.look()
    await logs.stop()
    logs.write(3, "data.log")
    pack(data.rename(logs.folder / "data.log.20261121-030000"))
    logs.write(3, "data.log")
    await logs.start()
    await logs.look(times=2)
    logs.check()
    assert list(logs.sink.lines) == ["web_app.log"]


async def test_a_link_put_on_another_file_is_a_rotation(logs: Logs) -> None:
    logs.globs = ("current",)
    logs.path("a.log").touch()
    logs.path("current").symlink_to("a.log")
    await logs.start()
    logs.write(3, "a.log")
    await logs.look()
    logs.write(2, "a.log")
    logs.write(2, "b.log")
    logs.path("next").symlink_to("b.log")
    logs.path("next").replace(logs.path("current"))
    await logs.look()
    logs.write(2, "a.log")
    logs.write(2, "b.log")
    await logs.look()
    logs.check()


async def test_a_file_with_two_names_is_read_once(logs: Logs) -> None:
    logs.globs = ("*.log", "server*", "sub/**")
    logs.path("sub").mkdir()
    logs.path("sub/link").symlink_to(logs.path())
    logs.path("server.hard").hardlink_to(logs.path())
    await logs.start()
    logs.write(3)
    await logs.look()
    logs.check()


async def test_nothing_is_kept_of_rotated_files_that_are_gone(logs: Logs) -> None:
    def kept() -> int:
        gc.collect()
        return sum(isinstance(one, Follow | Cursor) for one in gc.get_objects())

    async def rotate() -> None:
        logs.write()
        await logs.look()
        logs.path().replace(logs.path("server.log.1"))  # over the one before
        logs.write()
        await logs.look()
        await logs.wait_out(2 * MINUTE)

    await logs.start()
    await rotate()
    await rotate()
    before = kept()
    for _ in range(5):
        await rotate()
    assert kept() == before
    logs.check()
