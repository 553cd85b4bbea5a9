"""One application's database being asked in this process, as the pipeline does it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any

from exporter.app.assembly import assemble, declare, sources
from exporter.clock import WallClock
from exporter.config import AppPlan, parse
from exporter.pipeline import keep
from exporter.shard import Shard
from tests.support.parting import part

CONFIG = """\
apps:
  - name: shop
    metrics:
      shop_orders: {{type: gauge, help: Orders., labels: [state]}}
      shop_carts: {{type: gauge, help: Carts.}}
      shop_stock: {{type: gauge, help: Things in stock.}}
      shop_sales_total: {{type: counter, help: Sales.}}
{part}
"""


@dataclass
class Asked:
    """What is known of the application."""

    shard: Shard

    def value(self, metric: str, *labels: str) -> float | None:
        """The live value of a series; None where it is unknown."""
        value = self.shard.registry.value(metric, labels)
        return None if value is None or math.isnan(value) else value

    def series(self, metric: str) -> dict[tuple[str, ...], float]:
        """All series of a metric that are shown."""
        snapshot = self.shard.snapshot(final=True)
        return {
            one.labels: snapshot.values[one.index]
            for family, each in snapshot.layout
            if family.name == metric
            for one in each
            if not math.isnan(snapshot.values[one.index])
        }

    def failures(self) -> dict[str, float]:
        """The failures of the source by reason."""
        found = self.series("sidewatch_source_failures_total")
        return {reason: value for (_, reason), value in found.items()}

    def disabled(self) -> dict[str, str]:
        """The queries that are switched off, with the reason."""
        return dict(self.series("sidewatch_query_disabled").keys())  # type: ignore[arg-type]


@asynccontextmanager
async def asked(postgres: str, folder: Path = Path()) -> AsyncIterator[Asked]:
    """Ask a database, whose settings are the YAML `postgres`, until the block is left."""
    async with watched(f"postgres:\n{indent(postgres, '  ')}", folder) as one:
        yield one


@asynccontextmanager
async def watched(
    part: str, folder: Path = Path(), state: dict[str, Any] | None = None
) -> AsyncIterator[Asked]:
    """The same with any `part` of an application's settings."""
    text = CONFIG.format(part=indent(part, " " * 4))
    (plan,) = parse(text, folder / "sidewatch.yaml", {}).apps
    async with at_work(plan, state) as one:
        yield one


@asynccontextmanager
async def at_work(plan: AppPlan, state: dict[str, Any] | None = None) -> AsyncIterator[Asked]:
    """An application's sources at work; `state` is what an earlier shard has dumped."""
    clock = WallClock()
    shard = assemble(plan, clock)
    if state is not None:
        shard.load(state)
    declare(shard, plan)
    tasks = [asyncio.create_task(keep(source, shard, clock)) for source in sources(plan)]
    try:
        yield Asked(shard)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await part()


async def until(true: Callable[[], bool], what: str, within: float = 40.0) -> None:
    """Wait for something, letting the sources work."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while not true():
        assert loop.time() < deadline, f"waited {within:g} s in vain for {what}"
        await asyncio.sleep(0.05)
