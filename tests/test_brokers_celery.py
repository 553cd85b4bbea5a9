"""A real Celery on both brokers: its queues, and worker and beat by what they do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests.support.asking import Asked, until
from tests.support.bakery import bakery
from tests.support.brokers import CONSUMERS, watched
from tests.support.parts import Parts
from tests.support.process import running
from tests.support.rabbitmq import Server
from tests.support.redis import redis

HEARTBEAT = "watched_heartbeat_timestamp_seconds"


def jobs(seen: Asked, state: str) -> float | None:
    """How many tasks of the queue are in this state."""
    return seen.value("watched_queue_jobs", "buns", state)


def beat(seen: Asked, name: str) -> float:
    """When this heartbeat was last felt; long ago where it never was."""
    return seen.value(HEARTBEAT, name) or 0.0


async def slowly(true: Callable[[], bool], what: str) -> None:
    """Wait for Celery, which takes seconds to start where it has a core to itself.

    What a broker tells of its queues and of what was published is not of the same moment.
    """
    await until(true, what, within=90)


async def test_on_rabbitmq(rabbit: Server, parts: Parts, tmp_path: Path) -> None:
    vhost = rabbit.vhost()
    shop = bakery(parts, vhost.amqp, tmp_path)
    words = "queues: [buns], interval: 1s, heartbeats: {clock: published, oven: taken}"
    settings = f"rabbit: {{rabbitmq: {rabbit.base}, vhost: '{vhost.name}', {words}}}"
    async with watched(settings) as seen:
        await slowly(lambda: seen.value(CONSUMERS, "buns") == 0, "that nobody is there yet")
        started = seen.series(HEARTBEAT)
        sent = await asyncio.to_thread(shop.call, "send")
        await slowly(lambda: jobs(seen, "ready") == sent, "what Celery counts")
        await slowly(lambda: beat(seen, "clock") > started["clock",], "who has sent them")
        assert beat(seen, "oven") == started["oven",]
        with shop.working():
            await slowly(lambda: seen.value(CONSUMERS, "buns") == 1, "a worker")
            await slowly(lambda: jobs(seen, "ready") == 0, "the long task's turn")
            await slowly(lambda: jobs(seen, "running") == 1, "the others' end")
            await slowly(lambda: beat(seen, "oven") > started["oven",], "who has taken them")
        await slowly(lambda: seen.value(CONSUMERS, "buns") == 0, "the worker's end")
        await slowly(lambda: jobs(seen, "ready") == 1, "its task to wait again")


async def test_beat_is_seen_by_what_it_sends(rabbit: Server, parts: Parts, tmp_path: Path) -> None:
    vhost = rabbit.vhost()
    vhost.declare("buns")
    shop = bakery(parts, vhost.amqp, tmp_path)
    settings = f"rabbit: {{rabbitmq: {rabbit.base}, vhost: '{vhost.name}', queues: [buns]"
    async with watched(f"{settings}, interval: 1s, heartbeats: {{clock: published}}}}") as seen:
        await until(lambda: bool(seen.series(HEARTBEAT)), "the first look")
        before = beat(seen, "clock")
        with running([*shop.command, "tick"], tmp_path / "log", lambda: True, env=shop.environment):
            await slowly(lambda: beat(seen, "clock") > before, "a tick")


async def test_on_redis_with_its_priorities(parts: Parts, tmp_path: Path) -> None:
    with redis(parts.need("redis-server"), tmp_path / "redis") as port:
        shop = bakery(parts, f"redis://127.0.0.1:{port}/2", tmp_path)
        words = f"{{address: '127.0.0.1:{port}', database: 2}}"
        async with watched(f"cache: {{redis: {words}, queues: [buns], interval: 1s}}") as seen:
            await slowly(lambda: jobs(seen, "ready") == 0, "an empty queue")
            sent = await asyncio.to_thread(shop.call, "send")
            await slowly(lambda: jobs(seen, "ready") == sent, "what Celery counts")
            with shop.working():
                await slowly(lambda: jobs(seen, "ready") == 0, "the work")
