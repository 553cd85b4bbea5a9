"""One application at work."""

from __future__ import annotations

import asyncio

from msgspec import Struct

from exporter.app.forwarding import Forwarding
from exporter.config import AppPlan
from exporter.shard import Shard


class Watched(Struct):
    """Its plan, its shard, the tasks that keep its sources going, and its ways to elsewhere."""

    plan: AppPlan
    shard: Shard
    tasks: list[asyncio.Task[None]]
    forwarding: Forwarding

    async def stop(self) -> None:
        """End its sources; the shard stays as it is."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.forwarding.stop()
