"""`sidewatch run`: watch, until SIGTERM.

Loading is most of a start. So what it loads is loaded when it runs, and the server beside the rest.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.clock import WallClock
from exporter.commands.types import Subparsers, add_config, add_web, environment
from exporter.redact import hide, log_the_uncaught

if TYPE_CHECKING:
    from exporter.app.running import Running
    from exporter.server import Server

M_ARENA_MAX = -8  # <malloc.h> of glibc

log = logging.getLogger("sidewatch")


def add_parser(commands: Subparsers) -> None:
    """Declare the command."""
    parser = commands.add_parser("run", help="watch, and serve /metrics")
    add_config(parser)
    add_web(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read the configuration and watch until SIGTERM or SIGINT; SIGHUP reads it again."""
    with _loading():
        from exporter.config import load  # noqa: PLC0415 - as said above

        config: Path = arguments.config
        environ = environment(arguments)
        plan = load(config, environ)
        from exporter.app.running import Running  # noqa: PLC0415 - as said above
    logging.basicConfig(
        level=plan.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    running = Running(plan, WallClock(), lambda: load(config, environ))
    hide(logging.getLogger().handlers, lambda: running.redactor)
    log_the_uncaught()
    for note in plan.notes:
        log.warning("%s", note)
    asyncio.run(_until_told(running))
    return 0


@contextmanager
def _loading() -> Iterator[None]:
    """While much is loaded that stays.

    aiohttp reads all authorities of the system as it is imported, twice, and lets others work
    meanwhile. Nothing of all this becomes garbage, so to look for some would cost a seventh of it.
    """
    gc.disable()
    _share_one_heap()
    threading.Thread(target=import_module, args=("exporter.server",), daemon=True).start()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _share_one_heap() -> None:
    """Let no thread have a heap of its own, where glibc would give it one.

    Each keeps what it once needed and goes on growing: 7 MiB in half an hour of many lines.
    """
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


async def _until_told(running: Running) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, running.reload)
    await running.run(stop, _say_where)
    log.info("stopped")


def _say_where(server: Server) -> None:
    log.info("metrics at %s/metrics", server.url.rstrip("/"))
