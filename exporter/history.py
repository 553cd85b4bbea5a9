"""Old logs into what a sidewatch would have shown while they were written, step by step.

The present is a clock that follows the lines. Between two steps every line is fed when it was
written, to the very shard that a running sidewatch has; at each step a snapshot is taken, as a
scrape would. So births, ages, quiet windows and hidden series come out as they would have then.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo

from msgspec import Struct

from exporter.clock import SetClock
from exporter.errors import SidewatchError
from exporter.model import Cursor, Snapshot
from exporter.shard import Shard
from parsers import cri, docker_json
from parsers.reading import read
from parsers.times import seconds

SOURCE = "replay"
# So much of a line is waited for before it is handed on without its end, as the engine takes it;
# and so much may stand before the first line that tells its time.
LONGEST = 1 << 20
AFTER_SECONDS = 60.0  # what came last is shown whole once its birth is over


class Log(Struct, frozen=True):
    """One file, or standard input: its stream, and its bytes from the first to the last."""

    cursor: Cursor
    chunks: Iterable[bytes]


class Piece(Struct, frozen=True):
    """Lines that were written within the same second, the last of them at `at`."""

    at: float
    log: Log
    data: bytes


def steps(
    shard: Shard,
    clock: SetClock,
    logs: Sequence[Log],
    step: float,
    *,
    until: float | None = None,
    latest: float = math.inf,
) -> Iterator[tuple[float, Snapshot]]:
    """What would have been shown at each whole multiple of `step` seconds, from the first line on.

    It goes on to `until`, without one for a minute after the last line. `clock` is the shard's. No
    line was written after `latest`, whatever it says. Raises SidewatchError for a log of which no
    line tells its time, and where no line is to be read at all.
    """
    due = math.nan
    each = [pieces(log, shard.zone, latest) for log in logs]
    for piece in heapq.merge(*each, key=lambda one: one.at):
        if until is not None and piece.at > until:
            break
        if math.isnan(due):
            due = math.floor(piece.at / step) * step
            _begin(shard, clock, logs, due)
        while due <= piece.at:
            yield due, _shown(shard, clock, due)
            due += step
        clock.reach(piece.at)
        shard.feed(piece.log.cursor, piece.data)
        shard.lag(piece.log.cursor, 0, piece.at)
    if math.isnan(due):
        raise SidewatchError(
            "no line is left to replay: the logs are empty, or begin after --until"
        )
    end = clock.now() + AFTER_SECONDS if until is None else until
    while due <= end:
        yield due, _shown(shard, clock, due)
        due += step


def _begin(shard: Shard, clock: SetClock, logs: Sequence[Log], at: float) -> None:
    clock.reach(at)
    shard.source_state(SOURCE, up=True)
    for log in logs:
        shard.open(SOURCE, log.cursor)


def _shown(shard: Shard, clock: SetClock, at: float) -> Snapshot:
    clock.reach(at)
    shard.looked(SOURCE)
    return shard.snapshot()


def pieces(log: Log, zone: tzinfo, latest: float = math.inf) -> Iterator[Piece]:
    """A log in pieces of a second at most, in its own order: no time goes back.

    A line that tells no time is of the same time as the one before; those at the very beginning
    are of the first time that is told.
    """
    held: list[bytes] = []
    size, at, torn = 0, math.nan, False
    for line in _lines(log.chunks):
        told = None if torn else line_time(line.rstrip(b"\r\n"), zone)
        torn = not line.endswith(b"\n")
        if told is not None and told <= latest and not told <= at:
            if not math.isnan(at) and math.floor(told) > math.floor(at):
                yield Piece(at, log, b"".join(held))
                held, size = [], 0
            at = told
        held.append(line)
        size += len(line)
        if size >= LONGEST:
            yield Piece(_known(at, log), log, b"".join(held))
            held, size = [], 0
    if held:
        yield Piece(_known(at, log), log, b"".join(held) + (b"\n" if torn else b""))


def _known(at: float, log: Log) -> float:
    if math.isnan(at):
        raise SidewatchError(
            f"{log.cursor.key}: no line tells when it was written; take the log with its "
            "container's times (Docker's json-file, or the CRI's log)"
        )
    return at


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines with their ends. Of one that is too long as much as there is, again and again."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line + b"\n"
        if len(rest) >= LONGEST:
            yield rest
            rest = b""
    if rest:
        yield rest


def line_time(line: bytes, zone: tzinfo) -> float | None:
    """When a line was written: by its envelope, else as it says itself; None where neither tells.

    In seconds since 1970; `zone` is that of times which name none.
    """
    if line[:1] in (b"", b" ", b"\t"):  # it goes on with what stands before it
        return None
    envelope = docker_json.unwrap(line) or cri.unwrap(line)
    raw = envelope.time if envelope else read(line.decode("utf-8", "replace")).time
    return seconds(raw, zone)
