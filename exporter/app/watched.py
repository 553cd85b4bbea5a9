"""One application at work."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from exporter.config import AppPlan
from exporter.shard import Shard


@dataclass(slots=True)
class Watched:
    """Its plan, its shard, and the tasks that keep its sources going."""

    plan: AppPlan
    shard: Shard
    tasks: list[asyncio.Task[None]]

    async def stop(self) -> None:
        """End its sources; the shard stays as it is."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
