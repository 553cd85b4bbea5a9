"""`sidewatch replay`: logs in, the metrics that they make out."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, tzinfo
from pathlib import Path
from typing import BinaryIO

from exporter.app.assembly import assemble, declare
from exporter.clock import SetClock
from exporter.commands.application import application
from exporter.commands.types import Subparsers
from exporter.config import AppPlan, load, load_profile, seconds
from exporter.errors import SidewatchError
from exporter.exposition import Form, blocks, timeline
from exporter.history import SOURCE, Log, line_time, steps
from exporter.model import Cursor
from exporter.shard import Shard
from exporter.sources.files import Files
from exporter.sources.files.compressed import Packed
from exporter.sources.files.discover import ident_of
from exporter.sources.files.identity import Ident
from exporter.sources.files.names import is_packed
from exporter.sources.files.services import service_of
from exporter.sources.stdin import Stdin
from parsers import times

CHUNK = 1 << 17  # of glibc's heap: what is larger has its pages made anew each time
FILES = "log files, the oldest first: a gauge is not set back in time; - is standard input"
OPENMETRICS = (
    "print what would have been shown while the logs were written, each number with its time, as "
    "OpenMetrics for `promtool tsdb create-blocks-from openmetrics`; the order of files is free"
)
STEP = 15.0


def add_parser(commands: Subparsers) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "replay",
        help="count log files and print the metrics",
        description="Counts log files as if they were read live, in the records' own time, and "
        "prints the final values in the Prometheus text format, or all values with their times.",
    )
    plan = parser.add_mutually_exclusive_group(required=True)
    plan.add_argument("--profile", help="a profile's name, or a path")
    plan.add_argument(
        "--config", type=Path, metavar="FILE", help="a configuration, for --app of it"
    )
    parser.add_argument("--app", help="the `app` label (the profile's name)")
    parser.add_argument(
        "--service",
        help="the `service` label (as live: by the configuration, else the file's name)",
    )
    parser.add_argument("--openmetrics", action="store_true", help=OPENMETRICS)
    parser.add_argument(
        "--step", type=_step, metavar="TIME", help="between two numbers of a series (15s)"
    )
    parser.add_argument(
        "--until", type=_moment, metavar="TIME", help="when to end: 2026-11-20T23:58:29Z"
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help=FILES)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Replay every file into one shard and print it."""
    if not arguments.openmetrics and (arguments.step or arguments.until):
        raise SidewatchError("--step and --until are for --openmetrics")
    plan = _plan(arguments)
    logs = list(_logs(arguments, plan))
    told = _timeline(plan, logs, arguments) if arguments.openmetrics else _final(plan, logs)
    for block in told:
        sys.stdout.buffer.write(block)
    return 0


def _plan(arguments: argparse.Namespace) -> AppPlan:
    if arguments.profile is not None:
        return load_profile(arguments.profile, arguments.app)
    return application(load(arguments.config), arguments.config, arguments.app)


def _logs(arguments: argparse.Namespace, plan: AppPlan) -> Iterator[Log]:
    """The files with their services, which are those of `run` where the application reads them."""
    sources = [one.source for one in plan.logs]
    piped = next((one.service for one in sources if isinstance(one, Stdin)), "stdin")
    live: dict[Ident, str] = {}
    for one in reversed(sources):  # of two that read a file the first is meant
        if isinstance(one, Files) and not arguments.service:
            live.update(one.services())
    for name in arguments.files:
        if name == "-":
            cursor = Cursor(name, arguments.service or piped, "stdin")
            yield Log(cursor, _chunks(sys.stdin.buffer))
            continue
        ident = ident_of(name)
        service = arguments.service or (ident and live.get(ident)) or service_of(name)
        yield Log(Cursor(name, service, "file"), _file(name))


def _timeline(plan: AppPlan, logs: list[Log], arguments: argparse.Namespace) -> Iterator[bytes]:
    clock = SetClock()
    shard = assemble(plan, clock)
    shard.uid = SOURCE  # the same log gives the same text
    declare(shard, plan)
    step, until = arguments.step or STEP, arguments.until
    return timeline(steps(shard, clock, logs, step, until=until, latest=time.time()))


def _final(plan: AppPlan, logs: list[Log]) -> Iterator[bytes]:
    clock = SetClock()
    shard = assemble(plan, clock, replaying=True)
    for log in logs:
        _replay(shard, clock, log)
    shard.uid = SOURCE
    declare(shard, plan)
    return blocks([shard.snapshot(final=True)], Form.TEXT)


def _replay(shard: Shard, clock: SetClock, log: Log) -> None:
    rest = b""
    shard.open(SOURCE, log.cursor)
    for chunk in log.chunks:
        if not clock.now():
            clock.reach(_first_time(chunk, shard.zone) or time.time())
        rest += chunk
        rest = rest[shard.feed(log.cursor, rest) :]
    shard.finish(log.cursor, rest)


def _first_time(chunk: bytes, zone: tzinfo) -> float | None:
    """When the log begins: what tells no time before the first that does is taken to be of then."""
    times = (line_time(line, zone) for line in chunk.split(b"\n"))
    return next((each for each in times if each is not None), None)


def _step(text: str) -> float:
    try:
        found = seconds(text)
    except ValueError:
        found = 0.0
    if found < 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time like 15s, of one second at least")
    return found


def _moment(text: str) -> float:
    found = times.seconds(text, UTC)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time like 2026-11-20T23:58:29Z")
    return found


def _file(name: str) -> Iterator[bytes]:
    """What the file holds; what a rotation has compressed is unpacked."""
    try:
        if is_packed(name):
            yield from _unpacked(name)
            return
        with Path(name).open("rb") as file:
            yield from _chunks(file)
    except OSError as error:
        raise SidewatchError(f"{name}: {error.strerror}") from error


def _unpacked(name: str) -> Iterator[bytes]:
    at = 0
    with closing(Packed(name)) as packed:
        while chunk := packed.at(at, CHUNK):
            yield chunk
            at += len(chunk)
    if packed.damage is not None:
        raise SidewatchError(f"{name}: cannot be unpacked to its end: {packed.damage}")


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk
