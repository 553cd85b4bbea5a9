"""Each fault that a broker tells of, told by a broker that is as it says, and held to the rules.

What sidewatch makes of the answers goes into a real promtool with the rules as they are shipped:
while all is well no alert fires, and with the fault those that docs/signals.md promises. That a
real RabbitMQ answers so is shown in tests/test_brokers_rabbitmq.py; tr-broker-queue is brought
about on one, with a real Celery, as tripl has it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.asking import until
from tests.support.bakery import bakery
from tests.support.parts import Parts
from tests.support.probing import Server, head, http, serving
from tests.support.proof import Alert, check
from tests.support.rabbitmq import PASSWORD, USER
from tests.support.rabbitmq import Server as Broker
from tests.support.told import One, Told, told

ROOT = Path(__file__).parents[1]
START = "watched_broker_start_timestamp_seconds"
READY = "watched_queue_jobs"
NODE = {"running": True, "uptime": 90_000_000, "mem_alarm": False, "disk_free_alarm": False}


def rabbitmq(queues: Sequence[dict[str, Any]], node: dict[str, Any]) -> Server:
    """A management API that tells of these queues and this node."""

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await head(reader)
        answer = [node] if "/api/nodes" in asked else {"page_count": 1, "items": queues}
        writer.write(http(json.dumps(answer)))
        await writer.drain()
        await reader.read()

    return server


def celery(ready: int, consumers: int) -> dict[str, Any]:
    """Tripl's queue."""
    return {
        "name": "celery",
        "state": "running",
        "messages_ready": ready,
        "messages_unacknowledged": 0,
        "consumers": consumers,
    }


async def seen(queues: Sequence[dict[str, Any]], **node: Any) -> dict[One, float]:
    """What sidewatch tells of a tripl whose RabbitMQ answers so."""
    async with serving(rabbitmq(queues, {**NODE, **node})) as port:
        brokers = {"rabbitmq": {"rabbitmq": f"http://127.0.0.1:{port}"}}
        config = {"apps": [{"name": "tripl", "profile": "tripl", "brokers": brokers}]}
        async with told(json.dumps(config)) as one:
            await until(lambda: bool(one.series("watched_probe_success")), "an answer")
            return one.all()


def proved(
    parts: Parts,
    folder: Path,
    known: dict[One, float],
    *alerts: Alert,
    moved: dict[One, float] | None = None,
    at_times: dict[One, float] | None = None,
) -> None:
    """Hold the rules to it."""
    path = folder / "rules.yaml"
    check(parts.need("promtool"), path, known, moved or {}, alerts, at_times=at_times)


NOBODY = {"alert": "WatchedQueueNoConsumers", "queue": "celery", "severity": "warning"}
GROWS = {"alert": "WatchedQueueGrowing", "queue": "celery", "severity": "warning"}
DOWN = {"alert": "WatchedDependencyDown", "probe": "rabbitmq", "severity": "warning"}
RESTARTED = {"alert": "WatchedBrokerRestarted", "service": "rabbitmq", "severity": "warning"}


async def test_a_healthy_broker_fires_nothing(parts: Parts, tmp_path: Path) -> None:
    proved(parts, tmp_path, await seen([celery(3, 1)]))


@pytest.mark.parametrize("queues", [[celery(3, 0)], []], ids=["nobody", "vanished"])
async def test_nobody_takes_from_the_queue(
    queues: list[dict[str, Any]], parts: Parts, tmp_path: Path
) -> None:
    proved(parts, tmp_path, await seen(queues), NOBODY)


async def test_the_queue_grows(parts: Parts, tmp_path: Path) -> None:
    known = await seen([celery(3, 1)])
    moved = {one: 3.0 for one in known if one[0] == READY and ("state", "ready") in one[1]}
    assert len(moved) == 1
    proved(parts, tmp_path, known, GROWS, moved=moved)


async def test_the_broker_is_restarted(parts: Parts, tmp_path: Path) -> None:
    before = await seen([celery(0, 1)])
    after = await seen([celery(0, 1)], uptime=600_000)
    assert [one for one in before if one[0] == START]
    proved(parts, tmp_path, before, RESTARTED, at_times=after)


async def test_the_broker_takes_no_messages(parts: Parts, tmp_path: Path) -> None:
    proved(parts, tmp_path, await seen([celery(0, 1)], mem_alarm=True), DOWN)


# -- tr-broker-queue -------------------------------------------------------------------------------


def test_both_alerts_of_the_queue_are_proved() -> None:
    text = (ROOT / "docs/signals.md").read_text()
    row = re.search(r"^\| tr-broker-queue \| ([^|]+) \|", text, re.MULTILINE)
    assert row is not None
    assert row[1].split(", ") == [NOBODY["alert"], GROWS["alert"]]


async def test_a_queue_of_a_real_broker_without_a_worker_then_with_one_too_few(
    rabbit: Broker, parts: Parts, tmp_path: Path
) -> None:
    vhost = rabbit.vhost()
    celery_app = bakery(parts, vhost.amqp, tmp_path, queue="celery")
    sent = await asyncio.to_thread(celery_app.call, "send")
    base = {"url": rabbit.url, "auth": {"user": USER, "password": PASSWORD}}
    brokers = {"rabbitmq": {"rabbitmq": base, "vhost": vhost.name, "interval": "1s"}}
    config = {"apps": [{"name": "tripl", "profile": "tripl", "brokers": brokers}]}
    async with told(json.dumps(config)) as one:
        await until(lambda: jobs(one, "ready") == sent, "the tasks")
        proved(parts, tmp_path, one.all(), NOBODY)
        with celery_app.working():
            await until(lambda: jobs(one, "ready") == 0, "a worker that keeps up")
            well = one.all()
            proved(parts, tmp_path, well)
            await asyncio.to_thread(celery_app.call, "send")  # each minute so many
            await until(lambda: jobs(one, "ready") == sent, "a worker that is busy")
            later = one.all()
    moved = {key: later[key] - value for key, value in well.items() if key[0] == READY}
    proved(parts, tmp_path, well, GROWS, moved=moved)


def jobs(one: Told, state: str) -> float | None:
    """How many of the queue are in this state."""
    return one.value(READY, "celery", state)
