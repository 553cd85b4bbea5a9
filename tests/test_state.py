"""The saved state of one application: what it survives, and what it says when it cannot be used."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exporter import state
from exporter.errors import StateError
from exporter.state import StateFile, lock

FIRST: dict[str, Any] = {"generation": 1, "values": b"\x00\x01", "nan": 1.5, "text": "żółć"}
SECOND: dict[str, Any] = {"generation": 2}
THIRD: dict[str, Any] = {"generation": 3}


@pytest.fixture
def file(tmp_path: Path) -> StateFile:
    return StateFile(tmp_path / "state", "shop")


def test_what_was_saved_is_loaded(file: StateFile) -> None:
    file.save(FIRST, sync=False)
    assert file.load() == (FIRST, [])


def test_a_missing_state_is_a_first_start_and_no_complaint(file: StateFile) -> None:
    assert file.load() == (None, [])


def test_half_a_write_leaves_the_state_before_it(file: StateFile) -> None:
    file.save(FIRST, sync=False)
    file.path.with_suffix(".state.new").write_bytes(file.path.read_bytes()[:20])
    assert file.load() == (FIRST, [])
    file.save(SECOND, sync=False)
    assert file.load() == (SECOND, [])


# -- spoiled states ------------------------------------------------------------------------------

Spoil = Callable[[Path], object]


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def _flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _of_another_version(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"sidewatch-state 2 ", b"sidewatch-state 7 ", 1))


def _unreadable(path: Path) -> None:
    path.unlink()
    path.mkdir()  # also for root


SPOILT: dict[str, tuple[Spoil, str]] = {
    "truncated": (_truncate, "is damaged (its checksum is not that of its content)"),
    "corrupt": (_flip_a_bit, "is damaged (its checksum is not that of its content)"),
    "empty": (lambda path: os.truncate(path, 0), "is not a state of sidewatch"),
    "foreign": (lambda path: path.write_bytes(b"\x7fELF\n" * 99), "is not a state of sidewatch"),
    "other version": (_of_another_version, "is of version 7, this sidewatch reads 2"),
    "unreadable": (_unreadable, "cannot be read: Is a directory"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_state_is_said_put_aside_and_left_behind(file: StateFile, name: str) -> None:
    spoil, why = SPOILT[name]
    file.save(FIRST, sync=False)
    spoil(file.path)

    found, complaints = file.load()

    assert found is None
    bad = file.path.with_name("shop.state.bad")
    assert complaints == [
        f"{file.path}: {why}; put aside as {bad.name}",
        f"{file.path}: starting afresh",
    ]
    assert bad.exists()
    assert file.load() == (None, []), "the next start does not meet it"
    file.save(SECOND, sync=True)
    assert file.load() == (SECOND, [])


@pytest.mark.parametrize("name", SPOILT)
def test_the_generation_before_stands_in_for_a_spoilt_one(file: StateFile, name: str) -> None:
    file.save(FIRST, sync=True)
    file.save(SECOND, sync=True)
    SPOILT[name][0](file.path)

    found, complaints = file.load()

    assert found == FIRST
    assert complaints[-1] == f"{file.path}: going on from shop.state.prev, saved before it"
    assert file.load()[0] == FIRST, "also when it is killed before its first save"


def test_a_state_that_cannot_be_put_aside_is_said_so(file: StateFile) -> None:
    file.save(FIRST, sync=False)
    _truncate(file.path)
    aside = file.path.with_name("shop.state.bad")
    aside.mkdir()
    found, complaints = file.load()
    assert found is None
    assert "it cannot be put aside as shop.state.bad: Is a directory" in complaints[0]


# -- power loss ----------------------------------------------------------------------------------


class Disk:
    """Notes what is written through to the disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.synced: list[bytes] = []
        fsync = os.fsync

        def noting(handle: int) -> None:
            path = Path(f"/proc/self/fd/{handle}").readlink()
            if path.is_file():
                self.synced.append(path.read_bytes())
            fsync(handle)

        monkeypatch.setattr(os, "fsync", noting)


def test_only_a_save_with_sync_is_written_through(
    file: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    file.save(FIRST, sync=False)
    assert disk.synced == []
    file.save(SECOND, sync=True)
    assert file.path.read_bytes() in disk.synced


def test_the_generation_kept_for_power_loss_is_written_through_too(
    file: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    file.save(FIRST, sync=False)
    first = file.path.read_bytes()
    file.save(SECOND, sync=True)
    assert file.previous.read_bytes() == first
    assert first in disk.synced
    file.save(THIRD, sync=False)
    assert file.previous.read_bytes() == first
    assert file.previous.stat().st_ino != file.path.stat().st_ino, "not to be spoiled as one"


# -- what cannot be written ----------------------------------------------------------------------


def test_a_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    file = StateFile(tmp_path / "state", "shop")
    with pytest.raises(StateError, match=r"shop\.state: cannot be saved: File exists"):
        file.save(FIRST, sync=False)


def test_a_full_disk_is_said(file: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file.save(FIRST, sync=False)
    monkeypatch.setattr(state, "_write", full)
    with pytest.raises(StateError, match=r"cannot be saved: No space left on device"):
        file.save(SECOND, sync=False)
    assert file.load() == (FIRST, [])


def test_a_state_that_cannot_be_spelled_is_an_error_of_its_own(file: StateFile) -> None:
    with pytest.raises(StateError, match="cannot be saved"):
        file.save({"label": "\udcff"}, sync=False)


# -- one process a folder ------------------------------------------------------------------------


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    held, complaint = lock(tmp_path / "state")
    assert held is not None
    assert complaint is None
    with pytest.raises(StateError, match="another sidewatch uses this state folder; give each its"):
        lock(tmp_path / "state")
    held.close()
    again, _ = lock(tmp_path / "state")
    assert again is not None
    again.close()


def test_a_folder_that_cannot_be_written_stops_no_start(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    held, complaint = lock(tmp_path / "state")
    assert held is None
    assert complaint == f"{tmp_path / 'state'}: cannot be written, so nothing is saved: File exists"
