"""The backups of pullapprove's database, simulated: a file now and then, larger each time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from msgspec import Struct

from exporter.demo.scenes import Scene, spans

EVERY = 300.0  # seconds of the application's
KEPT = 4
SMALLEST, MORE = 40_000, 700  # bytes


class Dump(Struct, frozen=True):
    """A file that is written at a time."""

    at: float
    name: str
    size: int


def dumps(script: Sequence[Scene]) -> Iterator[Dump]:
    """All of them, in order, without end; empty where the script says so."""
    told = spans(script)
    span = next(told)
    for number in count(1):
        at = (number - 1) * EVERY
        while span.end <= at:
            span = next(told)
        size = SMALLEST + MORE * number if span.scene.backups else 0
        yield Dump(at, f"pullapprove-{number:05}.dump", size)


def write(folder: Path, dump: Dump) -> None:
    """Write one, and throw the oldest away."""
    folder.mkdir(exist_ok=True)
    (folder / dump.name).write_bytes(bytes(dump.size))
    for old in sorted(folder.glob("*.dump"))[:-KEPT]:
        old.unlink()
