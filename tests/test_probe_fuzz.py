"""Whatever bytes a server sends, a probe ends with a reason that somebody has thought of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.clock import WallClock
from exporter.sources.probes.checks import Check
from exporter.sources.probes.examine import ask_once
from exporter.sources.probes.resolver import Resolver, system_lookup
from exporter.sources.probes.verdict import Result
from tests.support import brokers
from tests.support.probing import plan_of, serving

TIMEOUT = "150ms"
HTTP = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 103 Early Hints\r\n\r\n",
    b"HTTP/1.1 308 Moved\r\n",
    b"HTTP/1.0 999 \r\n",
    b"HTTP/9.9 200 OK\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: -1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Content-Type: application/json; charset=utf-7\r\n",
    b"Location: //[::1\r\n",
    b"Location: \xff\x00\r\n",
    b"\r\n",
    b'5\r\n{"a":\r\n',
    b"ffffffffffffffff\r\n",
    b"0\r\n\r\n",
    b"\x1f\x8b\x08\x00",
    b'{"status": "ok"}',
]
REDIS = [
    b"+PONG\r\n",
    b"+OK\r\n",
    b"-ERR no\r\n",
    b":1\r\n",
    b":-1\r\n",
    b"$3\r\nabc\r\n",
    b"$-1\r\n",
]
KEYS = [
    *("items", "page_count", "name", "consumers", "state", "message_stats", "publish"),
    *("messages_ready", "running", "uptime", "mem_alarm", "durable", "auto_delete"),
]
PAGES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


def parts(known: list[bytes]) -> st.SearchStrategy[bytes]:
    """What a server may say, more or less."""
    return st.lists(st.sampled_from(known) | st.binary(max_size=20), max_size=8).map(b"".join)


async def _asked(answer: bytes, way: str) -> Result:
    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(answer)
        await writer.drain()
        writer.write_eof()
        await reader.read()

    async with serving(server) as port:
        checks = _checks(f"127.0.0.1:{port}", way)
        (result,) = await ask_once(checks, WallClock(), Resolver(system_lookup))
        return result


def _checks(where: str, way: str) -> Sequence[Check]:
    if way == "http":
        return plan_of(
            f"base: http://{where}\ntimeout: {TIMEOUT}\n"
            "http: {x: {redirects: 1, json: {status: ok}, fields: {'*_n': '*.n'}}}"
        ).probing.checks
    broker = f"redis: '{where}', queues: [a]"
    if way == "rabbitmq":
        broker = f"rabbitmq: 'http://{where}', volatile: true, heartbeats: {{oven: taken}}"
    plan = brokers.plan_of(f"x: {{{broker}, timeout: {TIMEOUT}}}")
    assert plan.brokers is not None
    return plan.brokers.checks


def foreseen(result: Result) -> None:
    assert result.failure is None or "unforeseen" not in str(result.failure)
    assert result.failure is None or "exchange failed" not in str(result.failure)


@settings(max_examples=30, deadline=None)
@given(answer=parts(HTTP))
def test_any_answer_by_http(answer: bytes) -> None:
    foreseen(asyncio.run(_asked(answer, "http")))


@settings(max_examples=60, deadline=None)
@given(answer=parts(REDIS))
def test_any_answer_of_a_redis(answer: bytes) -> None:
    foreseen(asyncio.run(_asked(answer, "redis")))


@settings(max_examples=60, deadline=None)
@given(page=PAGES)
def test_any_page_of_a_rabbitmq(page: object) -> None:
    body = json.dumps(page).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    foreseen(asyncio.run(_asked(head + body, "rabbitmq")))
