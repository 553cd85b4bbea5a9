"""The way of an application's logs to one destination, at work.

It reads for itself, from where it was acknowledged, keeps its positions in a file of its own, and
fails alone.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from exporter.app.outlets import Outlets
from exporter.app.tasks import begun
from exporter.clock import Clock
from exporter.config import AppPlan
from exporter.errors import StateError
from exporter.forward.choosing import Chooser
from exporter.forward.delivery import Delivery
from exporter.forward.forwarder import Forwarder
from exporter.forward.intake import Intake
from exporter.forward.pace import Pace
from exporter.forward.settings import Way
from exporter.forward.telling import Telling
from exporter.pipeline import keep
from exporter.registry import Registry
from exporter.sources import ONCE, LogSource, from_beginning
from exporter.state import StateFile

SAVE_SECONDS = 1.0
SYNC_SECONDS = 10.0
GRACE_SECONDS = 2.0  # what is under way at the end has so long to be acknowledged

log = logging.getLogger(__name__)

Do = Callable[[Callable[[], None]], Coroutine[Any, Any, None]]


class Outbound(Struct):
    """The way to one destination, at work. `do` runs what may hang, off the loop."""

    concurrency: int
    forwarder: Forwarder
    file: StateFile
    do: Do
    _readers: list[asyncio.Task[None]] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _saved: int = -1
    _synced_at: float = -math.inf
    _said: str = ""

    def start(self, sources: Sequence[LogSource], clock: Clock) -> None:
        """Read, make and send; what comes once is not read here, but handed over."""
        intake, delivery = self.forwarder.intake, self.forwarder.delivery
        readers = [keep(one, intake, clock) for one in sources if not isinstance(one, ONCE)]
        work = [delivery.run() for _ in range(self.concurrency)]
        work += [self.forwarder.make(), self.forwarder.flush(), self._save_for_ever()]
        self._readers = [begun(one, delivery.name) for one in readers]
        self._tasks = [begun(one, delivery.name) for one in work]

    async def stop(self) -> None:
        """End the reading, give what is under way a little time, and save how far it came."""
        await _cancel(self._readers)
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                await self.forwarder.drain()
        await _cancel(self._tasks)
        await self.forwarder.delivery.sender.close()
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                await self._save(sync=True)
        except TimeoutError:
            log.warning("%s: a save hangs; some records will be sent again", self.file.path)

    async def _save_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            sync = loop.time() - self._synced_at >= SYNC_SECONDS
            if await self._save(sync=sync) and sync:
                self._synced_at = loop.time()

    async def _save(self, *, sync: bool) -> bool:
        """Save the positions, where they have moved; whether that was done."""
        intake = self.forwarder.intake
        if intake.changed == self._saved:
            return False
        changed, state = intake.changed, {"streams": intake.dump()}
        try:
            await self.do(partial(self.file.save, state, sync=sync))
        except StateError as error:
            if str(error) != self._said:
                log.warning("%s; after a restart, records will be sent again", error)
            self._said = str(error)
            return False
        self._saved, self._said = changed, ""
        return True


def begin(
    plan: AppPlan,
    way: Way,
    registry: Registry,
    clock: Clock,
    folder: Path,
    do: Do,
    outlets: Outlets,
) -> Outbound:
    """Go on from where the destination has acknowledged; `registry` is what it tells itself in."""
    sources = [placed.source for placed in plan.logs]
    file = StateFile(folder, f"{plan.name}+{way.destination.name}")
    telling = Telling(registry, clock, way.destination.name)
    telling.declare([one.name for one in sources], way.destination.lag_objective)
    forwarder = _forwarder(plan, way, telling, outlets)
    whole = _take_up(forwarder.intake, file)
    forwarder.intake.inherit(sources)
    one = Outbound(way.destination.concurrency, forwarder, file, do)
    one.start(sources if whole else [from_beginning(each) for each in sources], clock)
    return one


def _forwarder(plan: AppPlan, way: Way, telling: Telling, outlets: Outlets) -> Forwarder:
    """Everything between the sources of an application and one destination."""
    to, clock = way.destination, telling.clock
    name = f"{plan.name} to {to.name}"
    intake = Intake(name, clock, to.window, telling.lost)
    delivery = Delivery(
        name,
        outlets.connect(plan, way, clock),
        Pace(asyncio.get_running_loop().time),
        to.batch,
        telling,
        intake.acknowledged,
        outlets.sample,
    )
    chooser = Chooser(way.selection)
    return Forwarder(intake, delivery, chooser, clock, outlets.assembling(plan, way, telling))


def _take_up(intake: Intake, file: StateFile) -> bool:
    """Go on from the saved positions; whether none were spoiled. There may be none at all.

    Nobody knows what was acknowledged where they were: to begin at the end would leave out what was
    not, and tell nobody.
    """
    state, complaints = file.load()
    spoiled = state is None and bool(complaints)
    try:
        intake.load(state["streams"] if state else ())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        complaints.append(f"{file.path}: holds another shape of state ({error!r})")
        complaints.append(f"{file.put_aside()}, starting afresh")
        spoiled = True
    if spoiled:
        complaints.append(f"{intake.app}: all that the logs hold is sent, and some of it again")
    for complaint in complaints:
        log.warning("%s", complaint)
    return not spoiled


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
