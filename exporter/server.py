"""Callables in, an HTTP endpoint out: /metrics, /healthz, /readyz and a small page at /.

It knows nothing of the house: what is exposed, ready and shown is asked for at each request.
"""

from __future__ import annotations

import asyncio
import errno
import html
import logging
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from aiohttp import hdrs, web
from aiohttp.http import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

from exporter.errors import SidewatchError
from exporter.exposition import Form, blocks, choose, compress, wants_gzip, weigh
from exporter.model import Snapshot

# What more lines than these cost (some two milliseconds) is not taken from the event loop.
LINES_ON_THE_LOOP = 5000
RENDERERS = 2
CLOSING_SECONDS = 2.0
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Server": "sidewatch",
    "X-Content-Type-Options": "nosniff",
}
LISTEN = re.compile(r"(?:\[(?P<six>[^][]+)\]|(?P<host>[^][:]*)):(?P<port>[0-9]{1,5})")
ADVICE = {
    errno.EADDRINUSE: "Another program listens there: stop it, or choose another port.",
    errno.EACCES: "This user may not: choose a port above 1023.",
    errno.EADDRNOTAVAIL: "This host has no such address: choose 127.0.0.1, or :PORT for all.",
}
ADVICE_ELSE = "Write HOST:PORT, like 127.0.0.1:9877, [::1]:9877, or :9877 for all addresses."
# An address of a family that this host lacks is passed over where a name has others.
LACKING = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


