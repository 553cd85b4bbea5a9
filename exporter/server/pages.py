"""The pages: /metrics, /healthz, /readyz and a small one at /."""

from __future__ import annotations

import asyncio
import html
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from aiohttp import hdrs, web

from exporter.exposition import Form, blocks, choose, compress, wants_gzip, weigh
from exporter.model import Snapshot
from exporter.server.answering import plain

# What more lines than these cost (some two milliseconds) is not taken from the event loop.
LINES_ON_THE_LOOP = 5000


@dataclass(frozen=True, slots=True)
class View:
    """What the page at / says."""

    version: str
    apps: tuple[str, ...] = ()


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
        return plain(200, "ok")

    async def readyz(self, _: web.Request) -> web.Response:
        """200, or 503 with one reason a line."""
        reasons = self.ready()
        return plain(503, "\n".join(reasons)) if reasons else plain(200, "ok")

    async def index(self, _: web.Request) -> web.Response:
        """Where a person lands who opens the address."""
        return web.Response(text=_page(self.view()), content_type="text/html")


def _header(request: web.Request, name: str) -> str | None:
    """All lines of a header as one, which is how HTTP means them."""
    return ",".join(request.headers.getall(name, ())) or None


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
