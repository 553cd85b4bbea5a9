"""Brokers that are starting, standing by, or none at all: what is told of each, and no accident."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from tests.support.brokers import failure, once, told
from tests.support.parts import Parts
from tests.support.probing import Server, dripping, head, http, serving
from tests.support.redis import redis


def saying_all(*answers: bytes) -> Server:
    """A server that answers each time it is sent something, then closes."""

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.read(4096)
            writer.write(answer)
            await writer.drain()

    return server


PONG = b"+PONG\r\n"
NO_REDIS: dict[str, tuple[Server, str]] = {
    "a number that is too long": (saying_all(PONG, b":" + b"9" * 5000 + b"\r\n"), "body"),
    "digits of another script": (saying_all(PONG, ":٣\r\n".encode()), "body"),
    "a length that is too long": (saying_all(PONG, b"$99999999999999999999999\r\n"), "body"),
    "no number": (saying_all(PONG, b":\r\n"), "body"),
    "a sign alone": (saying_all(PONG, b":-\r\n"), "body"),
    "two signs": (saying_all(PONG, b":--1\r\n"), "body"),
    "no length": (saying_all(PONG, b"$\r\n"), "body"),
    "an empty line": (saying_all(b"\r\n"), "body"),
    "RESP 3": (saying_all(b"%1\r\n+server\r\n+redis\r\n"), "body"),
    "bytes": (saying_all(b"\xff\xfe\x00\r\n"), "body"),
    "an error without a word": (saying_all(b"-\r\n"), "status"),
    "a lengthy error": (saying_all(b"-" + b"E" * 60_000 + b"\r\n"), "status"),
    "a drip": (dripping(b""), "timeout"),
    "a list without a length": (saying_all(PONG, b"$-1\r\n" * 4), "body"),
    "a list of less than nothing": (saying_all(PONG, b":-5\r\n" * 4), "body"),
    "what PING is not answered with": (saying_all(b":1\r\n:2\r\n"), "body"),
}


@pytest.mark.parametrize("name", NO_REDIS)
async def test_what_speaks_almost_like_a_redis_is_none(name: str) -> None:
    server, reason = NO_REDIS[name]
    async with serving(server) as port:
        found = await failure(f"r: {{redis: '127.0.0.1:{port}', timeout: 400ms, queues: [a/b]}}")
        assert found is not None
        assert found[0] == reason, found
        assert len(found[1]) < 120


@pytest.fixture(scope="module")
def lonely(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A replica whose master is not there, and which tells nothing old."""
    words = ["--replicaof", "127.0.0.1", "1", "--replica-serve-stale-data", "no"]
    with redis(parts.need("redis-server"), tmp_path_factory.mktemp("replica"), *words) as port:
        yield port


async def test_a_replica_without_its_master_is_told(lonely: int) -> None:
    settings = f"r: {{redis: '127.0.0.1:{lonely}', queues: [buns]}}"
    result = (await once(settings))["r"]
    assert result.failure is not None
    assert result.failure.reason == "status"
    assert "MASTERDOWN" in str(result.failure)
    assert not told(result), "unknown is not zero"


# -- RabbitMQ -------------------------------------------------------------------------------------

PAGE = {"items": [{"name": "buns", "consumers": 1, "messages_ready": 0}], "page_count": 1}
NODES = [{"running": True, "uptime": 5000, "mem_alarm": False}]
NO_RABBIT = {
    "an error in a 200": ({"error": "not_authorised", "reason": "Login failed"}, NODES, "json"),
    "a page that is no number": ({**PAGE, "page_count": "2"}, NODES, None),
    "nothing for a page": ({**PAGE, "page_count": None}, NODES, None),
    "numbers that are none": (
        {"items": [{"name": "buns", "consumers": {}, "message_stats": [], "state": []}]},
        NODES,
        None,
    ),
    "an uptime that is none": (PAGE, [{"running": True, "uptime": "long"}], None),
    "an uptime beyond all": (PAGE, [{"running": True, "uptime": 10**400}], None),
    "nodes in an error": (PAGE, {"error": "bad rpc", "reason": "timeout"}, "json"),
    "a name with half a letter": (
        {"items": [{"name": "\ud800", "consumers": 1, "state": "down"}]},
        NODES,
        "body",
    ),
}


@pytest.mark.parametrize("name", NO_RABBIT)
async def test_what_answers_almost_like_a_rabbitmq(name: str) -> None:
    queues, nodes, reason = NO_RABBIT[name]

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = nodes if "/api/nodes" in await head(reader) else queues
        writer.write(http(json.dumps(body), "200 OK", "Content-Type: application/json"))
        await writer.drain()

    async with serving(server) as port:
        settings = f"rabbit: {{rabbitmq: 'http://127.0.0.1:{port}', volatile: true, queues: ['*']}}"
        result = (await once(settings))["rabbit"]
    assert (result.failure and result.failure.reason) == reason, result.failure
    for point in result.points or ():
        assert point.value == point.value, "no NaN"
        "".join(point.labels.values()).encode()
