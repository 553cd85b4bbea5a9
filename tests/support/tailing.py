"""A folder of logs and a source over it, moved by hand: write, rotate, look, stop, start."""

from __future__ import annotations

import asyncio
import bz2
import gzip
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

from exporter.clock import SetClock
from exporter.sources.files import Files
from exporter.sources.files.tail import Tailer
from tests.support.sinks import KeepingSink

NOON = 1_795_000_000.0
MINUTE = 60.0
DAY = 86400.0
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": lambda data: zstandard.ZstdCompressor().compress(data),
}


@dataclass
class Logs:
    """`written` holds every line that was written after the first start, to compare with."""

    folder: Path
    globs: tuple[str, ...] = ("server.log",)
    settings: dict[str, Any] = field(default_factory=dict)
    sink: KeepingSink = field(default_factory=KeepingSink)
    clock: SetClock = field(default_factory=lambda: SetClock(NOON))
    written: list[str] = field(default_factory=list)
    tail: Tailer | None = None
    open_files: int | None = None

    def path(self, name: str = "server.log") -> Path:
        return self.folder / name

    def line(self, label: str = "line") -> str:
        """A line like no other."""
        line = f"{label} {len(self.written):06d}"
        self.written.append(line)
        return line

    def write(self, count: int = 3, name: str = "server.log", label: str = "line") -> None:
        """Append so many new lines."""
        append(self.path(name), [self.line(label) for _ in range(count)])

    async def start(self) -> None:
        await self.start_only()
        await self.look()

    async def start_only(self) -> None:
        """Start, and look at nothing yet."""
        globs = tuple(str(self.folder / glob) for glob in self.globs)
        self.tail = Files(files=globs, **self.settings).tailer(self.sink, self.clock)
        if self.open_files is not None:
            self.tail.open_files = self.open_files

    async def look(self, *, times: int = 1) -> None:
        """Look, and read all there is."""
        for _ in range(times):
            await self.look_once()
            while await self.read():
                pass
            while self.running.restless:
                await self.look_once()
                while await self.read():
                    pass

    async def look_once(self) -> None:
        """Look, and read nothing."""
        await self.running.look()

    async def read(self) -> bool:
        """Read a chunk of each log."""
        return await self.running.step()

    async def touch(self, *names: str) -> None:
        """What inotify would tell: these were written to. Reads them, without a look."""
        self.running.touched({str(self.path(name)): False for name in names or ("server.log",)})
        while await self.read():
            pass

    async def wait_out(self, seconds: float) -> None:
        """Let time go by, with a look before and after."""
        await self.look()
        self.clock.advance(seconds)
        await self.look()

    async def stop(self) -> None:
        """End, as with kill -9 right after a save; what was not saved is forgotten."""
        saved = self.sink.dump()
        await self.end()
        self.sink = KeepingSink.load(saved)

    async def end(self) -> None:
        if self.tail is not None:
            self.tail.close()
            await asyncio.to_thread(self.tail.worker.join)
            self.tail = None

    @property
    def running(self) -> Tailer:
        assert self.tail is not None, "start() first"
        return self.tail

    def check(self) -> None:
        """Every line that was written was counted, and none twice."""
        assert self.sink.all() == sorted(self.written)

    def kept(self) -> int:
        """How many cursors are saved."""
        return len(self.sink.known)


def append(path: Path, lines: Iterable[str]) -> None:
    with path.open("ab") as file:
        file.write("".join(f"{line}\n" for line in lines).encode())


def truncate(path: Path) -> None:
    os.truncate(path, 0)


def pack(path: Path, ending: str = ".gz") -> Path:
    """What gzip does: the compressed file is whole before the plain one goes."""
    packed = path.with_name(path.name + ending)
    packed.write_bytes(PACKERS[ending](path.read_bytes()))
    path.unlink()
    return packed


def copytruncate(logs: Logs, to: str = "server.log.1") -> None:
    shutil.copyfile(logs.path(), logs.path(to))
    truncate(logs.path())


@asynccontextmanager
async def following(folder: Path) -> AsyncIterator[Logs]:
    """A folder with an empty server.log, not started yet."""
    logs = Logs(folder)
    logs.path().touch()
    yield logs
    await logs.end()
