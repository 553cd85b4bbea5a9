"""Records to a receiver by OTLP over HTTP: one request, and the truth about its answer."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from exporter import __version__
from exporter.clock import Clock
from exporter.forward.carrying import Carried, Carrier, torn, unready
from exporter.forward.otlp import (
    LONGEST_ANSWER,
    answered,
    answered_in_json,
    judged,
    said,
    status,
    waiting,
)
from exporter.forward.shapes import Made, Outcome
from exporter.forward.target import Target
from exporter.sources.probes.certificates import trusting
from exporter.sources.probes.credentials import merged
from exporter.sources.probes.http import resolved
from exporter.sources.probes.resolver import Resolver, system_lookup
from exporter.sources.probes.settings import Tls
from exporter.sources.probes.verdict import ProbeError

AGENT = f"sidewatch/{__version__}"
CLOSE_SECONDS = 1.0
PROTOBUF = "application/x-protobuf"
# Who answers so has not looked at the records: it is the way to it that is wrong. They are kept,
# for their file is the buffer, and an alert tells; OTLP's own rule would have them dropped.
CLOSED_DOORS = {
    401: "credentials",
    403: "forbidden",
    404: "path",
    405: "path",
    407: "proxy",
    408: "timeout",
}
LATER = frozenset({429, 502, 503, 504})  # what OTLP says may be tried again
TOO_LARGE = 413


class HttpSender:
    """One receiver; at most `concurrency` requests at once. `constant` describes this machine."""

    def __init__(
        self, target: Target, constant: Mapping[str, str], clock: Clock, concurrency: int
    ) -> None:
        self._target = target
        self._carrier = Carrier(target, constant, _context, packs=target.gzip)
        self._clock = clock
        self._concurrency = concurrency
        self._session: aiohttp.ClientSession | None = None

    async def send(self, batch: Sequence[Made]) -> Outcome:
        """Send these records as one request. Raises nothing but CancelledError."""
        try:
            async with asyncio.timeout(self._target.timeout):
                return await self._exchange(await self._carrier.load(batch))
        except TimeoutError:
            text = f"{self._target.place} did not answer within {self._target.timeout:g} s"
            return Outcome("failed", "timeout", text)
        except ProbeError as error:
            return unready(error)
        except (aiohttp.ClientError, OSError) as error:
            return failure(error)
        except Exception as error:  # noqa: BLE001  # whatever it is, the records are still there
            return Outcome("failed", "other", f"sending failed: {type(error).__name__}")

    async def close(self) -> None:
        """Let go of the connections."""
        self._carrier.close()
        if self._session is not None:
            await self._session.close()

    async def _exchange(self, carried: Carried[ssl.SSLContext]) -> Outcome:
        if self._session is None:
            self._session = _session(self._concurrency)
        packed = {"Content-Encoding": "gzip"} if self._target.gzip else {}
        ours = {"User-Agent": AGENT, "Accept-Encoding": "identity", "Content-Type": PROTOBUF}
        async with self._session.post(
            self._target.url,
            data=carried.data,
            headers=merged(ours, packed, carried.headers),
            ssl=True if carried.trust is None else carried.trust,
            allow_redirects=False,
        ) as response:
            body = await _read(response)
            return judge(response.status, response.headers, body, self._clock.now(), response.url)


def judge(
    code: int, headers: Mapping[str, str], body: bytes, now: float, url: object = ""
) -> Outcome:
    """What an answer means for the records that it answers."""
    if 200 <= code < 300:
        return _taken(headers, body)
    message, asked = _complaint(_kind(headers), body)
    text = f"status {code}{': ' if message else ''}{message}"
    if 300 <= code < 400:
        where = _location(str(url), headers.get("Location", ""))
        return Outcome(
            "failed", "redirect", f"{text}: it redirects{where}; name the right endpoint"
        )
    if code in LATER:
        after = retry_after(headers.get("Retry-After"), now)
        after = asked if after is None else after
        if after is not None or code == 429:
            return Outcome("throttled", f"status_{code}", text, retry_after=after)
        return Outcome("failed", f"status_{code}", text)
    if code in CLOSED_DOORS:
        return Outcome("failed", CLOSED_DOORS[code], text)
    return Outcome("refused", "too_large" if code == TOO_LARGE else f"status_{code}", text)


def retry_after(spelled: str | None, now: float) -> float | None:
    """The seconds of a Retry-After, which are a number or a date; None for anything else."""
    if spelled is None:
        return None
    spelled = spelled.strip()
    if spelled.isascii() and spelled.isdecimal():
        return waiting(float(spelled))
    try:
        return waiting(parsedate_to_datetime(spelled).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


def failure(error: aiohttp.ClientError | OSError) -> Outcome:
    """What went wrong on the way, in a word and a sentence that hold no secret."""
    cause = error.__cause__ or error.__context__
    inner = next((one for one in (error, cause) if isinstance(one, ssl.SSLError)), None)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = getattr(error.certificate_error, "verify_message", "")
        return Outcome("failed", "tls", f"the receiver's certificate is not accepted: {why}")
    if inner is not None or isinstance(error, aiohttp.ClientSSLError):
        why = (inner.reason if inner is not None else None) or type(error).__name__
        return Outcome("failed", "tls", f"the TLS handshake failed: {why}")
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError):
        return Outcome("failed", "reset", "the receiver ended the connection without an answer")
    if isinstance(error, aiohttp.ClientResponseError):
        return Outcome("failed", "answer", "the answer is no HTTP: is that an OTLP receiver?")
    if isinstance(error, OSError):
        return torn(error)
    return Outcome("failed", "other", f"sending failed: {type(error).__name__}")


def _taken(headers: Mapping[str, str], body: bytes) -> Outcome:
    """A success, unless what answers is something else, as a portal's or a proxy's page."""
    kind = _kind(headers)
    if not body.strip():
        return judged(0, "")
    if len(body) > LONGEST_ANSWER or kind in ("text/html", "application/xhtml+xml"):
        text = f"a success with {kind or 'a long body'}: is that an OTLP receiver?"
        return Outcome("failed", "answer", said(text))
    if kind == PROTOBUF:
        return answered(body)
    return answered_in_json(body) if kind == "application/json" else judged(0, "")


def _complaint(kind: str, body: bytes) -> tuple[str, float | None]:
    """What an error says, and after how many seconds to come again."""
    if kind == PROTOBUF:
        return status(body)
    plain = kind in ("text/plain", "application/json")
    return said(body.decode("utf-8", "replace")) if plain else "", None


def _kind(headers: Mapping[str, str]) -> str:
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _location(url: str, location: str) -> str:
    """Where a redirect leads, without user, query or fragment."""
    try:
        there = urlsplit(urljoin(url, location[:2000]))
        place = f"{there.scheme}://{there.netloc.rpartition('@')[2]}{there.path}"
    except ValueError:
        return ""
    return f" to {said(place)}" if location else ""


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body, up to one byte more than is read of an answer."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk[: LONGEST_ANSWER + 1 - len(body)]
        if len(body) > LONGEST_ANSWER:
            break
    return bytes(body)


def _context(target: Target) -> ssl.SSLContext:
    return trusting(Tls(target.ca, target.certificate, target.key))


def _session(concurrency: int) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(resolver=_Addresses(), limit=concurrency, ttl_dns_cache=30)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None),  # the whole has a deadline of its own
    )


class _Addresses(AbstractResolver):
    """Names to addresses in threads of their own, in the shape that aiohttp asks for."""

    def __init__(self) -> None:
        self._resolver = Resolver(system_lookup)

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - aiohttp's signature
    ) -> list[ResolveResult]:
        """The addresses of a host."""
        return resolved(host, port, await self._resolver.find(host))

    async def close(self) -> None:
        """Nothing is held."""
