"""What goes on for ever beside the sources and changes no plan: saving, measuring, looking."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct

from exporter import maintenance, trial
from exporter.app.doubles import doubled
from exporter.app.house import House
from exporter.app.ticks import Ticks
from exporter.app.watched import Watched
from exporter.clock import Clock
from exporter.config import Plan
from exporter.errors import Complaint, StateError
from exporter.saving import Saver
from exporter.sources.worker import Worker
from exporter.trial import Trial

SAVE_INTERVAL = 10.0
NOTES_INTERVAL = 1.0  # somebody waits for a test alert
DOUBLES_INTERVAL = 60.0
LAG_INTERVAL = 1.0

log = logging.getLogger(__name__)


class Chores(Struct, frozen=True):
    """What they need; `plan` is asked anew each time, and `watched` is the map in use."""

    clock: Clock
    house: House
    saver: Saver
    writer: Worker
    watched: Mapping[str, Watched]
    plan: Callable[[], Plan]
    ticks: Ticks

    def all(self) -> list[Coroutine[Any, Any, None]]:
        """Each of them, to be kept alive."""
        return [
            self._save(),
            self._measure_loop(),
            self._take_notes(),
            self._look_for_doubles(),
        ]

    async def _save(self) -> None:
        while True:
            await asyncio.sleep(SAVE_INTERVAL)
            await self.saver.save()

    async def _measure_loop(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            rest = self.ticks.rest(LAG_INTERVAL)
            due = loop.time() + rest
            await asyncio.sleep(rest)
            self.house.loop_lag = max(0.0, loop.time() - due)

    async def _take_notes(self) -> None:
        """Take up the quiet windows and the test alert that an operator asks for, if any."""
        said = ""
        while True:
            noted = await self.writer.do(lambda: _noted(self.plan().state, self.clock.now()))
            if noted.wrong not in ("", said):
                log.warning("%s", noted.wrong)
            said = noted.wrong
            for app, one in self.watched.items():
                one.shard.quiet_until = noted.windows.get(app, -math.inf)
            self.house.tries(noted.trial)
            await self.ticks.wait(NOTES_INTERVAL)

    async def _look_for_doubles(self) -> None:
        """Tell of containers that have come since the start and are read both ways."""
        worker, said = Worker("doubles"), set[Complaint]()
        try:
            while True:
                await asyncio.sleep(DOUBLES_INTERVAL)
                try:
                    found = set(await worker.do(partial(doubled, self.plan())))
                except Exception:
                    log.exception("whether a log is read twice is not known")
                    continue
                for one in found - said:
                    log.error("%s", one)
                said = found
                self._tell_doubles({one.key for one in found})
        finally:
            worker.close()

    def _tell_doubles(self, keys: set[str]) -> None:
        for app in self.watched.values():
            for placed in app.plan.logs:
                if placed.key in keys:
                    app.shard.failed(placed.source.name, "twice")


class _Noted(Struct, frozen=True):
    """Until when who is worked on, and which test alert is to be shown; `wrong` opens no window."""

    windows: Mapping[str, float]
    trial: Trial | None
    wrong: str


def _noted(folder: Path, now: float) -> _Noted:
    """All that is asked for, in one go off the loop. A broken file asks for nothing."""
    windows, asked, wrong = dict[str, float](), None, ""
    try:
        windows = maintenance.read(folder, now)
    except StateError as error:
        wrong = str(error)
    with suppress(StateError):  # the command, which has just written it, says what is wrong
        asked = trial.read(folder)
    return _Noted(windows, asked, wrong)
