"""Files whose source is called otherwise by now: who reads on, and who is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.model import Cursor
from exporter.sources.files import Files
from exporter.sources.files.heirs import heirs
from exporter.sources.files.identity import Place
from exporter.sources.stdin import Stdin


def _cursor(path: str, inode: int = 7) -> Cursor:
    """As it is saved of a file that was read."""
    place: Place = {"dev": 1, "inode": inode, "size": 10, "path": path, "real": path}
    mark: Place = {"head": "", "head_size": 0, "mark": "", "mark_size": 0, "end": 10}
    return Cursor(f"x 1:{inode}.1", "web", "file", 10, {**place, **mark})


OLD = "files:/log/web.log"


@pytest.mark.parametrize(
    ("path", "sources", "heir"),
    [
        ("/log/web.log", [Files(("/log/nginx.log", "/log/web.log"))], "files:/log/nginx.log"),
        ("/log/web.log.1.gz", [Files(("/log/*.log",))], "files:/log/*.log"),
        ("/log/shop/web.log", [Files(("/log/**/*.log",))], "files:/log/**/*.log"),
        ("/log/web.log", [Stdin(), Files(("/x/*",)), Files(("/log/*",))], "files:/log/*"),
        ("/log/web.log", [Files(("/log/*",), exclude=("web.*",))], OLD),
        ("/log/web.log", [Files(("/log/*.txt",))], OLD),
        ("/log/web.log", [Files(("/log/*",)), Files(("/log/web.log",))], OLD),
        ("/log/web.log", [], OLD),
    ],
)
def test_who_reads_a_file_on(path: str, sources: list[object], heir: str) -> None:
    assert heirs([(OLD, _cursor(path))], sources) == [heir]


def test_what_the_heir_has_read_itself_is_not_read_by_two() -> None:
    new = Files(("/log/*.log",))
    saved = [(OLD, _cursor("/log/web.log")), (new.name, _cursor("/log/web.log"))]
    assert heirs(saved, [new]) == [OLD, new.name]
    one, other = _cursor("/log/a.log", 1), _cursor("/log/b.log", 2)
    assert heirs([("files:/a", one), ("files:/b", other)], [new]) == [new.name, new.name]


def test_what_tells_no_file_stays(tmp_path: Path) -> None:
    looked = Cursor("files:/log/web.log -", "", "", 0, {"looked": True})
    assert heirs(
        [(OLD, looked), ("stdin", Cursor("stdin", "a", "b"))], [Files((str(tmp_path),))]
    ) == [
        OLD,
        "stdin",
    ]
