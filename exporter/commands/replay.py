"""`sidewatch replay`: logs in, the metrics that they make out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from exporter.app import assemble, declare
from exporter.clock import SetClock
from exporter.commands.types import Subparsers
from exporter.config import load_profile
from exporter.errors import SidewatchError
from exporter.exposition import Form, blocks
from exporter.model import Cursor
from exporter.shard import Shard

CHUNK = 128 * 1024


def add_parser(commands: Subparsers) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "replay",
        help="count log files and print the metrics",
        description="Counts log files as if they were read live, in the records' own time, and "
        "prints the final values in the Prometheus text format.",
    )
    parser.add_argument("--profile", required=True, help="a profile's name, or a path")
    parser.add_argument("--app", help="the `app` label (the profile's name)")
    parser.add_argument("--service", help="the `service` label (the file's name)")
    parser.add_argument("files", nargs="+", metavar="FILE", help="log files; - is standard input")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Replay every file into one shard and print it."""
    plan = load_profile(arguments.profile, arguments.app)
    shard = assemble(plan, SetClock(), replaying=True)
    declare(shard, plan)
    for name in arguments.files:
        if name == "-":
            _replay(shard, sys.stdin.buffer, arguments.service or "stdin", "stdin", name)
            continue
        try:
            with Path(name).open("rb") as file:
                _replay(shard, file, arguments.service or Path(name).name, "file", name)
        except OSError as error:
            raise SidewatchError(f"{name}: {error.strerror}") from error
    for block in blocks([shard.snapshot(final=True)], Form.TEXT):
        sys.stdout.buffer.write(block)
    return 0


def _replay(shard: Shard, file: BinaryIO, service: str, stream: str, key: str) -> None:
    cursor = Cursor(key, service, stream)
    shard.open("replay", cursor)
    rest = b""
    for chunk in _chunks(file):
        rest += chunk
        rest = rest[shard.feed(cursor, rest) :]
    shard.finish(cursor, rest)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk
