"""A question by HTTP: asked within a deadline, read up to a limit, held against what it must say.

The one place that knows aiohttp; it is imported when a source opens.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from msgspec import Struct

from exporter.clock import Clock
from exporter.sources.probes.assertions import NoJson, parse_json, unmet
from exporter.sources.probes.credentials import HEADERS, Aside, Ready, in_time
from exporter.sources.probes.resolver import FAMILIES, Resolver, is_address
from exporter.sources.probes.settings import (
    Base,
    Http,
    HttpCheck,
    Tcp,
    Tls,
    origin,
    with_plain_scheme,
)
from exporter.sources.probes.tcp import look
from exporter.sources.probes.verdict import Phases, ProbeError, Result, os_failure, tls_failure

CLOSE_SECONDS = 1.0
LONGEST_LOCATION = 4096
LONGEST_HEADER = 1 << 16  # what some say of content security is longer than aiohttp's 8 KiB
ELSEWHERE = frozenset({301, 302, 303, 307, 308})
AS_GET = frozenset({301, 302, 303})  # what browsers make of them; 307 and 308 keep the method
CHARSETS = frozenset({"utf-8", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252", "utf-16"})
PLAIN = re.compile(r"https?://[!-~]{1,200}")
NOT_WELL = 503  # how an application says so itself, with a body that says why


class Answer(Struct, frozen=True):
    """What came back, read to its end."""

    status: int
    body: bytes
    charset: str


class Request(Struct, frozen=True):
    """What is asked for next, here or where a redirect leads. `own`: it may carry our secrets."""

    url: str
    method: str
    send: str | None
    own: bool = True


async def ask(
    check: HttpCheck, clock: Clock, resolver: Resolver, ready: Aside[Ready], result: Result
) -> None:
    """Ask and judge. Raises ProbeError."""
    answer = await fetch(check, resolver, ready, result)
    judge(check.http, answer, result, clock.now())


async def fetch(
    check: HttpCheck, resolver: Resolver, ready: Aside[Ready], result: Result
) -> Answer:
    """Ask, and read what is answered. Raises ProbeError."""
    is_address(check.base.origin[1], check.base.family)  # aiohttp asks for names alone
    carried = await in_time(ready, result)
    if carried.context is not None:
        carried.context.watch(result.phases)
    try:
        async with _session(check.base, resolver, result.phases) as session:
            answer = await _exchange(session, check, carried, result)
    except aiohttp.ClientError as error:
        failure = _failure(error)
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            result.late = failure
            await _look(check.base, error, resolver, result)
        raise failure from None
    except TimeoutError:
        raise
    except OSError as error:
        raise os_failure(error) from None
    finally:
        if carried.context is not None:
            result.not_after = result.not_after or carried.context.shown()
            carried.context.rest()
    result.phases.stop()
    return answer


def judge(http: Http, answer: Answer, result: Result, now: float) -> None:
    """Read what the body says, whatever the verdict. Raises ProbeError for a bad one."""
    document, is_json = None, False
    wanted = bool(http.json or http.readings)
    if wanted:
        with suppress(NoJson):
            document, is_json = parse_json(answer.body), True
    good = answer.status in http.status
    if is_json and (good or answer.status == NOT_WELL):
        result.points = http.readings.points(document, now)
    if not good:
        raise ProbeError("status", f"status {answer.status}, not {http.status}")
    if http.body is not None:
        text = answer.body.decode(answer.charset, "replace")
        if trouble := http.body.trouble(text):
            raise ProbeError("body", trouble)
    if wanted and not is_json:
        raise ProbeError("json", "the body is no JSON")
    if wrong := "; ".join(unmet(http.json, document)):
        raise ProbeError("json", wrong)


async def _exchange(
    session: aiohttp.ClientSession, check: HttpCheck, carried: Ready, result: Result
) -> Answer:
    """Ask, and go where redirects lead, as far as is allowed."""
    http = check.http
    request = Request(check.url, http.method, http.send)
    for left in range(http.redirects, -1, -1):
        response = await _send(session, check.base, request, carried)
        result.phases.enter("transfer")
        try:
            location = response.headers.get("Location")
            if response.status not in ELSEWHERE or response.status in http.status or not location:
                body = await _read(response, http.limit)
                return Answer(response.status, body, _charset(response))
        finally:
            response.close()
        if not left:
            raise _not_followed(request.url, location, response.status)
        request = redirected(check.base, request, location, response.status)
        result.phases.enter("connect")
    raise AssertionError("the last turn returns or raises")


async def _send(
    session: aiohttp.ClientSession, base: Base, request: Request, carried: Ready
) -> aiohttp.ClientResponse:
    context: ssl.SSLContext | bool = True  # elsewhere the system's authorities alone are trusted
    if request.own and carried.context is not None and request.url.startswith("https:"):
        context = carried.context
    return await session.request(
        request.method,
        request.url,
        data=None if request.send is None else request.send.encode(),
        headers=carried.headers if request.own else HEADERS,
        ssl=context,
        server_hostname=base.tls.server_name if request.own else None,
        proxy=base.proxy,
        allow_redirects=False,
    )


def redirected(base: Base, before: Request, location: str, status: int) -> Request:
    """The request that a redirect asks for. Raises ProbeError for one that is not followed."""
    url = with_plain_scheme(urljoin(before.url, location))
    try:
        there = origin(url)
        fits = there[0] in {"http", "https"} and there[1] and len(url) <= LONGEST_LOCATION
    except ValueError:
        fits = False
    if not fits:
        raise ProbeError("redirect", "it redirects to what is no URL of HTTP")
    if before.url.startswith("https:") and url.startswith("http:"):
        raise ProbeError("redirect", "it redirects from https to http")
    own = before.own and _same_server(base.origin, there)
    if base.socket is not None and not own:
        raise ProbeError("redirect", "it redirects away from the socket")
    as_get = status in AS_GET and before.method != "HEAD"
    method = "GET" if as_get else before.method
    return Request(url, method, None if as_get else before.send, own=own)


def _same_server(one: tuple[str, str, int], other: tuple[str, str, int]) -> bool:
    """Whether both are one server's, where the other may be the first behind TLS."""
    secured = (one[2], other[2]) == (80, 443) and other[0] == "https"
    return one[1] == other[1] and (one == other or secured)


