"""Saved before shown: what a scrape sees has been saved, so that no restart takes it back.

A scrape that finds newer data saves it first, at most once a second, and joins a save in flight.
A disk that is full, read-only or hung never hangs a scrape: for three scrapes the last saved
series are shown, then the live ones, and `sidewatch_state_degraded` says that the promise rests.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from msgspec import Struct, field

from exporter.clock import Clock
from exporter.errors import StateError
from exporter.model import Snapshot
from exporter.shard import Shard
from exporter.state import StateFile

APART_SECONDS = 1.0  # how far apart the saves are that scrapes ask for
PATIENCE_SECONDS = 1.0  # how long a save may take
SYNC_SECONDS = 10.0
STALE_SCRAPES = 3

log = logging.getLogger(__name__)


class Kept(Struct):
    """A shard, its file, what of it was last saved, and whether the newest save failed."""

    shard: Shard
    file: StateFile
    shown: Snapshot
    saved: tuple[int, int] = (-1, -1)
    synced: tuple[int, int] = (-1, -1)
    failed: bool = False

    def version(self) -> tuple[int, int]:
        """Changes whenever there is something new to save."""
        return self.shard.version, self.shard.registry.births

    def show(self, *, live: bool) -> Snapshot:
        """What was last saved; taken anew where only the time has changed, or where it must be."""
        if self.saved == self.version() or (live and self.failed):
            snapshot = self.shard.snapshot()
            # A birth that this brought about is to be saved before it is shown.
            if self.saved == self.version() or live:
                self.shown = snapshot
        return self.shown


class Saver(Struct):
    """Saves the shards and shows what was saved. `do` runs a job in a thread of the saver's own."""

    clock: Clock
    do: Callable[[Callable[[], None]], Coroutine[Any, Any, None]]
    kept: list[Kept] = field(default_factory=list)
    saved_at: float = float("nan")
    degraded: bool = False
    _synced_at: float = float("-inf")
    _stale_scrapes: int = 0
    _exposed_at: float = float("-inf")
    _exposing: bool = False
    _saving: asyncio.Task[bool] | None = None
    _writing: asyncio.Task[None] | None = None

    def add(self, shard: Shard, file: StateFile) -> None:
        """Take a shard under care, as it was loaded: that much is saved, and may be shown."""
        self.kept.append(Kept(shard, file, shard.snapshot()))

    def remove(self, shard: Shard) -> None:
        """Let a shard go."""
        self.kept = [one for one in self.kept if one.shard is not shard]

    async def expose(self) -> Sequence[Snapshot]:
        """The series as a scrape may see them, saved where they are new."""
        if self._due():
            if self._under_way() and not self._exposing:
                await self._saved()  # it shows nothing
            if not self._under_way():
                self._exposing = True
                self._saving = asyncio.create_task(self._save(exposing=True))
            await self._saved()
        self._stale_scrapes = self._stale_scrapes + 1 if self.degraded else 0
        live, shown = self._stale_scrapes > STALE_SCRAPES, []
        for one in list(self.kept):
            shown.append(one.show(live=live))
            await asyncio.sleep(0)  # a turn of the loop for each, whoever else has something to do
        return shown

    async def save(self, *, sync: bool = False) -> bool:
        """Save what is new, whether or not anyone looks; whether all of it was saved."""
        while self._under_way():
            await self._saved()
        self._exposing = False
        self._saving = asyncio.create_task(self._save(exposing=False, sync=sync))
        return await self._saved()

    def _under_way(self) -> bool:
        return self._saving is not None and not self._saving.done()

    async def _saved(self) -> bool:
        """Wait for the save under way, or the one before; whether all of it was saved."""
        return self._saving is not None and await asyncio.shield(self._saving)

    def _due(self) -> bool:
        if self._under_way():
            return True  # join it
        recent = 0 <= self.clock.now() - self._exposed_at < APART_SECONDS
        return not recent and any(one.saved != one.version() for one in self.kept)

    async def _save(self, *, exposing: bool, sync: bool = False) -> bool:
        """Save every shard that changed; False, and degraded, where that cannot be done in time."""
        now = self.clock.now()
        sync = sync or not 0 <= now - self._synced_at < SYNC_SECONDS
        complaints: list[str] = []
        for one in self.kept:
            why = await self._try(one, exposing=exposing, sync=sync)
            one.failed = why is not None
            complaints += [why] if why else []
            await asyncio.sleep(0)  # one that is not written took a snapshot all the same
        if complaints and not self.degraded:
            log.error("%s; what is shown may be taken back by a restart", "; ".join(complaints))
        if self.degraded and not complaints:
            log.warning("the state is saved again")
        self.degraded = bool(complaints)
        if not complaints:
            self.saved_at = self.clock.now()
            self._exposed_at = self.saved_at if exposing else self._exposed_at
            self._synced_at = now if sync else self._synced_at
        return not complaints

    async def _try(self, one: Kept, *, exposing: bool, sync: bool) -> str | None:
        """Save one shard; why not, where it cannot be done."""
        if self._writing is not None and not self._writing.done():
            return f"{one.file.path}: the save before this one still hangs"
        try:
            await self._save_one(one, exposing=exposing, sync=sync)
        except TimeoutError:
            return f"{one.file.path}: a save took more than {PATIENCE_SECONDS:g} s"
        except StateError as error:
            return str(error)
        return None

    async def _save_one(self, one: Kept, *, exposing: bool, sync: bool) -> None:
        snapshot = one.shard.snapshot() if exposing else None
        version = one.version()
        if version != (one.synced if sync else one.saved):
            await self._write(one.file, one.shard.dump(), sync=sync)
            one.saved = version
            one.synced = version if sync else one.synced
        one.shown = snapshot or one.shown

    async def _write(self, file: StateFile, state: dict[str, Any], *, sync: bool) -> None:
        self._writing = asyncio.create_task(self.do(partial(file.save, state, sync=sync)))
        self._writing.add_done_callback(_heed)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.shield(self._writing)


def _heed(writing: asyncio.Task[None]) -> None:
    """Take what a write raised that nobody waits for any more."""
    if not writing.cancelled():
        writing.exception()


def take_up(
    make: Callable[[], Shard], file: StateFile, state: dict[str, Any] | None = None
) -> tuple[Shard, list[str]]:
    """A shard as it was left: from `state`, else from its file, else new; and what was wrong."""
    complaints: list[str] = []
    if state is None:
        state, complaints = file.load()
    shard = make()
    if state is None:
        return shard, complaints
    try:
        left = shard.load(state)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        complaints.append(f"{file.path}: holds another shape of state ({error!r}); ")
        complaints[-1] += f"{file.put_aside()}, starting afresh"
        return make(), complaints  # not the one that was loaded in part
    for name in left:
        complaints.append(f"{file.path}: {name} has changed its labels or buckets, starts again")
    return shard, complaints
