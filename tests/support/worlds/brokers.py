"""An application's broker: a real RabbitMQ, through which a real Celery works. Of a signal's file:

worker   `gone`: killed; `busy`: it has a task that takes very long, and others go on to come
queue    `gone`: deleted
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.bakery import bakery
from tests.support.parts import Parts
from tests.support.queues import Application
from tests.support.rabbitmq import PASSWORD, USER, Vhost
from tests.support.rabbitmq import Server as Rabbit
from tests.support.told import Told
from tests.support.worlds.world import Given, Happening

QUEUE = "celery"  # tripl's


@dataclass
class Broker:
    """A vhost and who works on its queue. Of `waiting` tasks nobody has taken any."""

    vhost: Vhost
    celery: Application
    part: Mapping[str, Any]
    worker: ExitStack = field(default_factory=ExitStack)
    working: bool = False
    harmed: bool = False
    waiting: int = 0

    def settings(self) -> Mapping[str, Any]:
        """Where it tells of itself."""
        base = {"url": self.vhost.server.url, "auth": {"user": USER, "password": PASSWORD}}
        broker = {"rabbitmq": base, "vhost": self.vhost.name, "interval": "5s"}
        return {"brokers": {"rabbitmq": broker}}

    def course(self) -> Sequence[Happening]:
        """Its fault."""
        return [(0, self._harm)]

    def looked(self, one: Told) -> bool:
        """Whether it has told of as many tasks and workers as there are, and answers."""
        answers = one.value("watched_probe_success", "rabbitmq", "dependency")
        ready = one.value("watched_queue_jobs", QUEUE, "ready")
        consumers = one.value("watched_queue_consumers", QUEUE)
        return (answers, ready, consumers) == (1, self.waiting, float(self.working))

    @property
    def goes_on(self) -> int:
        """Whether tasks come that nobody takes."""
        return int(self.harmed and self.part.get("worker") == "busy")

    async def go_on(self) -> None:
        """Let those of another minute come."""
        before = self.waiting
        self.waiting = await asyncio.to_thread(self.celery.call, "send")
        assert self.waiting > before

    def work(self) -> None:
        """Have a few tasks, of which the last takes very long, and a worker that takes them all."""
        self.celery.call("send")
        self.worker.enter_context(self.celery.working())
        self.working = True

    def rest(self) -> None:
        """Kill the worker."""
        self.worker.close()
        self.working = False

    async def _harm(self) -> None:
        if self.part.get("worker") == "gone":
            await asyncio.to_thread(self.rest)
            self.waiting = 1  # what it had begun
        if self.part.get("queue") == "gone":
            await asyncio.to_thread(self.vhost.delete, QUEUE)
            self.waiting = 0
        self.harmed = True


@asynccontextmanager
async def standing(given: Given) -> AsyncIterator[Broker]:
    """A broker whose queue is worked on."""
    parts: Parts
    rabbit: Rabbit
    parts, rabbit = given.server
    vhost = await asyncio.to_thread(rabbit.vhost)
    celery = bakery(parts, vhost.amqp, given.folder, queue=QUEUE)
    world = Broker(vhost, celery, given.part)
    try:
        await asyncio.to_thread(world.work)
        yield world
    finally:
        await asyncio.to_thread(world.rest)
