"""Saved before shown: what a scrape sees has been saved, so that no restart takes it back.

A scrape that finds newer data saves it first, at most once a second, and joins a save in flight.
A disk that is full, read-only or hung never hangs a scrape: for three scrapes the last saved
series are shown, then the live ones, and `sidewatch_state_degraded` says that the promise rests.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

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


@dataclass(slots=True)
class Kept:
    """A shard, its file, and what of it was last saved."""

    shard: Shard
    file: StateFile
    saved: tuple[int, int] = (-1, -1)
    synced: tuple[int, int] = (-1, -1)
    shown: Snapshot | None = None

    def version(self) -> tuple[int, int]:
        """Changes whenever there is something new to save."""
        return self.shard.version, self.shard.registry.births


@dataclass(slots=True)
class Saver:
    """Saves the shards and shows what was saved. `executor` has one thread, for nothing else."""

    clock: Clock
    executor: Executor
    kept: list[Kept] = field(default_factory=list)
    degraded: bool = False
    saved_at: float = float("nan")
    _synced_at: float = float("-inf")
    _stale_scrapes: int = 0
    _saving: asyncio.Task[bool] | None = None
    _writing: asyncio.Future[None] | None = None

    def add(self, shard: Shard, file: StateFile) -> None:
        """Take a shard under care; what it was loaded from counts as saved only after a save."""
        self.kept.append(Kept(shard, file))

    def remove(self, shard: Shard) -> None:
        """Let a shard go."""
        self.kept = [one for one in self.kept if one.shard is not shard]

    async def expose(self) -> Sequence[Snapshot]:
        """The series as a scrape may see them, saved where they are new."""
        if self._due():
            if self._saving is None or self._saving.done():
                self._saving = asyncio.ensure_future(self._save(exposing=True))
            await asyncio.shield(self._saving)
        self._stale_scrapes = self._stale_scrapes + 1 if self.degraded else 0
        if self._stale_scrapes > STALE_SCRAPES:
            return [one.shard.snapshot() for one in self.kept]
        return [self._show(one) for one in self.kept]

    async def save(self, *, sync: bool = False) -> bool:
        """Save what is new, whether or not anyone looks; whether all of it was saved."""
        while self._saving is not None and not self._saving.done():
            await asyncio.shield(self._saving)
        self._saving = asyncio.ensure_future(self._save(exposing=False, sync=sync))
        return await asyncio.shield(self._saving)

    def _due(self) -> bool:
        if self._saving is not None and not self._saving.done():
            return True  # join it
        recent = 0 <= self.clock.now() - self.saved_at < APART_SECONDS
        return any(one.shown is None for one in self.kept) or (not recent and self._changed())

    def _changed(self) -> bool:
        return any(one.saved != one.version() for one in self.kept)

    def _show(self, one: Kept) -> Snapshot:
        """What was last saved; taken anew where nothing has changed but the time."""
        if one.saved == one.version() or one.shown is None:
            one.shown = one.shard.snapshot()
        return one.shown

    async def _save(self, *, exposing: bool, sync: bool = False) -> bool:
        """Save every shard that changed; False, and degraded, where that cannot be done in time."""
        now = self.clock.now()
        sync = sync or now - self._synced_at >= SYNC_SECONDS
        if self._writing is not None and not self._writing.done():
            return self._fail("the save before this one still hangs")
        try:
            for one in self.kept:
                await self._save_one(one, exposing=exposing, sync=sync)
        except TimeoutError:
            return self._fail(f"a save took more than {PATIENCE_SECONDS:g} s")
        except StateError as error:
            return self._fail(str(error))
        if sync:
            self._synced_at = now
        if self.degraded:
            log.warning("the state is saved again")
        self.degraded = False
        self.saved_at = self.clock.now()
        return True

    async def _save_one(self, one: Kept, *, exposing: bool, sync: bool) -> None:
        snapshot = one.shard.snapshot() if exposing else None
        version = one.version()
        if version == (one.synced if sync else one.saved):
            one.shown = snapshot or one.shown
            return
        state = one.shard.dump()
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(self.executor, _write, one.file, state, sync)
        await asyncio.wait_for(asyncio.shield(self._writing), PATIENCE_SECONDS)
        one.saved = version
        if sync:
            one.synced = version
        if snapshot is not None:
            one.shown = snapshot

    def _fail(self, why: str) -> bool:
        if not self.degraded:
            log.error("%s; what is shown may be taken back by a restart", why)
        self.degraded = True
        return False


def _write(file: StateFile, state: dict[str, object], sync: bool) -> None:  # noqa: FBT001 - executors take no keywords
    file.save(state, sync=sync)


def loaded(shard: Shard, file: StateFile) -> Iterable[str]:
    """Take up the saved state of a shard before its sources open; what was wrong, as sentences."""
    state, complaints = file.load()
    yield from complaints
    if state is None:
        return
    try:
        left = shard.load(state)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        yield f"{file.path}: holds another shape of state ({error!r}); starting afresh"
        return
    for name in left:
        yield f"{file.path}: {name} has changed its labels or buckets and starts again"
