"""Containers' logs through the Engine's API: their settings, and the way into what reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from exporter.clock import Clock
from exporter.model import Duration, Sink
from exporter.sources.docker.settings import Selection


class Docker(Struct, frozen=True):
    """Containers' logs: `docker: {project: shop}`.

    Without `service` it is compose's, else the container's name. `from`: containers that exist at
    the very first look are read from their end, or from their beginning. `poll` is how often the
    containers are listed where the daemon's events do not tell.
    """

    docker: Selection
    service: str | None = None
    from_: Literal["end", "beginning"] = "end"
    poll: Duration = 5.0

    def __post_init__(self) -> None:
        if not 1 <= self.poll <= 300:
            raise ValueError("poll: from 1s to 5m")

    @property
    def name(self) -> str:
        """The label `source`."""
        return f"docker:{self.docker.name}"

    @property
    def finite(self) -> bool:
        """Containers never end."""
        return False

    @property
    def interval(self) -> float:
        """How often they are listed, at the least."""
        return self.poll

    async def run(self, sink: Sink, clock: Clock) -> None:
        """Feed the sink until cancelled. Raises SourceError."""
        from exporter.sources.docker.engine import Engine
        from exporter.sources.docker.fleet import SEARCHES, Fleet
        from exporter.sources.docker.follow import Shared

        async with Engine(self.docker.url, self.docker.tls) as engine:
            gate, stirred = asyncio.Semaphore(SEARCHES), asyncio.Event()
            shared = Shared(self.name, sink, clock, engine, stirred, gate)
            await Fleet(shared, self.docker, self.service, self.from_, self.poll).run()


async def labels_of_all(selection: Selection) -> list[Mapping[str, str]]:
    """The labels of each container that is selected. Raises SourceError."""
    from exporter.sources.docker.engine import Engine

    async with Engine(selection.url, selection.tls) as engine:
        return [one.labels for one in await engine.containers(selection)]
