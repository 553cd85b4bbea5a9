"""Which file is which, as tables: names, prints, verdicts; what a glob finds."""

from __future__ import annotations

import os
from glob import glob
from pathlib import Path

import pytest

from exporter.sources.files.discover import Finder
from exporter.sources.files.identity import HEAD, Print, judge, kinship, load
from exporter.sources.files.kin import stems
from exporter.sources.files.names import is_rotated, live_name

LIVE_NAMES = [
    ("server.log", "server.log"),
    ("server.log.1", "server.log"),
    ("server.log.12.gz", "server.log"),
    ("server.log-20261120", "server.log"),
    ("server.log-20261120.gz", "server.log"),
    ("server.log-20261120-1795143600.bz2", "server.log"),
    ("server.log.2026-11-20", "server.log"),
    ("server.log.2026-11-20_03-00.zst", "server.log"),
    ("server.log.20261120-030000", "server.log"),
    ("server.log-1795143600", "server.log"),
    ("server.log.old", "server.log"),
    ("server-20261120.log", "server.log"),
    ("server.2026-11-20.log", "server.log"),
    ("server.2026-11-20.1.log", "server.log"),
    ("syslog.1", "syslog"),
    ("0.log", "0.log"),
    ("worker-1", "worker-1"),
    ("worker.1.log", "worker.1.log"),
    ("app-v2.log", "app-v2.log"),
    ("redis-6379.log", "redis-6379.log"),
    ("order-12345678.log", "order-12345678.log"),
    ("x", "x"),
    (".1", ".1"),
    ("2026-11-20", "2026-11-20"),
    ("." * 255, "." * 255),
]


@pytest.mark.parametrize(("name", "live"), LIVE_NAMES)
def test_a_rotated_file_belongs_to_the_log_it_was_written_as(name: str, live: str) -> None:
    assert live_name(name) == live
    assert is_rotated(f"/var/log/{name}") == (name != live)


def test_a_name_may_derive_from_all_that_it_begins_with() -> None:
    assert stems("server.log.copy") == {"server", "server.log", "server.log.copy"}
    assert "server.log" in stems("server-20261120.log")


OLD, NEW = "/log/x", "/log/x.1"


@pytest.mark.parametrize(
    ("size", "now_at", "fits", "verdict"),
    [
        (100, OLD, True, "same"),
        (500, OLD, True, "same"),
        (100, NEW, True, "rotated"),
        (99, OLD, True, "truncated"),
        (0, OLD, False, "truncated"),
        (100, OLD, False, "rewritten"),
        (500, NEW, False, "rewritten"),
        (None, OLD, True, "gone"),
    ],
)
def test_what_became_of_a_file_counted_to_byte_100(
    size: int | None, now_at: str, *, fits: bool, verdict: str
) -> None:
    assert judge(OLD, 100, size, now_at, fits=fits) == verdict


@pytest.mark.parametrize(
    ("size", "heads", "fits", "kin"),
    [
        (100, True, True, "continues"),
        (900, True, True, "continues"),
        (None, True, True, "continues"),
        (60, True, False, "counted"),  # a copy made before the last lines were read
        (100, True, False, "stranger"),  # begins alike, and goes on otherwise
        (60, False, False, "stranger"),
        (None, True, False, "stranger"),
    ],
)
def test_what_another_file_is_to_one_counted_to_byte_100(
    size: int | None, *, heads: bool, fits: bool, kin: str
) -> None:
    known = Print("head", 60, "mark", 60, 100)
    assert kinship(known, size, heads=heads, fits=fits) == kin


