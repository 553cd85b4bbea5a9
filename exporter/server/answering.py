"""Every answer within bounds: its time, its headers, its refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from exporter.access import Access
from exporter.server.guests import Guests
from exporter.server.limits import Limits
from exporter.server.passwords import Busy, Passwords

Ask = Callable[[], Access]
BODILESS = ("GET", "HEAD")
BUSY_SECONDS = 1.0  # whoever floods waits for each "no"

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Server": "sidewatch",
    "X-Content-Type-Options": "nosniff",
}


def bounded_by(on_error: Callable[[Exception], None], limits: Limits, access: Ask) -> Middleware:
    """Every answer in bounded time, and an answer whatever fails: the process lives on."""

    @web.middleware
    async def bounded(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await made(request, handler)
        _decorate(response, access().headers)
        await _send(request, response, limits.send)
        return response

    async def made(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            async with asyncio.timeout(limits.make):
                return await handler(request)
        except web.HTTPException as refusal:
            return _refused(refusal)
        except Exception as error:  # noqa: BLE001  whatever it is, the next scrape is answered
            on_error(error)
            return plain(500, f"This could not be made ({type(error).__name__}).")

    return bounded


def locked_by(access: Ask, passwords: Passwords, guests: Guests, free: Handler) -> Middleware:
    """Nothing without a password where users have one, but the page `free`.

    Who has been let through loses his connection to nobody until he is answered.
    """

    @web.middleware
    async def locked(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method in BODILESS and request.body_exists:
            return leaving(plain(400, f"A {request.method} has no body."))
        users = access().users
        if users and request.match_info.handler != free:
            refusal = await refused(request, users)
            if refusal is not None:
                return refusal
        with guests.answering(request.transport):
            return await handler(request)

    async def refused(request: web.Request, users: Mapping[str, bytes]) -> web.Response | None:
        given = request.headers.get(hdrs.AUTHORIZATION)
        try:
            if await passwords.right(users, given, request.remote or ""):
                return None
        except Busy:
            guests.refused("busy")
            await asyncio.sleep(BUSY_SECONDS)
            response = plain(429, "Too many passwords are being tried. Come again.")
            response.headers[hdrs.RETRY_AFTER] = "1"
            return response
        guests.refused("credentials")
        response = plain(401, "This needs a user and its password.")
        response.headers[hdrs.WWW_AUTHENTICATE] = 'Basic realm="sidewatch", charset="UTF-8"'
        return response

    return locked


def leaving(response: web.Response) -> web.Response:
    """An answer after which nothing more is read from the client."""
    response.force_close()
    return response


def _decorate(response: web.StreamResponse, own: Mapping[str, str]) -> None:
    """Our headers, then the operator's; an empty one takes ours away."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)  # a page may bring a policy of its own
    for name, value in own.items():
        if value:
            response.headers[name] = value
        else:
            response.headers.popall(name, None)


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
    # (A byte may: from 0 on, asyncio's TLS pauses at an empty buffer and does not go on.)
    transport.set_write_buffer_limits(high=1, low=0)
    try:
        async with asyncio.timeout(seconds):
            await response.prepare(request)
            await response.write_eof()
    except (TimeoutError, ConnectionError):
        transport.abort()


def plain(status: int, text: str) -> web.Response:
    """A short answer for people and scripts."""
    return web.Response(status=status, text=f"{text}\n")
