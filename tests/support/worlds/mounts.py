"""A disk of an application's: a real file system, in memory, where the kernel lets one be mounted.
Of a signal's file:

fills   which share of its bytes is used then
files   which share of its files
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.told import Told
from tests.support.worlds.world import Given, Happening

NAME = "builds"
SIZE, FILES = 4 << 20, 400


@dataclass
class Mount:
    """Where it is mounted."""

    room: Path
    part: Mapping[str, Any]

    def settings(self) -> Mapping[str, Any]:
        """Where it is."""
        return {"files": {NAME: {"mount": str(self.room)}}}

    def course(self) -> Sequence[Happening]:
        """It is filled."""
        return [(0, self._harm)]

    def looked(self, one: Told) -> bool:
        """Whether it is known how much is left."""
        return one.value("watched_filesystem_avail_bytes", NAME) is not None

    @property
    def goes_on(self) -> int:
        """Nothing does."""
        return 0

    async def go_on(self) -> None:
        """Nothing does."""

    async def _harm(self) -> None:
        (self.room / "layer").write_bytes(bytes(int(SIZE * self.part.get("fills", 0))))
        for number in range(int(FILES * self.part.get("files", 0))):
            (self.room / str(number)).touch()


@asynccontextmanager
async def standing(given: Given) -> AsyncIterator[Mount]:
    """A disk with room."""
    room = given.folder / "room"
    room.mkdir()
    if os.getuid():
        pytest.skip("mounting needs root")
    options = f"size={SIZE},nr_inodes={FILES}"
    await _run("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(room))
    try:
        yield Mount(room, given.part)
    finally:
        await _run("umount", str(room))


async def _run(*command: str) -> None:
    answer = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False
    )
    if answer.returncode:
        pytest.skip(f"the kernel does not let a disk be mounted ({answer.stderr.strip()[-200:]})")
