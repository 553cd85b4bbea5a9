"""The pages: /metrics, /healthz, /readyz and the one at /."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from aiohttp import hdrs, web
from msgspec import Struct

from exporter.exposition import Form, blocks, choose, compress, wants_gzip, weigh
from exporter.model import Snapshot
from exporter.server.answering import plain

# What more lines than these cost (some two milliseconds) is not taken from the event loop.
LINES_ON_THE_LOOP = 5000
# What a client that takes no gzip is sent is long: encrypted at once, it would hold up all others.
PIECE = 1 << 18


class Page(Struct, frozen=True):
    """The page at /: the policy that a browser is to keep, and what makes it, in a thread."""

    policy: str
    make: Callable[[], str]


# Makes the page, for who may see what logs said or for who may not.
Show = Callable[[bool], Awaitable[Page]]


class Pages(Struct, frozen=True):
    """The answers. Requests share nothing that changes."""

    expose: Callable[[], Awaitable[Sequence[Snapshot]]]
    ready: Callable[[], Sequence[str]]
    page: Show
    trusts: Callable[[web.Request], bool]
    executor: ThreadPoolExecutor
    created: bool

    async def metrics(self, request: web.Request) -> web.Response:
        """What the snapshots show, in the form that the client wants most."""
        form = choose(_header(request, hdrs.ACCEPT))
        packed = wants_gzip(_header(request, hdrs.ACCEPT_ENCODING))
        headers = {"Content-Type": form.content_type, "Vary": "Accept, Accept-Encoding"}
        if packed:
            headers["Content-Encoding"] = "gzip"
        body = await self._body(form, packed=packed)
        if len(body) <= PIECE:
            return web.Response(body=body, headers=headers)
        headers["Content-Length"] = str(len(body))
        return web.Response(body=_pieces(body), headers=headers)

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
        return plain(200, "ok")

    async def readyz(self, _: web.Request) -> web.Response:
        """200, or 503 with one reason a line."""
        reasons = self.ready()
        return plain(503, "\n".join(reasons)) if reasons else plain(200, "ok")

    async def index(self, request: web.Request) -> web.Response:
        """Where a person lands who opens the address."""
        page = await self.page(self.trusts(request))
        text = await asyncio.get_running_loop().run_in_executor(self.executor, page.make)
        headers = {
            "Cache-Control": "no-store",
            "Content-Security-Policy": page.policy,
            "Referrer-Policy": "no-referrer",
        }
        return web.Response(text=text, content_type="text/html", headers=headers)


async def _pieces(body: bytes) -> AsyncIterator[memoryview]:
    """A turn of the loop for each."""
    view = memoryview(body)
    for start in range(0, len(body), PIECE):
        yield view[start : start + PIECE]
        await asyncio.sleep(0)


def _header(request: web.Request, name: str) -> str | None:
    """All lines of a header as one, which is how HTTP means them."""
    return ",".join(request.headers.getall(name, ())) or None
