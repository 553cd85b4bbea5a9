"""`sidewatch run`: watch, until SIGTERM.

Loading is most of a start. So what it loads is loaded when it runs, and the server beside the rest.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import logging
import mimetypes
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.clock import WallClock
from exporter.commands.loading import uncollected
from exporter.commands.types import Subparsers, add_config, add_web, environment
from exporter.redact import hide, log_the_uncaught

if TYPE_CHECKING:
    from exporter.app.running import Running
    from exporter.server import Server

M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -8, -3, -1  # <malloc.h> of glibc
LARGE = 1 << 17  # bytes; glibc's own, at first
SLACK = 1 << 19  # bytes at the heap's end that are kept: to have them back costs a twentieth more

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
    with uncollected():
        mimetypes.init(())  # no file is served: aiohttp need not read the system's thousand types
        _guess_no_alphabets()
        _tidy_the_heap()
        threading.Thread(target=import_module, args=("exporter.server",), daemon=True).start()
        yield


def _guess_no_alphabets() -> None:
    """Let requests read as UTF-8 what does not say how it is written, as it does without a guesser.

    Who asks Docker or pushes metrics would carry the tables of all the world's alphabets, 4 MiB.
    requests does without since 2.32, and warns of it.
    """
    for guesser in ("chardet", "charset_normalizer"):
        sys.modules.setdefault(guesser, None)  # type: ignore[arg-type]  # so that it is not found
    warnings.filterwarnings("ignore", "Unable to find acceptable character detection")


def _tidy_the_heap() -> None:
    """Let there be one heap, and no large block in it.

    Left to itself, glibc gives threads heaps of their own, each of which keeps what it once needed:
    7 MiB in half an hour of many lines. And once a large block was freed, it puts others like that
    on the heap, too: chunks of logs, scrapes, saves. Each leaves a hole when it goes, and what is
    small and stays settles there: 4 MiB in twelve minutes, without an end in sight. A large block
    that is mapped by itself goes back to the system as soon as it is free.
    """
    with suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, LARGE)
        mallopt(M_TRIM_THRESHOLD, SLACK)


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
