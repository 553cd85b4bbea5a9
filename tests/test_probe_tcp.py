"""Conversations over TCP: a real Redis, banners, and servers that say something else."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from exporter.sources.probes.resolver import Resolver
from tests.support.authority import Authority
from tests.support.parts import Parts
from tests.support.probing import Server, once, reason, reset, serving, silence
from tests.support.redis import redis
from tests.support.waiting import free_port

PING = 'steps: [{send: "PING\\r\\n", expect: "+PONG", refuse: "-"}]'


@pytest.fixture(scope="module")
def port(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with redis(parts.need("redis-server"), tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture(scope="module")
def locked(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """A Redis with a password and a socket."""
    folder = tmp_path_factory.mktemp("locked")
    more = ("--requirepass", "hunter2", "--unixsocket", str(folder / "socket"))
    with redis(parts.need("redis-server"), folder, *more) as port:
        yield port, folder


async def test_redis_answers_ping(port: int) -> None:
    assert await reason(f"tcp: {{redis: {{address: 'localhost:{port}', {PING}}}}}") is None
    assert await reason(f"tcp: {{redis: {{address: '127.0.0.1:{port}'}}}}") is None


async def test_redis_with_a_password(locked: tuple[int, Path]) -> None:
    port, folder = locked
    probes = f"tcp: {{redis: {{address: '127.0.0.1:{port}', {PING}}}}}"
    assert await reason(probes) == "body", "-NOAUTH is an answer, at once"
    hello = '{send: "AUTH hunter2\\r\\n", expect: "+OK", refuse: "-"}, {send: "PING'
    assert await reason(probes.replace('{send: "PING', hello)) is None
    wrong = probes.replace('{send: "PING', hello).replace("hunter2", "wrong")
    assert await reason(wrong) == "body"
    socket = probes.replace(f"address: '127.0.0.1:{port}'", "socket: socket")
    assert await reason(socket.replace('{send: "PING', hello), folder) is None


async def test_a_redis_that_is_gone_is_refused() -> None:
    assert await reason(f"tcp: {{redis: {{address: '127.0.0.1:{free_port()}', {PING}}}}}") == (
        "refused"
    )


async def _smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A banner in two parts, and one answer."""
    writer.write(b"220 mail.te")
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.write(b"st ESMTP\r\n")
    while line := await reader.readline():
        writer.write(b"250 hello\r\n" if line.startswith(b"EHLO") else b"500 what\r\n")
        await writer.drain()


async def _endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    _ = reader
    while True:
        writer.write(b"x" * 4096)
        await writer.drain()


async def _goodbye(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    _ = reader
    writer.write(b"421 busy\r\n")
    await writer.drain()


TALKS: list[tuple[Server, str, str | None]] = [
    (_smtp, 'steps: [{expect: "220 "}, {send: "EHLO me\\r\\n", expect: "250 "}]', None),
    (_smtp, 'steps: [{expect: "mail.test"}]', None),
    (
        _smtp,
        'steps: [{expect: "220 "}, {send: "HELO\\r\\n", expect: "250", refuse: "500"}]',
        "body",
    ),
    (_smtp, 'steps: [{expect: "SSH-2.0"}]', "body"),
    (_goodbye, 'steps: [{expect: "220"}]', "body"),
    (_endless, 'steps: [{expect: "220"}]', "size"),
    (silence, 'steps: [{expect: "220"}]', "timeout"),
    (silence, "starttls: postgres", "timeout"),
    (_goodbye, "starttls: postgres", "other"),
    (reset, 'steps: [{send: "x", expect: "y"}]', "closed"),
]


@pytest.mark.parametrize(("server", "steps", "wanted"), TALKS)
async def test_a_conversation_goes_as_expected_or_tells_why_not(
    server: Server, steps: str, wanted: str | None
) -> None:
    async with serving(server) as port:
        probes = f"timeout: 500ms\ntcp: {{x: {{address: '127.0.0.1:{port}', {steps}}}}}"
        assert await reason(probes) == wanted


async def test_a_conversation_goes_on_in_tls(parts: Parts, tmp_path: Path) -> None:
    """STARTTLS as mail servers have it, by a server of Python's own TLS."""
    parts.need("openssl")
    authority = Authority(tmp_path)
    pair = authority.issue("mail", left=timedelta(days=5))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail\r\n")
        assert await reader.readline() == b"STARTTLS\r\n"
        writer.write(b"220 go ahead\r\n")
        await writer.drain()
        await writer.start_tls(context)
        assert await reader.readline() == b"NOOP\r\n"
        writer.write(b"250 ok\r\n")
        await writer.drain()
        await reader.read()

    async with serving(server) as port:
        probes = f"""\
tcp:
  mail:
    address: "localhost:{port}"
    tls: {{ca: {authority.root}}}
    steps:
      - {{expect: "220"}}
      - {{send: "STARTTLS\\r\\n", expect: "220", starttls: true}}
      - {{send: "NOOP\\r\\n", expect: "250"}}
"""
        result = (await once(probes))["mail"]
    assert result.failure is None, result.failure
    assert result.not_after == pair.end()


async def test_an_address_that_does_not_answer_gives_way_to_the_next(port: int) -> None:
    resolver = Resolver(lambda *_: ["127.0.0.2", "127.0.0.1"])
    probes = f"tcp: {{redis: {{address: 'redis.test:{port}', {PING}}}}}"
    (result,) = (await once(probes, resolver=resolver)).values()
    assert result.failure is None
