"""Standard input: what is piped in, to its end. It cannot be read again, so nothing is resumed.

Whole lines that were taken out of the pipe are counted, whatever happens; half a line in which a
source is stopped is not.
"""

from __future__ import annotations

import asyncio
import os

from msgspec import Struct

from exporter.clock import Clock
from exporter.model import Cursor, Sink
from exporter.sources.portions import Portions
from exporter.sources.worker import Worker
from exporter.turns import Turn

FD = 0
CHUNK = 1 << 16
QUIET = 5.0  # seconds after which an input that says nothing counts as looked at


class Stdin(Struct, frozen=True):
    """Standard input: `stdin: true`."""

    stdin: bool = True
    service: str = "stdin"

    def __post_init__(self) -> None:
        if not self.stdin:
            raise ValueError("leave the entry out, or write stdin: true")

    @property
    def name(self) -> str:
        """The label `source`."""
        return "stdin"

    @property
    def finite(self) -> bool:
        """Where the pipe ends, so does the source."""
        return True

    @property
    def interval(self) -> None:
        """It tells by itself."""
        return None

    async def run(self, sink: Sink, clock: Clock) -> None:
        """Feed the sink until the input ends."""
        cursor = Cursor("stdin", self.service, "stdin")
        sink.open(self.name, cursor)
        worker, portions, turn = Worker(self.name), Portions(), Turn(sink.turns)
        try:
            rest = b""
            while (data := await _read(worker, FD)) != b"":
                if data:
                    chunk, before = rest + data, cursor.offset
                    await _feed(sink, cursor, chunk, portions, turn)
                    rest = chunk[cursor.offset - before :]
                    sink.lag(cursor, 0, clock.now())
                sink.looked(self.name)
                await asyncio.sleep(0)
            sink.finish(cursor, rest)
        finally:
            worker.close(lambda: None)


async def _feed(sink: Sink, cursor: Cursor, chunk: bytes, portions: Portions, turn: Turn) -> None:
    """Count the whole lines of what was taken out of the pipe, also where this is cancelled."""
    at = 0
    try:
        while at < len(chunk):
            await turn.pause()
            with turn:
                at = portions.feed(sink, cursor, chunk, at)
    except asyncio.CancelledError:
        sink.feed(cursor, chunk[at:])
        raise


async def _read(worker: Worker, fd: int) -> bytes | None:
    """What can be read now, nothing at the end; None when for a while nothing came.

    A pipe is only read when it has something, so that nothing is taken out of it that nobody will
    count. What cannot be waited for (a regular file) is always ready; a thread reads it, and it is
    taken when that has come.
    """
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    try:
        loop.add_reader(fd, ready.set)
    except PermissionError:
        data = await worker.do(lambda: os.pread(fd, CHUNK, os.lseek(fd, 0, os.SEEK_CUR)))
        os.lseek(fd, len(data), os.SEEK_CUR)
        return data
    try:
        async with asyncio.timeout(QUIET):
            await ready.wait()
    except TimeoutError:
        return None
    finally:
        loop.remove_reader(fd)
    return os.read(fd, CHUNK)
