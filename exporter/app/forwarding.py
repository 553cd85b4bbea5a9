"""An application's logs on their way to destinations: the sources once more, with doors of its own.

Nothing here touches the shard.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from exporter.app.outlets import Outlets
from exporter.clock import Clock
from exporter.config import AppPlan
from exporter.model import Snapshot
from exporter.pipeline import Host
from exporter.registry import Registry
from exporter.shard import Shard
from exporter.sources import ONCE, AskingSource, LogSource

if TYPE_CHECKING:
    from exporter.app.outbound import Do, Outbound


class Forwarding(Struct):
    """All the ways of one application, and what they tell of themselves."""

    registry: Registry
    clock: Clock
    sources: tuple[str, ...]
    ways: list[Outbound]

    @classmethod
    def begin(
        cls, plan: AppPlan, clock: Clock, folder: Path, do: Do, outlets: Outlets
    ) -> Forwarding:
        """Go on from where each destination has acknowledged."""
        registry = Registry((("app", plan.name), *sorted(plan.labels.items())))
        names = tuple(placed.source.name for placed in plan.logs)
        return cls(registry, clock, names, _ways(plan, registry, clock, folder, do, outlets))

    def host(self, source: LogSource | AskingSource, shard: Shard) -> Host:
        """What a source is run for beside this: the shard; of what comes once, all of us."""
        if not isinstance(source, ONCE) or not self.ways:
            return shard
        from exporter.forward.tee import Tee  # noqa: PLC0415 - as in _ways

        return Tee(shard, [way.forwarder.intake for way in self.ways])

    def snapshot(self) -> Snapshot:
        """What it tells now."""
        for way in self.ways:
            way.forwarder.delivery.telling.lag(self.sources, way.forwarder.intake.live())
        return self.registry.snapshot(self.clock.now())

    async def stop(self) -> None:
        """End, all at once."""
        await asyncio.gather(*(way.stop() for way in self.ways))


def _ways(
    plan: AppPlan, registry: Registry, clock: Clock, folder: Path, do: Do, outlets: Outlets
) -> list[Outbound]:
    if not plan.forward:
        return []
    # Here, because who forwards nothing should not carry what does.
    from exporter.app.outbound import begin  # noqa: PLC0415

    return [begin(plan, way, registry, clock, folder, do, outlets) for way in plan.forward]