@dataclass(frozen=True, slots=True)
class View:
    """What the page at / says."""

    version: str
    apps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may take, in seconds; `line` in bytes, for the request and each header.

    `idle` bounds the wait for a whole request, the first of a connection and each later one;
    Prometheus keeps its connections, so it is longer than a usual scrape interval. `make` bounds
    the making of an answer, `send` the taking of it by a slow client.
    """

    idle: float = 150.0
    make: float = 30.0
    send: float = 30.0
    line: int = 8190


@dataclass(frozen=True, slots=True)
class Server:
    """A listening server: its true port, and the URL at which a browser on this host finds it."""

    port: int
    url: str


@dataclass(frozen=True, slots=True)
class Pages:
    """The answers. Requests share nothing that changes."""

    expose: Callable[[], Awaitable[Sequence[Snapshot]]]
    ready: Callable[[], Sequence[str]]
    view: Callable[[], View]
    executor: ThreadPoolExecutor
    created: bool

    async def metrics(self, request: web.Request) -> web.Response:
        """What the snapshots show, in the form that the client wants most."""
        form = choose(_header(request, hdrs.ACCEPT))
        packed = wants_gzip(_header(request, hdrs.ACCEPT_ENCODING))
        headers = {"Content-Type": form.content_type, "Vary": "Accept, Accept-Encoding"}
        if packed:
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=await self._body(form, packed=packed), headers=headers)

    async def _body(self, form: Form, *, packed: bool) -> bytes:
        snapshots = await self.expose()

        def make() -> bytes:
            pieces = blocks(snapshots, form, created=self.created)
            return compress(pieces) if packed else b"".join(pieces)

        if weigh(snapshots) <= LINES_ON_THE_LOOP:
            return make()
        return await asyncio.get_running_loop().run_in_executor(self.executor, make)

    async def healthz(self, _: web.Request) -> web.Response:
        """200 from the first second: the process runs."""
        return _text(200, "ok")

    async def readyz(self, _: web.Request) -> web.Response:
        """200, or 503 with one reason a line."""
        reasons = self.ready()
        return _text(503, "\n".join(reasons)) if reasons else _text(200, "ok")

    async def index(self, _: web.Request) -> web.Response:
        """Where a person lands who opens the address."""
        return web.Response(text=_page(self.view()), content_type="text/html")


@asynccontextmanager
async def serve(
    listen: str,
    *,
    expose: Callable[[], Awaitable[Sequence[Snapshot]]],
    ready: Callable[[], Sequence[str]],
    view: Callable[[], View],
    on_error: Callable[[Exception], None],
    created: bool = False,
    limits: Limits = Limits(),
) -> AsyncIterator[Server]:
    """Listen at HOST:PORT (port 0: any free one) until the context is left.

    `expose` gives what a scrape shows; it is cancelled when it takes too long. `ready` gives the
    reasons why not, none when ready. `on_error` is told of each answer that failed. `created` adds
    start times to OpenMetrics. Raises SidewatchError where it cannot listen.
    """
    sockets = await _bind(listen)
    executor = ThreadPoolExecutor(RENDERERS, thread_name_prefix="render")
    runner = web.AppRunner(
        _application(Pages(expose, ready, view, executor, created), on_error, limits),
        access_log=None,
        logger=_logger(),
        handle_signals=False,
        keepalive_timeout=limits.idle,
        lingering_time=CLOSING_SECONDS,
        max_line_size=limits.line,
        max_field_size=limits.line,
        shutdown_timeout=CLOSING_SECONDS,
    )
    try:
        await runner.setup()
        for one in sockets:
            await web.SockSite(runner, one).start()
        yield _server(sockets[0])
    finally:
        await runner.cleanup()
        executor.shutdown(wait=False, cancel_futures=True)
        for one in sockets:
            one.close()


def _logger() -> logging.Logger:
    """Where the library tells of faults, but not of requests that were none: any port scan is."""
    logger = logging.getLogger(__name__)
    logger.addFilter(_worth_telling)
    return logger


def _worth_telling(record: logging.LogRecord) -> bool:
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)


# -- answering ----------------------------------------------------------------------------------


def _application(
    pages: Pages, on_error: Callable[[Exception], None], limits: Limits
) -> web.Application:
    application = web.Application(middlewares=[_bounded(on_error, limits)])
    application.router.add_get("/metrics", pages.metrics)
    application.router.add_get("/healthz", pages.healthz)
    application.router.add_get("/readyz", pages.readyz)
    application.router.add_get("/", pages.index)
    return application


def _bounded(on_error: Callable[[Exception], None], limits: Limits) -> Middleware:
    """Every answer in bounded time, and an answer whatever fails: the process lives on."""

    @web.middleware
    async def bounded(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            async with asyncio.timeout(limits.make):
                response = await handler(request)
        except web.HTTPException as refusal:
            response = _refused(refusal)
        except Exception as error:  # noqa: BLE001  whatever it is, the next scrape is answered
            on_error(error)
            response = _text(500, f"This could not be made ({type(error).__name__}).")
        response.headers.update(HEADERS)
        await _send(request, response, limits.send)
        return response

    return bounded


def _refused(refusal: web.HTTPException) -> web.Response:
    """404 or 405, said plainly."""
    response = _text(refusal.status, f"{refusal.reason}. Try GET /metrics, /healthz or /readyz.")
    if hdrs.ALLOW in refusal.headers:
        response.headers[hdrs.ALLOW] = refusal.headers[hdrs.ALLOW]
    return response


async def _send(request: web.Request, response: web.StreamResponse, seconds: float) -> None:
    """Hand the whole answer to the kernel, or end the connection when that takes too long."""
    transport = request.transport
    if transport is None:
        return
    # Nothing waits in our own buffers after this, so a connection closed later closes at once.
    transport.set_write_buffer_limits(0)
    try:
        async with asyncio.timeout(seconds):
            await response.prepare(request)
            await response.write_eof()
    except (TimeoutError, ConnectionError):
        transport.abort()


def _header(request: web.Request, name: str) -> str | None:
    """All lines of a header as one, which is how HTTP means them."""
    return ",".join(request.headers.getall(name, ())) or None


def _text(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n")


def _page(view: View) -> str:
    apps = "".join(f"<li>{html.escape(app)}</li>" for app in view.apps)
    links = "".join(
        f'<li><a href="{path}">{path}</a>: {what}</li>'
        for path, what in (
            ("/metrics", "the metrics"),
            ("/healthz", "whether the process runs"),
            ("/readyz", "whether every source has caught up"),
        )
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>sidewatch</title>'
        '<meta name="viewport" content="width=device-width"></head><body>'
        f"<h1>sidewatch {html.escape(view.version)}</h1><ul>{links}</ul>"
        f"<h2>Applications</h2><ul>{apps or '<li>none</li>'}</ul></body></html>\n"
    )


# -- listening ----------------------------------------------------------------------------------


async def _bind(listen: str) -> list[socket.socket]:
    """A listening socket for each address that the host's name has, all at one port."""
    found = LISTEN.fullmatch(listen)
    if found is None or int(found["port"]) > 65535:
        raise SidewatchError(f"cannot listen on {listen!r}. {ADVICE_ELSE}")
    port = int(found["port"])
    sockets: list[socket.socket] = []
    failures: list[OSError] = []
    for family, address in await _addresses(found["six"] or found["host"], listen):
        try:
            sockets.append(socket.create_server((address[0], port, *address[2:]), family=family))
        except OSError as error:
            failures.append(error)
        else:
            port = sockets[-1].getsockname()[1]
    for failure in failures:
        if not sockets or failure.errno not in LACKING:
            for one in sockets:
                one.close()
            raise _unbound(listen, failure) from failure
    return sockets


async def _addresses(host: str, listen: str) -> list[tuple[int, tuple[Any, ...]]]:
    """What the name resolves to, all addresses of this host for none; each once."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        raise _unbound(listen, error) from error
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _unbound(listen: str, error: OSError | UnicodeError) -> SidewatchError:
    reason = getattr(error, "strerror", None) or str(error)
    advice = ADVICE.get(getattr(error, "errno", None) or 0, ADVICE_ELSE)
    return SidewatchError(f"cannot listen on {listen}: {reason}. {advice}")


def _server(listening: socket.socket) -> Server:
    host, port = listening.getsockname()[:2]
    address = ip_address(host.partition("%")[0])
    if address.is_unspecified:
        host = "127.0.0.1" if address.version == 4 else "::1"
    return Server(port, f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
