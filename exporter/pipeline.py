"""Keeps one source going: isolation, back-off and self-metrics, written once for every kind."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from exporter.clock import Clock
from exporter.errors import SourceError
from exporter.shard import Shard
from exporter.sources import AskingSource, LogSource

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
HEALTHY_SECONDS = 60.0  # a source that ran this long starts its back-off anew

log = logging.getLogger(__name__)


async def keep(
    source: LogSource | AskingSource,
    shard: Shard,
    clock: Clock,
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Run a source until it is cancelled, or until one that can end is at its end.

    Whatever it raises is counted, said once, and tried again after a doubling, jittered pause.
    """
    pause = FIRST_PAUSE_SECONDS
    while True:
        began = clock.now()
        shard.source_state(source.name, up=True)
        try:
            await source.run(shard, clock)
        except asyncio.CancelledError:
            raise
        except SourceError as error:
            reason, text = error.reason, str(error)
        except Exception as error:
            reason, text = "unexpected", repr(error)
            log.debug("%s: %s", source.name, text, exc_info=error)
        else:
            if source.finite:
                shard.source_state(source.name, up=False)
                log.info("%s: %s is at its end", shard.app, source.name)
                return
            reason, text = "ended", "ended unasked"
        shard.source_state(source.name, up=False, failure=reason)
        if clock.now() - began >= HEALTHY_SECONDS:
            pause = FIRST_PAUSE_SECONDS
        log.warning("%s: %s: %s; again in %.0f s", shard.app, source.name, text, pause)
        await sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter is no secret
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
