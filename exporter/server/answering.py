"""Every answer within bounds: its time, its headers, its refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Server": "sidewatch",
    "X-Content-Type-Options": "nosniff",
}


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


USUAL = Limits()


def bounded_by(on_error: Callable[[Exception], None], limits: Limits) -> Middleware:
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
            response = plain(500, f"This could not be made ({type(error).__name__}).")
        response.headers.update(HEADERS)
        await _send(request, response, limits.send)
        return response

    return bounded


def _refused(refusal: web.HTTPException) -> web.Response:
    """404 or 405, said plainly."""
    response = plain(refusal.status, f"{refusal.reason}. Try GET /metrics, /healthz or /readyz.")
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


def plain(status: int, text: str) -> web.Response:
    """A short answer for people and scripts."""
    return web.Response(status=status, text=f"{text}\n")
