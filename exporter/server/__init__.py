"""Callables in, an HTTP endpoint out: /metrics, /healthz, /readyz and the page at /.

It knows nothing of the house: what is exposed, ready and shown is asked for at each request.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from socket import socket
from types import MappingProxyType

from aiohttp import web
from aiohttp.http import HttpProcessingError

from exporter.access import OPEN, Access
from exporter.model import Snapshot
from exporter.server.answering import bounded_by, locked_by
from exporter.server.guests import Guests
from exporter.server.limits import CLOSING_SECONDS, USUAL, Limits
from exporter.server.listening import Server, bind, found_at
from exporter.server.pages import Page, Pages, Show
from exporter.server.passwords import Passwords
from exporter.server.posting import Post, Posting, Reply, Sent
from exporter.server.trust import trusted

__all__ = ["Limits", "Page", "Post", "Reply", "Sent", "Server", "serve"]

RENDERERS = 2


@asynccontextmanager
async def serve(
    listen: str,
    *,
    expose: Callable[[], Awaitable[Sequence[Snapshot]]],
    ready: Callable[[], Sequence[str]],
    page: Show,
    on_error: Callable[[Exception], None],
    created: bool = False,
    limits: Limits = USUAL,
    access: Callable[[], Access] = lambda: OPEN,
    refused: Callable[[str], None] = lambda _: None,
    posts: Mapping[str, Post] = MappingProxyType({}),
) -> AsyncIterator[Server]:
    """Listen at HOST:PORT (port 0: any free one) until the context is left.

    `expose` gives what a scrape shows; it is cancelled when it takes too long. `ready` gives the
    reasons why not, none when ready. `page` makes the page at /, with samples of logs or without.
    `on_error` is told of each answer that failed. `created` adds start times to OpenMetrics.
    `access` says what is asked of each new connection and request; `refused` is told why one was
    turned away. `posts` take what is sent, by path. Raises SidewatchError where it cannot listen.
    """
    sockets = await bind(listen)
    executor, passwords = ThreadPoolExecutor(RENDERERS, thread_name_prefix="render"), Passwords()

    def known(request: web.Request) -> bool:
        return trusted(request, access())

    pages = Pages(expose, ready, page, known, executor, created)
    guests = Guests(access, limits, refused)
    runner = web.AppRunner(
        web.Application(
            middlewares=[
                bounded_by(on_error, limits, access),
                locked_by(access, passwords, guests, pages.healthz),
            ]
        ),
        access_log=None,
        logger=_logger(),
        handle_signals=False,
        keepalive_timeout=limits.idle,
        lingering_time=CLOSING_SECONDS,
        auto_decompress=False,  # what a body grows to is bounded by whoever takes it
        max_line_size=limits.line,
        max_field_size=limits.line,
        shutdown_timeout=CLOSING_SECONDS,
    )
    _route(runner.app, pages)
    for path, take in posts.items():
        runner.app.router.add_post(path, Posting(take, limits, known).handle)
    try:
        await runner.setup()
        async with _accepting(guests, sockets, runner):
            yield found_at(sockets[0], secure=access().context is not None)
    finally:
        await runner.cleanup()
        executor.shutdown(wait=False, cancel_futures=True)
        passwords.close()
        for one in sockets:
            one.close()


@asynccontextmanager
async def _accepting(
    guests: Guests, sockets: Sequence[socket], runner: web.AppRunner
) -> AsyncIterator[None]:
    assert runner.server is not None  # noqa: S101 - it has been set up
    tasks = [asyncio.create_task(guests.accept(one, runner.server)) for one in sockets]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        guests.close()


def _route(application: web.Application, pages: Pages) -> None:
    application.router.add_get("/metrics", pages.metrics)
    application.router.add_get("/healthz", pages.healthz)
    application.router.add_get("/readyz", pages.readyz)
    application.router.add_get("/", pages.index)


def _logger() -> logging.Logger:
    """Where the library tells of faults, but not of requests that were none: any port scan is."""
    logger = logging.getLogger(__name__)
    logger.addFilter(_worth_telling)
    return logger


def _worth_telling(record: logging.LogRecord) -> bool:
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)
