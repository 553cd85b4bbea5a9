"""Rotations of every kind in any order, with restarts amid them: each line counts once.

The kinds and their order are drawn by a seeded generator; what is expected is what was written.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.support.tailing import PACKERS, Logs, append, truncate

GENERATIONS = 6
Move = Callable[[], Awaitable[None]]


class Rotator:
    """Writes and rotates one log as a random operator would."""

    def __init__(self, logs: Logs, seed: int) -> None:
        self.logs = logs
        self.dice = random.Random(seed)
        self.half = ""
        self.steps: list[str] = []

    async def step(self) -> None:
        kinds: dict[Move, int] = {
            self.write: 10,
            self.write_half: 3,
            self.look: 5,
            self.look_once: 3,
            self.read: 4,
            self.rename: 3,
            self.copytruncate: 2,
            self.compress: 3,
            self.restart: 2,
        }
        move = self.dice.choices(list(kinds), list(kinds.values()))[0]
        self.steps.append(getattr(move, "__name__", ""))
        await move()

    async def write(self) -> None:
        count = self.dice.choice([1, 2, 30, 400])
        lines = [self.logs.line() for _ in range(count)]
        self._finish_half()
        append(self.logs.path(), lines)

    async def write_half(self) -> None:
        self._finish_half()
        line = self.logs.line("half")
        with self.logs.path().open("a") as file:
            file.write(line[:7])
        self.half = line[7:]

    def _finish_half(self) -> None:
        if self.half:
            append(self.logs.path(), [self.half])
            self.half = ""

    async def look(self) -> None:
        await self.logs.look()

    async def look_once(self) -> None:
        await self.logs.look_once()

    async def read(self) -> None:
        await self.logs.read()

    async def rename(self) -> None:
        self._finish_half()
        await self._shift()
        if self.logs.path().exists():
            self.logs.path().rename(self.logs.path("server.log.1"))
        self.logs.path().touch()

    async def copytruncate(self) -> None:
        self._finish_half()
        await self._shift()
        if self.logs.path().exists():
            shutil.copyfile(self.logs.path(), self.logs.path("server.log.1"))
            if self.dice.random() < 0.3:
                await self.logs.look_once()
            truncate(self.logs.path())

    async def compress(self) -> None:
        plain = [path for path in self._rotated() if path.suffix not in (".gz", ".bz2")]
        if plain:
            path = self.dice.choice(plain)
            ending = self.dice.choice([".gz", ".bz2"])
            path.with_name(path.name + ending).write_bytes(PACKERS[ending](path.read_bytes()))
            if self.dice.random() < 0.3:
                await self.logs.look()
            path.unlink()

    async def restart(self) -> None:
        await self.logs.stop()
        for _ in range(self.dice.choice([0, 0, 1, 2, 3])):
            moves: list[Move] = [self.write, self.write_half, self._rename_stopped]
            move = self.dice.choice(moves)
            self.steps.append("stopped:" + getattr(move, "__name__", ""))
            await move()
        await self.logs.start_only()
        if self.dice.random() < 0.7:
            await self.logs.look()

    async def _rename_stopped(self) -> None:
        if len(self._rotated()) < GENERATIONS - 1:
            self._finish_half()
            self._move_up()
            if self.logs.path().exists():
                self.logs.path().rename(self.logs.path("server.log.1"))

    async def _shift(self) -> None:
        """Number the rotated files up; the oldest goes, once it was read."""
        oldest = [path for path in self._rotated() if _number(path) >= GENERATIONS]
        if oldest:
            await self.logs.look(times=3)
            for path in oldest:
                path.unlink()
        self._move_up()

    def _move_up(self) -> None:
        for path in sorted(self._rotated(), key=_number, reverse=True):
            number = _number(path)
            path.rename(path.with_name(path.name.replace(f".log.{number}", f".log.{number + 1}")))

    def _rotated(self) -> list[Path]:
        return list(self.logs.folder.glob("server.log.*"))


def _number(path: Path) -> int:
    return int(path.name.split(".")[2])


@pytest.mark.parametrize("open_files", [0, 99])
@pytest.mark.parametrize("seed", range(25))
async def test_any_order_of_rotations_and_restarts_counts_each_line_once(
    tmp_path: Path, seed: int, open_files: int
) -> None:
    logs = Logs(tmp_path, open_files=open_files)
    logs.path().touch()
    await logs.start()
    rotator = Rotator(logs, seed)
    for _ in range(60):
        await rotator.step()
    await rotator.write()
    await logs.look(times=4)
    await logs.end()
    counted, written = Counter(logs.sink.all()), Counter(logs.written)
    assert counted == written, " ".join(rotator.steps)
