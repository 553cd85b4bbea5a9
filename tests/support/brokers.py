"""Brokers in this process: asked once and looked at, or kept going as the pipeline does it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import indent

from exporter.clock import Clock, WallClock
from exporter.config import parse
from exporter.config.profiles import AppPlan
from exporter.sources.probes.examine import ask_once
from exporter.sources.probes.resolver import Resolver, system_lookup
from exporter.sources.probes.verdict import Result
from tests.support.asking import Asked, at_work
from tests.support.parting import part

CONFIG = """\
apps:
  - name: shop
    heartbeats: {{oven: 60s, clock: 60s}}
    brokers:
{brokers}
"""
CONSUMERS = "watched_queue_consumers"
START = "watched_broker_start_timestamp_seconds"


def plan_of(brokers: str, folder: Path = Path(), more: str = "") -> AppPlan:
    """The plan of an application whose `brokers:` are this YAML; `more` is the rest of it."""
    text = CONFIG.format(brokers=indent(brokers, " " * 6)) + indent(more, " " * 4)
    return parse(text, folder / "sidewatch.yaml", {}).apps[0]


async def once(
    brokers: str, folder: Path = Path(), *, clock: Clock | None = None
) -> dict[str, Result]:
    """What each broker of this YAML tells when it is asked once, all at the same time."""
    plan = plan_of(brokers, folder)
    assert plan.brokers is not None
    checks = plan.brokers.checks
    results = await ask_once(checks, clock or WallClock(), Resolver(system_lookup))
    await part()
    return dict(zip((check.name for check in checks), results, strict=True))


async def failure(brokers: str, folder: Path = Path()) -> tuple[str, str] | None:
    """Why the one broker of this YAML fails, in a word and in a sentence."""
    (result,) = (await once(brokers, folder)).values()
    return None if result.failure is None else (result.failure.reason, str(result.failure))


def told(result: Result) -> dict[tuple[str, ...], float]:
    """The values that were read: by metric, without its prefix, and label values."""
    return {
        (point.metric.removeprefix("watched_"), *point.labels.values()): point.value
        for point in result.points or ()
    }


def lengths(result: Result) -> Mapping[str, float]:
    """How many messages of each queue are ready."""
    return {
        key[1]: value
        for key, value in told(result).items()
        if key[0] == "queue_jobs" and key[2] == "ready"
    }


@asynccontextmanager
async def watched(brokers: str, folder: Path = Path()) -> AsyncIterator[Asked]:
    """Ask until the block is left."""
    async with at_work(plan_of(brokers, folder)) as one:
        yield one
