"""Entries into log files, which are rotated by renaming as logrotate does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct, field

from exporter.demo.entries import Entry

LARGEST = 24 * 1024  # bytes: small, so that a rotation comes every minute or so
KEPT = 3


class Logs(Struct):
    """The logs below `folder`. `lines` counts what was written, by application."""

    folder: Path
    lines: Counter[str] = field(default_factory=Counter)
    rotations: int = 0
    _files: dict[Path, BinaryIO] = field(default_factory=dict)

    def begin(self, logs: Iterable[str]) -> None:
        """Make them, empty."""
        for log in logs:
            path = self.folder / f"{log}.log"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open(path)

    def write(self, entry: Entry, now: float) -> None:
        """Append an entry at once; a log that has become large is rotated."""
        path = self.folder / f"{entry.log}.log"
        file = self._files.get(path) or self._open(path)
        text = entry.text(now)
        file.write(text.encode())
        self.lines[path.parent.name] += text.count("\n")
        if file.tell() > LARGEST:
            self._rotate(path)

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _open(self, path: Path) -> BinaryIO:
        file: BinaryIO = path.open("ab", buffering=0)
        self._files[path] = file
        return file

    def _rotate(self, path: Path) -> None:
        """x.log becomes x.log.1, x.log.1 becomes x.log.2; the last one is overwritten."""
        self._files.pop(path).close()
        for n in range(KEPT - 1, 0, -1):
            older = Path(f"{path}.{n}")
            if older.exists():
                older.replace(f"{path}.{n + 1}")
        path.replace(f"{path}.1")
        self.rotations += 1
