"""Keeps one source going: isolation, back-off and self-metrics, written once for every kind."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from exporter.clock import Clock
from exporter.errors import SourceError

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
HEALTHY_SECONDS = 60.0  # a source that ran this long starts its back-off anew

log = logging.getLogger(__name__)


class Host(Protocol):
    """What sources are run for: an application's shard, or its way to a destination."""

    @property
    def app(self) -> str:
        """The application."""

    def source_state(self, source: str, *, up: bool, failure: str | None = None) -> None:
        """Note that a source runs, or why it does not."""


class Source(Protocol):
    """A source of lines or of values, as far as keeping it going has to know it.

    A source of lines asks for a `Sink`, the others for a `Board`; the host has to be that as well.
    """

    @property
    def name(self) -> str:
        """The label `source`."""

    @property
    def finite(self) -> bool:
        """Whether it can come to its end."""

    async def run(self, host: Any, clock: Clock, /) -> None:
        """Work until cancelled. Raises SourceError."""


async def keep(
    source: Source,
    host: Host,
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
        host.source_state(source.name, up=True)
        try:
            await source.run(host, clock)
        except asyncio.CancelledError:
            raise
        except SourceError as error:
            reason, text = error.reason, str(error)
        except Exception as error:
            reason, text = "unexpected", repr(error)
            log.debug("%s: %s", source.name, text, exc_info=error)
        else:
            if source.finite:
                host.source_state(source.name, up=False)
                log.info("%s: %s is at its end", host.app, source.name)
                return
            reason, text = "ended", "ended unasked"
        host.source_state(source.name, up=False, failure=reason)
        if clock.now() - began >= HEALTHY_SECONDS:
            pause = FIRST_PAUSE_SECONDS
        log.warning("%s: %s: %s; again in %.0f s", host.app, source.name, text, pause)
        await sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter is no secret
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
