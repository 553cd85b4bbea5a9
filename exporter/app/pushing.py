"""What pushes metrics for as long as sidewatch runs, to where the plan in use says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from exporter.app.house import House
from exporter.app.ticks import Ticks
from exporter.clock import Clock
from exporter.forward.push import Push, Pusher, PushError
from exporter.model import Snapshot
from exporter.sources.worker import Worker

LOOK_INTERVAL = 1.0  # at what the plan says by now

log = logging.getLogger(__name__)


async def push_for_ever(
    settings: Callable[[], Push | None],
    expose: Callable[[], Awaitable[Sequence[Snapshot]]],
    house: House,
    clock: Clock,
    ticks: Ticks,
) -> None:
    """Push what a scrape would show, now and at each interval; `settings` is asked anew."""
    while True:
        if (wanted := settings()) is not None:
            worker = Worker("push")
            pusher = Pusher(wanted, worker.do)
            try:
                await _push_while(pusher, lambda: settings() == wanted, expose, house, clock)
            finally:
                pusher.close()
                worker.close()
                house.pushed(None)
        await ticks.wait(LOOK_INTERVAL)


async def _push_while(
    pusher: Pusher,
    holds: Callable[[], bool],
    expose: Callable[[], Awaitable[Sequence[Snapshot]]],
    house: House,
    clock: Clock,
) -> None:
    """Push for as long as it holds. What goes wrong is told once, until it goes well again."""
    loop, said = asyncio.get_running_loop(), ""
    due = loop.time()
    while holds():
        if loop.time() < due:
            await asyncio.sleep(min(LOOK_INTERVAL, due - loop.time()))
            continue
        due = max(due + pusher.settings.pause(), loop.time())  # one that took long is not made up
        try:
            await pusher.push(await expose(), clock.now())
        except PushError as error:
            house.pushed(error.reason)
            if str(error) != said:
                log.warning("push: %s", error)
            said = str(error)
        except Exception:
            house.pushed("unexpected")
            log.exception("push: failed; the next is tried as usual")
        else:
            house.pushed("")
            if said:
                log.info("push: it takes metrics again")
            said = ""
