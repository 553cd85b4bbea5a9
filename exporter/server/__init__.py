"""Callables in, an HTTP endpoint out: /metrics, /healthz, /readyz and a small page at /.

It knows nothing of the house: what is exposed, ready and shown is asked for at each request.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.http import HttpProcessingError

from exporter.model import Snapshot
from exporter.server.answering import USUAL, Limits, bounded_by
from exporter.server.listening import Server, bind, found_at
from exporter.server.pages import Pages, View

__all__ = ["Limits", "Server", "View", "serve"]

RENDERERS = 2
CLOSING_SECONDS = 2.0


@asynccontextmanager
async def serve(
    listen: str,
    *,
    expose: Callable[[], Awaitable[Sequence[Snapshot]]],
    ready: Callable[[], Sequence[str]],
    view: Callable[[], View],
    on_error: Callable[[Exception], None],
    created: bool = False,
    limits: Limits = USUAL,
) -> AsyncIterator[Server]:
    """Listen at HOST:PORT (port 0: any free one) until the context is left.

    `expose` gives what a scrape shows; it is cancelled when it takes too long. `ready` gives the
    reasons why not, none when ready. `on_error` is told of each answer that failed. `created` adds
    start times to OpenMetrics. Raises SidewatchError where it cannot listen.
    """
    sockets = await bind(listen)
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
        yield found_at(sockets[0])
    finally:
        await runner.cleanup()
        executor.shutdown(wait=False, cancel_futures=True)
        for one in sockets:
            one.close()


def _application(
    pages: Pages, on_error: Callable[[Exception], None], limits: Limits
) -> web.Application:
    application = web.Application(middlewares=[bounded_by(on_error, limits)])
    application.router.add_get("/metrics", pages.metrics)
    application.router.add_get("/healthz", pages.healthz)
    application.router.add_get("/readyz", pages.readyz)
    application.router.add_get("/", pages.index)
    return application


def _logger() -> logging.Logger:
    """Where the library tells of faults, but not of requests that were none: any port scan is."""
    logger = logging.getLogger(__name__)
    logger.addFilter(_worth_telling)
    return logger


def _worth_telling(record: logging.LogRecord) -> bool:
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)
