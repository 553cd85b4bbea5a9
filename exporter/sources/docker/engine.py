"""The Engine's API over aiohttp: list, inspect, events, and a log from a time on.

The paths are those of the Docker Engine API (docs.docker.com/reference/api/engine), without a
version, so that the daemon answers in its newest. Only GET is used.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from email.utils import parsedate_to_datetime
from typing import Any, Self
from urllib.parse import quote, urlsplit

from aiohttp import (
    BaseConnector,
    ClientConnectorCertificateError,
    ClientConnectorSSLError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    TCPConnector,
    UnixConnector,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from msgspec import Struct

from exporter.errors import SourceError
from exporter.sources.docker.settings import Selection, Tls
from exporter.sources.docker.tracks import SECOND
from exporter.sources.worker import Worker

CONNECT = 5.0  # seconds for a connection
ANSWER = 10.0  # seconds for a whole answer of list or inspect
FIRST_WORD = 60.0  # seconds until a log answers: a daemon goes through the whole of it first
LARGEST = 16 << 20  # bytes of an answer of list or inspect
CHUNK = 1 << 16
LONGEST_EVENT = 1 << 20
SIZE = re.compile(r"([0-9]{1,15})([kmgt]?)b?", re.IGNORECASE)
# States in which nothing is written; Podman's are among them.
STILL = frozenset({"created", "configured", "initialized", "exited", "stopped", "dead"})
KEEPALIVE = 30  # seconds of silence after which the other side of a connection is asked for


class Listed(Struct, frozen=True):
    """A container as the list shows it; one that is paused or restarted runs."""

    id: str
    name: str
    labels: Mapping[str, str]
    running: bool


class Status(Struct, frozen=True):
    """What inspect says: whether it runs, since when (as the daemon spells it), on a terminal.

    `rotates_at` is how many bytes one file of its log takes, 0 where it is not rotated; `holds` is
    how many all of them take. `driver` is what keeps the log.
    """

    running: bool
    started: str
    tty: bool
    rotates_at: int = 0
    holds: int = 0
    driver: str = ""


class Answer:
    """A log that comes; `live` is the daemon's time when it began to, in nanoseconds.

    `broken` tells that it ended without an end: a proxy that cuts quiet connections does that, and
    a daemon that is killed.
    """

    def __init__(self, response: ClientResponse, live: int) -> None:
        self.framed = "multiplexed-stream" in response.headers.get("Content-Type", "")
        self.live = live
        self.broken = False
        self._content = response.content

    async def more(self, patience: float) -> bytes | None:
        """What comes next, nothing at the end; None when for so many seconds nothing came."""
        try:
            async with asyncio.timeout(patience):
                return await self._content.read(CHUNK)
        except TimeoutError:
            return None
        except (ClientError, OSError):
            self.broken = True
            return b""


class Engine:
    """One daemon, from `async with` to its end. What fails raises SourceError.

    A reason "gone" means that there is no such container, "denied" that a proxy or a daemon does
    not let us ask.
    """

    def __init__(self, url: str, tls: Tls | None = None) -> None:
        self._url, self._tls = url, tls
        scheme = urlsplit(url).scheme
        secure = scheme == "https" or tls is not None
        host = "docker" if scheme == "unix" else urlsplit(url).netloc
        self._base = f"{'https' if secure else 'http'}://{host}"
        self._session: ClientSession | None = None
        self._names: _Names | None = None

    async def __aenter__(self) -> Self:
        timeout = ClientTimeout(total=None, sock_connect=CONNECT)
        self._session = ClientSession(connector=self._connector(), timeout=timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
        if self._names is not None:
            await self._names.close()

    def _connector(self) -> BaseConnector:
        parts = urlsplit(self._url)
        if parts.scheme == "unix":
            return UnixConnector(path=parts.path, limit=0)
        context = _context(self._tls) if self._tls else True
        self._names = _Names()
        return TCPConnector(limit=0, ssl=context, socket_factory=_socket, resolver=self._names)

    async def version(self) -> Mapping[str, Any]:
        """What the daemon says of itself."""
        found = await self._json("/version")
        if not isinstance(found, dict):
            raise SourceError("garbled", "the daemon's word on itself is none")
        return found

    async def containers(self, selection: Selection | None = None) -> list[Listed]:
        """Those that are selected, or all; also those that do not run."""
        filters = {} if selection is None else {"filters": selection.filters()}
        found = await self._json("/containers/json", all="1", **filters)
        if not isinstance(found, list):
            raise SourceError("garbled", "the daemon's list of containers is none")
        listed = [_listed(one) for one in found if isinstance(one, dict)]
        return [one for one in listed if selection is None or selection.fits(one.labels)]

    async def inspect(self, identity: str) -> Status:
        """The state of one."""
        found = await self._json(f"/containers/{quote(identity, safe='')}/json")
        if not isinstance(found, dict):
            raise SourceError("garbled", "the daemon's word on a container is none")
        state, config = found.get("State") or {}, found.get("Config") or {}
        log = (found.get("HostConfig") or {}).get("LogConfig") or {}
        return Status(
            bool(state.get("Running")),
            str(state.get("StartedAt")),
            bool(config.get("Tty")),
            *_limits(str(log.get("Type")), log.get("Config") or {}),
            driver=str(log.get("Type") or ""),
        )

    @asynccontextmanager
    async def log(
        self, identity: str, *, since: int = 0, follow: bool = False, tail: str = "all"
    ) -> AsyncIterator[Answer]:
        """Its log, of entries as old as `since` (nanoseconds) or younger."""
        asked = {"stdout": "1", "stderr": "1", "timestamps": "1", "tail": tail}
        if since > 0:
            asked["since"] = f"{since // SECOND}.{since % SECOND:09}"
        if follow:
            asked["follow"] = "1"
        path = f"/containers/{quote(identity, safe='')}/logs"
        async with self._get(path, asked, FIRST_WORD) as response:
            if "text/" in response.headers.get("Content-Type", "") and not response.headers.get(
                "Api-Version"
            ):
                raise SourceError("garbled", f"{path} is answered with a page, not with a log")
            yield Answer(response, _date(response))

    async def events(self) -> AsyncGenerator[set[str], None]:
        """The containers to which something happened, again and again; its end is the daemon's.

        The first are none: from then on nothing is missed.
        """
        filters = json.dumps({"type": ["container"], "event": ["start", "die", "destroy"]})
        async with self._get("/events", {"filters": filters}, FIRST_WORD) as response:
            yield set()
            with _told("the events"):
                rest = b""
                while data := await response.content.read(CHUNK):
                    *whole, rest = (rest + data).split(b"\n")
                    rest = rest[:LONGEST_EVENT]  # what is longer is none
                    yield {identity for line in whole if (identity := _concerned(line))}

    async def _json(self, path: str, **asked: str) -> Any:
        try:
            async with asyncio.timeout(ANSWER), self._get(path, asked, ANSWER) as response:
                with _told(path):
                    body = await response.content.read(LARGEST)
                    while more := await response.content.read(LARGEST):
                        body += more
                        if len(body) > LARGEST:
                            raise SourceError("too_long", f"{path} is answered without end")
        except TimeoutError:
            text = f"{path} is not answered within {ANSWER:.0f} s; the daemon may hang"
            raise SourceError("timeout", text) from None
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            text = f"{path} is answered with no JSON: is {self._base} an Engine's API?"
            raise SourceError("garbled", text) from None

    @asynccontextmanager
    async def _get(
        self, path: str, asked: Mapping[str, str], patience: float
    ) -> AsyncIterator[ClientResponse]:
        if self._session is None:
            raise ValueError("an engine is asked inside `async with`")
        with _told(self._url):
            request = self._session.get(self._base + path, params=asked, allow_redirects=False)
            try:
                async with asyncio.timeout(patience):
                    response = await request
            except TimeoutError:
                text = f"{path} is not answered within {patience:.0f} s; the daemon may hang"
                raise SourceError("timeout", text) from None
        try:
            if response.status != 200:
                raise await _refusal(path, response)
            yield response
        finally:
            response.close()


@contextmanager
def _told(what: str) -> Iterator[None]:
    """What the library raises, as an error of the source."""
    try:
        yield
    except (ClientConnectorCertificateError, ClientConnectorSSLError, ssl.SSLError) as error:
        raise SourceError("tls", f"{what}: {error}") from error
    except PermissionError as error:
        text = f"{what}: this user may not open the socket; it belongs to the group docker"
        raise SourceError("denied", text) from error
    except (ClientError, OSError) as error:
        cause = error.__cause__ or error
        if isinstance(cause, PermissionError):
            text = f"{what}: this user may not open the socket; it belongs to the group docker"
            raise SourceError("denied", text) from error
        raise SourceError("refused", f"{what}: {error or type(error).__name__}") from error


async def _refusal(path: str, response: ClientResponse) -> SourceError:
    """Why an answer is not the one that was asked for; the daemon says it in JSON, a proxy not."""
    said = ""
    try:
        async with asyncio.timeout(1.0):
            with _told(path):
                body = await response.content.read(4096)
        said = str(json.loads(body).get("message", ""))
    except (TimeoutError, SourceError, ValueError, AttributeError):
        pass
    text = f"{path}: {response.status} {said or response.reason or ''}".rstrip()
    if response.status == 404 and said:
        return SourceError("gone", text)
    if response.status in {401, 403, 405}:
        return SourceError("denied", f"{text}: allow GET of list, inspect, events and logs")
    return SourceError("unreadable" if response.status == 501 else "status", text)


def _listed(one: Mapping[str, Any]) -> Listed:
    names, labels = one.get("Names") or [""], one.get("Labels") or {}
    return Listed(
        str(one.get("Id", "")),
        str(names[0]),
        {str(key): str(value) for key, value in labels.items()},
        running=one.get("State") not in STILL,
    )


def _concerned(line: bytes) -> str:
    """The container that an event is about; nothing where it is none."""
    try:
        found = json.loads(line)
        return str(found.get("id") or (found.get("Actor") or {}).get("ID") or "")
    except (ValueError, AttributeError, RecursionError):
        return ""


def _limits(driver: str, options: Mapping[str, Any]) -> tuple[int, int]:
    """What `max-size` and `max-file` come to, in bytes; the driver `local` has them by itself."""
    local = driver == "local"
    found = SIZE.fullmatch(str(options.get("max-size", "20m" if local else "")))
    files = str(options.get("max-file", "5" if local else "1"))
    if found is None or not files.isdecimal():
        return 0, 0
    size = int(found[1]) * 1000 ** " kmgt".index(found[2].lower() or " ")
    return size, size * int(files)


def _date(response: ClientResponse) -> int:
    """The daemon's time, to the second; 0 where it does not tell."""
    try:
        at = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return 0
    return int(at.timestamp()) * SECOND


def _context(tls: Tls) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        if tls.cert is not None:
            context.load_cert_chain(tls.cert, tls.key)
    except OSError as error:  # SSLError is one
        raise SourceError("tls", f"the files of tls cannot be used: {error}") from error
    return context


class _Names(AbstractResolver):  # the library asks for this class
    """Names to addresses, in a thread of our own: a silent name server stops this source alone."""

    def __init__(self) -> None:
        self._worker = Worker("names of docker")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses that the system gives. Raises OSError."""
        found = await self._worker.do(
            lambda: socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Let the thread end."""
        self._worker.close()


def _socket(address: Any) -> socket.socket:
    """A socket that notices when the other side is gone without a word."""
    made = socket.socket(address[0], address[1], address[2])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE)
    return made
