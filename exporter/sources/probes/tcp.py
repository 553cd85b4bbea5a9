"""A conversation over TCP: connect, perhaps encrypt, send and expect."""

from __future__ import annotations

import asyncio
import ssl
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from contextlib import suppress

from msgspec import Struct
from msgspec.structs import replace

from exporter.sources.probes.certificates import WatchedContext, looking
from exporter.sources.probes.credentials import Aside, in_time
from exporter.sources.probes.resolver import Resolver
from exporter.sources.probes.settings import Family, Step, Tcp, TcpCheck, host_and_port
from exporter.sources.probes.verdict import ProbeError, Result, os_failure, tls_failure

LONGEST_ANSWER = 1 << 16
# PostgreSQL's SSLRequest: its length and a code in the place of a protocol version.
# https://www.postgresql.org/docs/current/protocol-message-formats.html
SSL_REQUEST = struct.pack("!II", 8, 80877103)
SHARE_SECONDS = 2.0  # how long one of several addresses is tried before the next one


class Talk(Struct):
    """A connection, and what was heard but not yet expected."""

    reader: StreamReader
    writer: StreamWriter
    result: Result
    heard: bytes = b""

    async def say(self, step: Step) -> None:
        """Take one turn. Raises ProbeError."""
        if step.send:
            self.writer.write(step.send.encode())
            await self.writer.drain()
        if step.expect:
            await self._hear(step.expect.encode(), step.refuse.encode())

    async def _hear(self, expected: bytes, refused: bytes) -> None:
        while expected not in self.heard:
            if refused and refused in self.heard:
                raise ProbeError("body", "it answered with what it must not")
            if self.heard:
                self.result.late = ProbeError("body", "it answered, but not with what was expected")
            if len(self.heard) > LONGEST_ANSWER:
                raise ProbeError("size", "the answer is longer than 64 KiB")
            more = await self.reader.read(4096)
            if not more:
                raise self._closed()
            self.result.phases.enter("transfer")
            self.heard += more
        self.heard = self.heard.partition(expected)[2]
        self.result.late = None

    def _closed(self) -> ProbeError:
        if self.heard:
            return ProbeError("body", "it answered otherwise than expected, and closed")
        return ProbeError("closed", "the connection was closed without an answer")

    async def encrypt(self, context: WatchedContext, name: str) -> None:
        """Go on in TLS. Raises ssl.SSLError."""
        context.watch(self.result.phases)
        self.heard = b""  # what came in plain text before is nobody's word
        try:
            await self.writer.start_tls(context, server_hostname=name)
        finally:
            self.result.not_after = context.shown()
        self.result.phases.enter("wait")

    async def ask_postgres(self) -> None:
        """Ask a PostgreSQL for TLS. Raises ProbeError."""
        self.writer.write(SSL_REQUEST)
        answer = await self.reader.read(1)
        if answer == b"N":
            raise ProbeError("tls", "the server offers no TLS")
        if answer != b"S":
            raise ProbeError("other" if answer else "closed", "this is no PostgreSQL")


GoOn = Callable[[Talk], Awaitable[None]]


async def converse(
    check: TcpCheck, resolver: Resolver, trust: Aside[WatchedContext] | None, result: Result
) -> None:
    """Hold the conversation. Raises ProbeError."""
    await hold(check.tcp, resolver, trust, result)


async def hold(
    tcp: Tcp,
    resolver: Resolver,
    trust: Aside[WatchedContext] | None,
    result: Result,
    go_on: GoOn | None = None,
) -> None:
    """Hold a conversation, and go on with it where its steps end. Raises ProbeError."""
    context: WatchedContext | None = None
    if trust is not None:
        context = await in_time(trust, result)
    try:
        await _converse(tcp, resolver, context, result, go_on)
    except ssl.SSLCertVerificationError as error:
        result.late = failure = tls_failure(error)
        await look(tcp, resolver, result)
        raise failure from None
    except TimeoutError:
        raise
    except OSError as error:
        raise os_failure(error) from None
    finally:
        if context is not None:
            context.rest()


async def _converse(
    tcp: Tcp,
    resolver: Resolver,
    context: WatchedContext | None,
    result: Result,
    go_on: GoOn | None = None,
) -> None:
    reader, writer = await _open(tcp, resolver, result)
    talk = Talk(reader, writer, result)
    name = _server_name(tcp)
    try:
        result.phases.enter("wait")
        if tcp.starttls == "postgres":
            await talk.ask_postgres()
        if context is not None and not any(step.starttls for step in tcp.steps):
            await talk.encrypt(context, name)
        for step in tcp.steps:
            await talk.say(step)
            if step.starttls and context is not None:
                await talk.encrypt(context, name)
        if go_on is not None:
            await go_on(talk)
    except BaseException:
        writer.transport.abort()
        raise
    writer.close()  # and not waited for: that would be the server's to decide


def _server_name(tcp: Tcp) -> str:
    tls = tcp.secured
    if tls is not None and tls.server_name:
        return tls.server_name
    return host_and_port(tcp.address)[0] if tcp.address else "localhost"


async def _open(tcp: Tcp, resolver: Resolver, result: Result) -> tuple[StreamReader, StreamWriter]:
    if tcp.socket is not None:
        return await asyncio.open_unix_connection(tcp.socket, limit=LONGEST_ANSWER)
    host, port = host_and_port(tcp.address)
    return await connect(host, port, tcp.family, resolver, result)


async def connect(
    host: str, port: int, family: Family, resolver: Resolver, result: Result
) -> tuple[StreamReader, StreamWriter]:
    """A connection to the first address that takes one. Raises ProbeError or OSError."""
    result.phases.enter("resolve")
    addresses = await resolver.find(host, family)
    result.phases.enter("connect")
    for address in addresses[:-1]:
        try:
            async with asyncio.timeout(SHARE_SECONDS):
                return await asyncio.open_connection(address, port, limit=LONGEST_ANSWER)
        except OSError:  # a TimeoutError is one, too
            continue
    return await asyncio.open_connection(addresses[-1], port, limit=LONGEST_ANSWER)


async def look(tcp: Tcp, resolver: Resolver, result: Result) -> None:
    """See when the certificate ends that was refused, as far as the conversation leads to it."""
    until = next((i + 1 for i, step in enumerate(tcp.steps) if step.starttls), 0)
    seen = Result(result.phases)
    with suppress(OSError, ProbeError):
        await _converse(replace(tcp, steps=tcp.steps[:until]), resolver, looking(), seen)
    result.not_after = seen.not_after
