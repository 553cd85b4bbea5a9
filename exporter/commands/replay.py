"""`sidewatch replay`: logs in, the metrics that they make out."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import tzinfo
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
from exporter.sources.files.compressed import Packed
from exporter.sources.files.names import is_packed
from parsers import cri, docker_json
from parsers.reading import read
from parsers.times import seconds

CHUNK = 128 * 1024
FILES = "log files, the oldest first: a gauge is not set back in time; - is standard input"


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
    parser.add_argument("files", nargs="+", metavar="FILE", help=FILES)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Replay every file into one shard and print it."""
    plan = load_profile(arguments.profile, arguments.app)
    clock = SetClock()
    shard = assemble(plan, clock, replaying=True)
    for name in arguments.files:
        if name == "-":
            chunks = _chunks(sys.stdin.buffer)
            _replay(shard, clock, chunks, _stream(arguments, "stdin", "stdin", name))
            continue
        try:
            with closing(_file(name)) as chunks:
                _replay(shard, clock, chunks, _stream(arguments, Path(name).name, "file", name))
        except OSError as error:
            raise SidewatchError(f"{name}: {error.strerror}") from error
    shard.uid = "replay"  # the same log gives the same text
    declare(shard, plan)
    for block in blocks([shard.snapshot(final=True)], Form.TEXT):
        sys.stdout.buffer.write(block)
    return 0


def _stream(arguments: argparse.Namespace, service: str, stream: str, key: str) -> Cursor:
    return Cursor(key, arguments.service or service, stream)


def _replay(shard: Shard, clock: SetClock, chunks: Iterator[bytes], cursor: Cursor) -> None:
    rest = b""
    shard.open("replay", cursor)
    for chunk in chunks:
        if not clock.now():
            clock.reach(_first_time(chunk, shard.zone) or time.time())
        rest += chunk
        rest = rest[shard.feed(cursor, rest) :]
    shard.finish(cursor, rest)


def _first_time(chunk: bytes, zone: tzinfo) -> float | None:
    """When the log begins: what tells no time before the first that does is taken to be of then."""
    for line in chunk.split(b"\n"):
        envelope = docker_json.unwrap(line) or cri.unwrap(line)
        raw = envelope.time if envelope else read(line.decode("utf-8", "replace")).time
        found = seconds(raw, zone)
        if found is not None:
            return found
    return None


def _file(name: str) -> Generator[bytes, None, None]:
    """What the file holds; what a rotation has compressed is unpacked."""
    if not is_packed(name):
        with Path(name).open("rb") as file:
            yield from _chunks(file)
        return
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
