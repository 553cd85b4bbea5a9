"""The newest file of a glob, as hostile as folders, links and clocks can be."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from glob import iglob
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.errors import SourceError
from exporter.sources.disk import newest

HOUR = 3600.0
NAMES = st.sampled_from(["a", "b.dump", "c.gz", ".hid", "d[1].dump", "daily"])
GLOBS = st.lists(
    st.sampled_from(["*", "**", "*.dump", "a", "daily", "?", "[ab]*", "d[[]1].dump", ".h*"]),
    min_size=1,
    max_size=4,
)


def write(path: Path, size: int = 1, age: float = 0.0) -> Path:
    """A file of this size, last written so many seconds ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    moment = time.time() - age
    os.utime(path, (moment, moment))
    return path


def sizes(*globs: Path) -> tuple[int, int | None, int | None]:
    """How many match, and the sizes of the newest and the one before."""
    found = newest(tuple(map(str, globs)), time.time())
    return (
        found.count,
        None if found.newest is None else found.newest.size,
        None if found.before is None else found.before.size,
    )


@settings(max_examples=60, deadline=None)
@given(
    files=st.lists(st.lists(NAMES, min_size=1, max_size=4).map("/".join), max_size=8), parts=GLOBS
)
def test_it_finds_what_the_library_finds(files: list[str], parts: list[str]) -> None:
    with TemporaryDirectory() as folder:
        for name in files:
            with suppress(OSError):  # where a file is, no folder can be
                write(Path(folder) / name)
        pattern = "/".join([folder, *parts])
        named = {path for path in iglob(pattern, recursive=True) if os.path.isfile(path)}  # noqa: PTH113, PTH207 - it is the peer, and its "a/" is no file
        assert newest((pattern,), time.time()).count == len(named)


def test_links_that_lead_in_circles_are_gone_once(tmp_path: Path) -> None:
    """By the library, two of them are two to the power of forty ways."""
    write(tmp_path / "deep/a.dump", 5)
    for name in ("here", "again", "deep/up"):
        (tmp_path / name).symlink_to(tmp_path)
    (tmp_path / "itself").symlink_to("itself")
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "itself.dump").symlink_to("itself.dump")
    assert sizes(tmp_path / "**/*.dump") == (1, 5, None)
    assert sizes(tmp_path / "*.dump", tmp_path / "*/*.dump") == (1, 5, None)


def test_a_link_to_the_newest_is_not_the_one_before(tmp_path: Path) -> None:
    """`latest.dump` is what many jobs leave beside their files, and hard links are others' way."""
    write(tmp_path / "1.dump", 1000, age=60)
    write(tmp_path / "2.dump", 10)
    (tmp_path / "latest.dump").symlink_to("2.dump")
    (tmp_path / "kept.dump").hardlink_to(tmp_path / "2.dump")
    assert sizes(tmp_path / "*.dump") == (2, 10, 1000)


def test_a_linked_folder_is_looked_into(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere/a.dump", 7)
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups/offsite").symlink_to(tmp_path / "elsewhere")
    assert sizes(tmp_path / "backups/**/*.dump") == (1, 7, None)


def test_a_folder_that_is_deeper_than_a_function_may_call_itself(tmp_path: Path) -> None:
    deep = tmp_path / "deep"
    below = "/".join(["d"] * (sys.getrecursionlimit() + 50))
    subprocess.run(["mkdir", "-p", deep / below], check=True)
    write(tmp_path / "a.dump", 3)
    try:
        assert sizes(tmp_path / "**/*.dump") == (1, 3, None)
    finally:
        subprocess.run(["rm", "-r", deep], check=True)  # Python calls itself for it


def test_a_date_in_the_future_is_not_believed(tmp_path: Path) -> None:
    """Else nothing would be missed until it has come."""
    write(tmp_path / "archive.dump", 9, age=-1000 * HOUR)
    (tmp_path / "now.dump").write_bytes(b"x")
    found = newest((str(tmp_path / "archive.dump"),), time.time())
    assert found.newest is not None
    assert found.newest.written == pytest.approx(time.time(), abs=30), "when it came here"
    later = newest((str(tmp_path / "*.dump"),), time.time() + 100)
    assert later.newest is not None
    assert Path(later.newest.path).name == "now.dump"


def test_a_clock_that_was_set_back_is_told(tmp_path: Path) -> None:
    write(tmp_path / "a.dump")
    with pytest.raises(SourceError) as caught:
        newest((str(tmp_path / "*.dump"),), time.time() - HOUR)
    assert caught.value.reason == "clock"
    assert newest((str(tmp_path / "*.dump"),), time.time() - 200).count == 1, "a server's own clock"
    write(tmp_path / "old.dump", 4, age=2 * HOUR)
    os.utime(tmp_path / "old.dump", (0, 0))
    assert newest((str(tmp_path / "*.dump"),), time.time() - HOUR).newest is not None


@pytest.mark.parametrize(("pattern", "limit"), [("*.dump", "MOST_FILES"), ("*.gz", "MOST_ENTRIES")])
def test_more_than_can_be_looked_at_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, limit: str
) -> None:
    monkeypatch.setattr(f"exporter.sources.disk.look.{limit}", 20)
    for number in range(21):
        write(tmp_path / f"{number}.dump")
    with pytest.raises(SourceError) as caught:
        newest((str(tmp_path / pattern),), time.time())
    assert caught.value.reason == "files"


def _closed(path: Path) -> Callable[[str], object]:
    """`os.scandir` for a user who may not look into this folder; root may look everywhere."""
    ask = os.scandir

    def scandir(folder: str) -> object:
        if folder == str(path):
            raise PermissionError(13, "Permission denied")
        return ask(folder)

    return scandir


def test_a_closed_folder_below_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each ext4 has its lost+found, which is root's."""
    (tmp_path / "lost+found").mkdir()
    monkeypatch.setattr("os.scandir", _closed(tmp_path / "lost+found"))
    with pytest.raises(SourceError) as caught:
        newest((str(tmp_path / "**/*.dump"),), time.time())
    assert caught.value.reason == "permission"
    write(tmp_path / "a.dump", 5)
    assert sizes(tmp_path / "**/*.dump") == (1, 5, None)


def test_a_name_that_looks_like_a_glob_asks_for_no_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "[x]/a.dump", 5)
    monkeypatch.setattr("os.scandir", _closed(tmp_path))
    assert sizes(tmp_path / "[[]x]/a.dump") == (1, 5, None)
