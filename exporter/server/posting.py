"""What clients send: a body within bounds, handed to whoever takes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web
from msgspec import Struct

from exporter.server.answering import leaving, plain
from exporter.server.limits import Limits


class Sent(Struct, frozen=True):
    """A request's body as it came. The types are in small letters, without parameters."""

    content_type: str
    encoding: str
    body: bytes


class Reply(Struct, frozen=True):
    """What is answered; `retry_after` in whole seconds."""

    status: int
    body: bytes
    content_type: str = "text/plain"
    retry_after: int | None = None


Post = Callable[[Sent], Awaitable[Reply]]


class Posting(Struct):
    """Takes what is sent to one path, from those who are `trusted`."""

    take: Post
    limits: Limits
    trusted: Callable[[web.Request], bool]
    _under_way: int = 0

    async def handle(self, request: web.Request) -> web.Response:
        """Read the body and hand it on; so many at a time, for each holds its body.

        A page in a browser of this host is not trusted, whatever name led it here.
        """
        if not self.trusted(request):
            return leaving(plain(403, "This takes a password, or an address of this host itself."))
        if self._under_way >= self.limits.bodies:
            response = leaving(plain(429, "Too much is being sent. Come again."))
            response.headers[hdrs.RETRY_AFTER] = "1"
            return response
        self._under_way += 1
        try:
            return await self._handle(request)
        finally:
            self._under_way -= 1

    async def _handle(self, request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(self.limits.sent):
                body = await self._body(request)
        except TimeoutError:
            return leaving(plain(408, "The body did not come in time. Send it again."))
        except (ConnectionError, web.RequestPayloadError):
            return leaving(plain(400, "The body came in pieces that are none."))
        if body is None:
            return leaving(plain(413, f"Send {self.limits.body >> 20} MiB at the most."))
        encoding = request.headers.get(hdrs.CONTENT_ENCODING, "").strip().lower()
        reply = await self.take(Sent(request.content_type.lower(), encoding, body))
        response = web.Response(
            status=reply.status, body=reply.body, content_type=reply.content_type
        )
        if reply.retry_after is not None:
            response.headers[hdrs.RETRY_AFTER] = str(reply.retry_after)
        return response

    async def _body(self, request: web.Request) -> bytes | None:
        """The whole body; None where it is too long."""
        if (request.content_length or 0) > self.limits.body:
            return None
        body = bytearray()
        async for piece in request.content.iter_any():
            body += piece
            if len(body) > self.limits.body:
                return None
        return bytes(body)