def _not_followed(url: str, location: str, status: int) -> ProbeError:
    """A redirect that is not followed. One to https tells of the proxy, not of the application."""
    try:
        there = urlsplit(urljoin(url, location))
        place = f"{there.scheme}://{there.netloc.rpartition('@')[2]}{there.path}"
    except ValueError:
        place = ""
    if not PLAIN.fullmatch(place):  # it is the server's word, and goes to the log
        return ProbeError("redirect", f"status {status}: it redirects to what is no plain URL")
    hint = ""
    if url.startswith("http:") and place.startswith("https:"):
        hint = "; ask there, or send `X-Forwarded-Proto: https` as its proxy does"
    return ProbeError("redirect", f"status {status}: it redirects to {place}{hint}")


# -- reading ------------------------------------------------------------------------------------


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body, unpacked. Raises ProbeError where it is longer than the limit."""
    unpacker = _unpacker(response.headers.get("Content-Encoding", ""))
    raw, body = 0, bytearray()
    async for chunk in response.content.iter_any():
        raw += len(chunk)
        most = limit + 1 - len(body)
        body += chunk[:most] if unpacker is None else unpacker.unpack(chunk, most)
        if raw > limit or len(body) > limit:
            raise ProbeError("size", f"the body is longer than {limit} bytes")
    if raw and unpacker is not None:
        unpacker.end()
    return bytes(body)


class _Unpacker:
    """Makes plain bytes of a packed body's parts, and never more than it is asked for."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(wbits=47)  # finds out whether it is gzip or zlib

    def unpack(self, chunk: bytes, most: int) -> bytes:
        """Up to so many bytes, above 0. Raises ProbeError where it is not packed."""
        try:
            return self._inflater.decompress(self._inflater.unconsumed_tail + chunk, most)
        except zlib.error:
            raise ProbeError("other", "the body is not packed as it says") from None

    def end(self) -> None:
        """Raises ProbeError where more should have come: half of it is not what was packed."""
        if not self._inflater.eof:
            raise ProbeError("other", "the body ends amid what was packed")