class Bytes:
    """A file's bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def at(self, start: int, size: int) -> bytes:
        return self.data[start : start + size]


BOOK = b"".join(b"%04d " % number for number in range(1000))


@pytest.mark.parametrize("ends", [[7], [7, 1023, 1024, 1025, 3000], [5000], [1, 2, 3, 4999]])
def test_a_print_moved_step_by_step_is_the_one_taken_at_once(ends: list[int]) -> None:
    book, known = Bytes(BOOK), Print()
    for end in ends:
        known = known.moved(book.at(known.start, end - known.start), known.start, end)
        assert known == Print.taken(book.at, end)
        assert known.fits(book.at)


@pytest.mark.parametrize("end", [10, 1024, 3000])
def test_a_print_knows_a_file_that_differs_in_what_was_counted(end: int) -> None:
    known = Print.taken(Bytes(BOOK).at, end)
    assert known.fits(Bytes(BOOK + b"more").at)
    assert known.fits(Bytes(BOOK[:end] + b"other").at)
    assert not known.fits(Bytes(b"x" + BOOK[1:]).at)
    assert not known.fits(Bytes(BOOK[: end - 1] + b"x").at)
    assert not known.fits(Bytes(BOOK[: end - 1]).at)
    assert known.strong == (end >= HEAD)


def test_the_print_of_nothing_fits_nothing_and_nothing_speaks_against_it() -> None:
    assert not Print().fits(Bytes(BOOK).at)
    assert Print().intact(Bytes(BOOK).at)


def test_a_print_is_saved_as_plain_values() -> None:
    known = Print.taken(Bytes(BOOK).at, 3000)
    assert load(known.dump()) == known
    with pytest.raises((KeyError, ValueError)):
        load({**known.dump(), "end": -1})


TREE = [
    "a.log",
    "b.log",
    "a.log.1",
    "a.log-20261120.gz",
    ".hidden.log",
    "notes.txt",
    "one/a.log",
    "one/two/c.log",
    "one/two/a.log.2",
    ".secret/d.log",
    "[x]/e.log",
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in TREE:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "linked").symlink_to(tmp_path / "one")
    return tmp_path


def found(tree: Path, *globs: str, exclude: tuple[str, ...] = ()) -> list[str]:
    finder = Finder(tuple(str(tree / pattern) for pattern in globs), exclude)
    return sorted(os.path.relpath(seen.path, tree) for seen in finder.find().files.values())


@pytest.mark.parametrize(
    "pattern", ["*.log", "**/*.log", "?.log", "[ab].log", "one/*/*.log", "o*e/**/*.log", "*/a.log"]
)
def test_a_glob_finds_what_the_standard_library_finds(tree: Path, pattern: str) -> None:
    # Links to directories are left out on both sides: ** does not go through them here.
    (tree / "linked").unlink()
    theirs = glob(str(tree / pattern), recursive=True)  # noqa: PTH207  # it is the peer
    peer = {os.path.relpath(path, tree) for path in theirs}
    ours = {name for name in found(tree, pattern) if name.endswith(".log")}
    assert ours == peer
    assert peer


def test_a_glob_finds_rotated_files_beside_their_log(tree: Path) -> None:
    assert found(tree, "a.log") == ["a.log", "a.log-20261120.gz", "a.log.1"]
    assert found(tree, "one/two/*.log") == ["one/two/a.log.2", "one/two/c.log"]


def test_everything_below_a_directory_is_found(tree: Path) -> None:
    assert found(tree, "one/**") == ["one/a.log", "one/two/a.log.2", "one/two/c.log"]


def test_what_is_excluded_is_not_found(tree: Path) -> None:
    assert found(tree, "*", exclude=("*.txt", "b.*")) == ["a.log", "a.log-20261120.gz", "a.log.1"]
    assert found(tree, "**/*.log", exclude=(str(tree / "one" / "**"), "*.gz", "*.1")) == [
        "[x]/e.log",
        "a.log",
        "b.log",
    ]
    assert found(tree, "**/*.log", exclude=(str(tree / "**" / "a*"),)) == [
        "[x]/e.log",
        "b.log",
        "one/two/c.log",
    ]


def test_brackets_in_a_path_can_be_escaped(tree: Path) -> None:
    assert found(tree, "[[]x[]]/*.log") == ["[x]/e.log"]


def test_what_cannot_be_listed_is_told(tree: Path) -> None:
    (tree / "loop").symlink_to(tree / "loop")
    look = Finder((str(tree / "loop" / "*.log"), str(tree / "loop"))).find()
    assert look.files == {}
    assert set(look.refused) == {str(tree / "loop")}


@pytest.mark.parametrize(
    ("name", "matters"),
    [("a.log", True), ("a.log.1", True), ("web", True), ("a.txt", False), ("app", True)],
)
def test_a_finder_tells_which_names_matter_to_it(name: str, *, matters: bool) -> None:
    assert Finder(("/srv/app/web/*.log",)).concerns(name) == matters
