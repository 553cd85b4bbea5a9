"""Log files by glob: their settings, and the loop that follows them through every rotation."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from exporter.clock import Clock
from exporter.model import Duration, Sink
from exporter.sources.files.book import Book
from exporter.sources.files.discover import Finder
from exporter.sources.files.identity import Ident
from exporter.sources.files.services import service_of
from exporter.sources.files.tail import Tailer
from exporter.sources.files.watch import Watch

SHORTEST = 0.02  # seconds between two looks, whatever happens in the directories
SHARE = 10  # a look that took a second is followed by ten without
QUIET = 5.0  # seconds between two looks where inotify tells of most changes


class Files(Struct, frozen=True):
    """Log files: `files` and `exclude` are globs (`**` for any directories).

    Without `service` it is the container's, where path or Docker's own files tell it, else the name
    of the file, rotated ones under the name they were written by.
    `from`: what exists when this source is opened for the very first time is read from its end, or
    from its beginning. `poll` is how often the directories are looked at; five times less often
    (but every 5 s) where inotify works.
    """

    files: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    service: str | None = None
    from_: Literal["end", "beginning"] = "end"
    poll: Duration = 1.0

    def __post_init__(self) -> None:
        if not self.files:
            raise ValueError("names no file: write a path or a glob like /var/log/app/*.log")
        if not self.poll > 0:
            raise ValueError("polls without a pause: write a duration like 1s")

    @property
    def name(self) -> str:
        """The label `source`; the first glob names it, so that more can be added."""
        return f"files:{self.files[0]}"

    @property
    def finite(self) -> bool:
        """Files never end."""
        return False

    @property
    def interval(self) -> float:
        """The pause between two looks where inotify tells of what happens between them."""
        return self._pause(watched=True)

    async def run(self, sink: Sink, clock: Clock) -> None:
        """Feed the sink until cancelled."""
        tail = self.tailer(sink, clock)
        try:
            with Watch() as watch:
                await self._follow(tail, watch, sink)
        finally:
            tail.close()

    def services(self) -> Mapping[Ident, str]:
        """The files that are there now, each with the service that it is read for."""
        found = Finder(self.files, self.exclude).find().files
        return {ident: self.service or service_of(seen.path) for ident, seen in found.items()}

    def tailer(self, sink: Sink, clock: Clock) -> Tailer:
        """What reads the files, in steps."""
        finder = Finder(self.files, self.exclude)
        book = Book(self.name, self.service, self.from_ == "end", finder, sink)
        return Tailer.begin(book, sink, clock)

    async def _follow(self, tail: Tailer, watch: Watch, sink: Sink) -> None:
        now = asyncio.get_running_loop().time
        due = earliest = now()
        stirred = False
        while True:
            if now() >= (earliest if stirred or tail.restless else due):
                began = now()
                await tail.look()
                stirred = watch.cover(tail.directories)
                ended = now()
                earliest = ended + max(SHORTEST, SHARE * (ended - began))
                due = ended + self._pause(watched=watch.complete)
            until = earliest if stirred or tail.restless else due
            if await _room(sink, until) and not await tail.step():
                await watch.wait(earliest if stirred or tail.restless else due, tail.settle)
            touched, unsure = watch.take()
            stirred = tail.touched(touched) or stirred or unsure

    def _pause(self, *, watched: bool) -> float:
        return max(self.poll, min(5 * self.poll, QUIET)) if watched else self.poll


async def _room(sink: Sink, until: float) -> bool:
    """Wait for room, but no longer than until the next look (in the loop's time)."""
    try:
        async with asyncio.timeout_at(until):
            await sink.room()
    except TimeoutError:
        return False
    return True