def _unpacker(encoding: str) -> _Unpacker | None:
    """What unpacks a body; None where it is plain. Raises ProbeError."""
    coding = encoding.strip().lower()
    if coding in {"", "identity"}:
        return None
    if coding not in {"gzip", "x-gzip", "deflate"}:
        raise ProbeError("other", "the body is packed in a way that was not asked for")
    return _Unpacker()


def _charset(response: aiohttp.ClientResponse) -> str:
    """The charset that the answer names; of the odd ones, some cost the square of a body's size."""
    name = (response.charset or "").lower()
    return name if name in CHARSETS else "utf-8"


# -- the connection -----------------------------------------------------------------------------


class _Addresses(AbstractResolver):
    """Our resolver, in the shape that aiohttp asks for."""

    def __init__(self, resolver: Resolver, base: Base, phases: Phases) -> None:
        self._resolver = resolver
        self._base = base
        self._phases = phases

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - aiohttp's signature
    ) -> list[ResolveResult]:
        """The addresses of a host, of the family that the settings ask for."""
        self._phases.enter("resolve")
        addresses = await self._resolver.find(host, self._base.family)
        self._phases.enter("connect")
        return resolved(host, port, addresses)

    async def close(self) -> None:
        """Nothing is held."""


def resolved(host: str, port: int, addresses: list[str]) -> list[ResolveResult]:
    """Addresses of a host as aiohttp wants to be told of them."""
    return [
        ResolveResult(
            hostname=host,
            host=address,
            port=port,
            family=socket.AF_INET6 if ":" in address else socket.AF_INET,
            proto=0,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for address in addresses
    ]


@asynccontextmanager
async def _session(
    base: Base, resolver: Resolver, phases: Phases
) -> AsyncIterator[aiohttp.ClientSession]:
    """A session for one exchange, on a connection of its own."""
    if base.socket is not None:
        connector: aiohttp.BaseConnector = aiohttp.UnixConnector(str(base.socket), force_close=True)
    else:
        connector = aiohttp.TCPConnector(
            resolver=_Addresses(resolver, base, phases),
            family=FAMILIES[base.family],
            use_dns_cache=False,
            force_close=True,
        )
    trace = aiohttp.TraceConfig()

    async def connected(*_: object) -> None:
        phases.enter("wait")

    trace.on_connection_create_end.append(connected)
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        auto_decompress=False,
        max_field_size=LONGEST_HEADER,
        trace_configs=[trace],
    )
    try:
        yield session
    finally:
        # A server that does not take what we send would keep us waiting for its leave.
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await session.close()


async def _look(
    base: Base,
    error: aiohttp.ClientConnectorCertificateError,
    resolver: Resolver,
    result: Result,
) -> None:
    """See when the base's certificate ends that was refused, where a straight way leads to it."""
    scheme, host, port = base.origin
    elsewhere = (scheme, host, port) != ("https", error.host, error.port)
    if elsewhere or base.proxy is not None or base.socket is not None:
        return
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    tls = Tls(verify=False, server_name=base.tls.server_name)
    await look(Tcp(address=address, family=base.family, tls=tls), resolver, result)


def _failure(error: aiohttp.ClientError) -> ProbeError:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return _tls(error.certificate_error)
        case aiohttp.ClientSSLError():
            return _tls(error.os_error)
        case aiohttp.ClientProxyConnectionError():
            return ProbeError("other", f"the proxy: {os_failure(error.os_error)}")
        case aiohttp.ClientHttpProxyError():
            return ProbeError("other", f"the proxy answers with status {error.status}")
        case aiohttp.ClientConnectorError():
            return os_failure(error.os_error)
        case aiohttp.ClientOSError():
            cause = error.__cause__
            return os_failure(cause if isinstance(cause, ssl.SSLError) else error)
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError():
            return ProbeError("closed", "the connection was closed before the answer's end")
        case aiohttp.ClientResponseError():
            return ProbeError("other", "the answer is no HTTP, or its head is too long")
        case _:
            return ProbeError("other", f"the exchange failed: {type(error).__name__}")


def _tls(error: Exception) -> ProbeError:
    if isinstance(error, ssl.SSLError):
        return tls_failure(error)
    return ProbeError("tls", f"the TLS handshake failed: {type(error).__name__}")
