"""What sidewatch tells of an application whose database it asks, once everything was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from exporter.config import parse
from tests.support.asking import Asked, at_work, until
from tests.support.pg import Server

GRANTS = """
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema' LOOP
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO watcher', name);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO watcher', name);
  END LOOP;
END $$
"""


class Told(Asked):
    """An application by its configuration."""

    def tables(self, metric: str) -> dict[str, dict[str, float]]:
        """The values of a metric about rows, by entity, then by state (and window)."""
        found: dict[str, dict[str, float]] = {}
        for (entity, *rest), value in self.series(metric).items():
            state = " ".join(one for i, one in enumerate(rest) if i != 1)
            found.setdefault(entity, {})[state] = value
        return found

    async def answered(self) -> None:
        """Wait until each query that is for this database was answered, or is disabled."""
        await until(self.has_answered, "an answer to every query")

    def has_answered(self) -> bool:
        """Whether each was."""
        asked, answers = (
            {name for (name,) in self.series(f"sidewatch_query_{each}_seconds")}
            for each in ("interval", "duration")
        )
        return bool(answers) and asked <= answers | self.disabled().keys()


def grant(postgres: Server, database: str) -> None:
    """Let sidewatch's role read all that the database has now."""
    postgres.psql(GRANTS, database)


@asynccontextmanager
async def told(
    config: str,
    environ: Mapping[str, str] | None = None,
    state: dict[str, Any] | None = None,
) -> AsyncIterator[Told]:
    """The one application of a configuration, watched until the block is left.

    `state` is what an earlier shard has dumped.
    """
    (plan,) = parse(config, Path("sidewatch.yaml"), environ or {}).apps
    async with at_work(plan, state) as one:
        yield Told(one.shard)
