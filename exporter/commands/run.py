"""`sidewatch run`: watch, until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
from pathlib import Path

from exporter.app import Running
from exporter.clock import WallClock
from exporter.commands.types import Subparsers, add_config, add_web, environment
from exporter.config import load
from exporter.redact import hide, log_the_uncaught
from exporter.server import Server

log = logging.getLogger("sidewatch")


def add_parser(commands: Subparsers) -> None:
    """Declare the command."""
    parser = commands.add_parser("run", help="watch, and serve /metrics")
    add_config(parser)
    add_web(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read the configuration and watch until SIGTERM or SIGINT; SIGHUP reads it again."""
    gc.freeze()  # the code that was loaded never becomes garbage
    config: Path = arguments.config
    environ = environment(arguments)
    plan = load(config, environ)
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
