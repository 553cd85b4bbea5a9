"""Probes in this process: asked once and looked at, or kept going as the pipeline does it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
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
    metrics:
      shop_depth: {{type: gauge, help: Depth., labels: [queue]}}
    probes:
{probes}
"""
Server = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def plan_of(probes: str, folder: Path = Path()) -> AppPlan:
    """The plan of an application whose `probes:` are this YAML."""
    text = CONFIG.format(probes=indent(probes, " " * 6))
    (plan,) = parse(text, folder / "sidewatch.yaml", {}).apps
    return plan


async def once(
    probes: str,
    folder: Path = Path(),
    *,
    resolver: Resolver | None = None,
    clock: Clock | None = None,
) -> dict[str, Result]:
    """What each probe of this YAML finds when it is asked once, all at the same time."""
    settings = plan_of(probes, folder).probing.probes
    assert settings is not None
    resolver = resolver or Resolver(system_lookup)
    results = await ask_once(settings.checks, clock or WallClock(), resolver)
    await part()
    return dict(zip((check.name for check in settings.checks), results, strict=True))


async def reason(probes: str, folder: Path = Path()) -> str | None:
    """Why the one probe of this YAML fails; None where it does not."""
    (result,) = (await once(probes, folder)).values()
    return None if result.failure is None else result.failure.reason


@asynccontextmanager
async def probed(probes: str, folder: Path = Path()) -> AsyncIterator[Asked]:
    """Probe until the block is left."""
    async with at_work(plan_of(probes, folder)) as one:
        yield one


@asynccontextmanager
async def serving(
    server: Server, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """A server of the test's own on this port or a free one of this machine, which is given."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await server(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.transport.abort()

    tasks = dict[asyncio.Task[None], asyncio.StreamWriter]()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(handle(reader, writer))
        tasks[task] = writer

    listening = await asyncio.start_server(accept, "127.0.0.1", port, ssl=tls)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for task, writer in tasks.items():
            task.cancel()
            writer.transport.abort()  # what is cancelled before it has begun closes nothing
        await asyncio.gather(*tasks, return_exceptions=True)


async def head(reader: asyncio.StreamReader) -> str:
    """The head of a request."""
    return (await reader.readuntil(b"\r\n\r\n")).decode()


def saying(answer: bytes) -> Server:
    """A server that answers every request so, and closes."""

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(answer)
        await writer.drain()
        writer.write_eof()
        await reader.read()

    return server


def http(body: str | bytes, status: str = "200 OK", *headers: str) -> bytes:
    """An answer of HTTP."""
    raw = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(raw)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + raw


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that tears every connection down with an RST."""
    await reader.read(1)
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that takes everything and never says a word."""
    _ = writer
    while await reader.read(1 << 16):
        pass


def dripping(answer: bytes) -> Server:
    """A server whose answer goes on for ever, a byte at a time: each read of it succeeds."""

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(answer)
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    return server


DRIP = dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
