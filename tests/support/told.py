"""What sidewatch tells of an application whose database it asks, once everything was asked."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from exporter.app.assembly import assemble, declare, sources
from exporter.clock import WallClock
from exporter.config import parse
from exporter.model import Series
from exporter.pipeline import keep
from exporter.shard import Shard
from tests.support.asking import Asked, until
from tests.support.pg import Server

GRANTS = """
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema' LOOP
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO watcher', name);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO watcher', name);
  END LOOP;
END $$
"""

# A metric and its labels with their names.
One = tuple[str, tuple[tuple[str, str], ...]]


@dataclass
class Told(Asked):
    """An application by its configuration."""

    shard: Shard

    def all(self) -> dict[One, float]:
        """Every series that is shown of the application itself."""
        snapshot = self.shard.snapshot(final=True)
        return {
            _one(series, snapshot.constant): value
            for family, each in snapshot.layout
            if family.name.startswith("watched_")
            for series in each
            if not math.isnan(value := snapshot.values[series.index])
        }

    def tables(self, metric: str) -> dict[str, dict[str, float]]:
        """The values of a metric about rows, by entity, then by state (and window)."""
        found: dict[str, dict[str, float]] = {}
        for (entity, *rest), value in self.series(metric).items():
            state = " ".join(one for i, one in enumerate(rest) if i != 1)
            found.setdefault(entity, {})[state] = value
        return found

    async def answered(self) -> None:
        """Wait until each query that is for this database was answered, or is disabled."""
        await until(self._answered, "an answer to every query")

    def _answered(self) -> bool:
        asked, answers = (
            {name for (name,) in self.series(f"sidewatch_query_{each}_seconds")}
            for each in ("interval", "duration")
        )
        return bool(answers) and asked <= answers | self.disabled().keys()


def _one(series: Series, constant: tuple[tuple[str, str], ...]) -> One:
    labels = (*constant, *zip(series.family.labels, series.labels, strict=True))
    return series.family.name, labels


def grant(postgres: Server, database: str) -> None:
    """Let sidewatch's role read all that the database has now."""
    postgres.psql(GRANTS, database)


@asynccontextmanager
async def told(config: str, environ: Mapping[str, str] | None = None) -> AsyncIterator[Told]:
    """Ask the database of the one application of a configuration, until the block is left."""
    (plan,) = parse(config, Path("sidewatch.yaml"), environ or {}).apps
    clock = WallClock()
    shard = assemble(plan, clock)
    declare(shard, plan)
    tasks = [asyncio.create_task(keep(source, shard, clock)) for source in sources(plan)]
    try:
        yield Told(shard)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
