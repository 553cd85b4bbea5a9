"""What a save takes of the event loop, beside the plain way: a row a series, encoded at once.

Run by a person: `./run bench saving [LINES ...]`. The series are those of `bench/exposition.py`, on
real files; every number moves between two saves. First in CPU time, alternated in one run: what
the loop does for a save (copying), what the saving thread does then (packing, checksum, writing),
and the plain way, all of which the loop would do. Then whole saves, and how long they held up the
loop while the thread worked: by the clock of a task that wants to run every 5 ms, and by the work
that the loop itself did between two such ticks.
"""

from __future__ import annotations

import asyncio
import gc
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).parent.parent))

from exporter.shard import Shard
from exporter.state import StateFile
from tests.support.crowd import TICK, Crowd, crowd, holding

ROUNDS = 9
LINES = (1_000, 10_000, 100_000)
MANY = 20  # applications that share the lines of the last row


def plain(shard: Shard) -> bytes:
    """A row a series, and all its numbers in it."""
    values = shard.registry.values
    return msgspec.msgpack.encode(
        [
            [one.family.name, one.labels, one.created, one.index, values[one.index]]
            for _, series in shard.registry.layout()
            for one in series
        ]
    )


def cpu(work: Callable[[], Any]) -> tuple[float, Any]:
    gc.collect()
    before = time.process_time()
    made = work()
    return time.process_time() - before, made


def spread(seconds: list[float]) -> str:
    middle, low, high = statistics.median(seconds), min(seconds), max(seconds)
    return f"{middle * 1e3:.2f} ({low * 1e3:.2f}-{high * 1e3:.2f})"


def table(title: str, heads: tuple[str, ...]) -> None:
    print(f"\n{title}\n| {' | '.join(heads)} |\n| --- |{' ---: |' * (len(heads) - 1)}")


async def costs(lines: int) -> None:
    """CPU of the parts, and of the plain way."""
    with tempfile.TemporaryDirectory() as folder:
        async with crowd(Path(folder), 1, lines) as made:
            (shard,) = made.shards
            file = StateFile(Path(folder), "beside")
            first, state = cpu(shard.dump)
            packing, _ = cpu(lambda: file.save(state, sync=False))
            spent: dict[str, list[float]] = {"loop": [], "thread": [], "plain": []}
            for _ in range(ROUNDS):
                made.move()
                seconds, state = cpu(shard.dump)
                spent["loop"].append(seconds)
                spent["thread"].append(cpu(partial(file.save, state, sync=False))[0])
                spent["plain"].append(cpu(lambda: plain(shard))[0])
            ratio = statistics.median(spent["plain"]) / statistics.median(spent["loop"])
            cells = " | ".join(map(spread, spent.values()))
            size = file.path.stat().st_size / 1000
            print(
                f"| {lines} | {first * 1e3:.2f} | {packing * 1e3:.1f} | {cells} "
                f"| {ratio:.0f}x | {size:.0f} |"
            )


async def whole(apps: int, lines: int) -> None:
    """Saves as they are made while sidewatch runs."""
    with tempfile.TemporaryDirectory() as folder:
        async with crowd(Path(folder), apps, lines) as made:
            async with holding() as held:
                await asyncio.sleep(1.0)
            idle = f"{max(held.waited) * 1e3:.1f}"
            for what, sync, rounds in (
                ("the first", False, 1),
                ("", False, ROUNDS),
                ("fsync", True, ROUNDS),
            ):
                cells = " | ".join(map(spread, await saves(made, rounds, sync=sync)))
                print(f"| {apps} x {lines} {what} | {cells} | {idle} |")
            if made.saver.degraded:
                print("A save took too long: the machine is too busy for these figures.")


async def saves(made: Crowd, rounds: int, *, sync: bool) -> list[list[float]]:
    took, waited, worked = [], [], []
    for _ in range(rounds):
        made.clock.advance(2)
        made.move()
        gc.collect()
        async with holding() as held:
            before = time.perf_counter()
            await made.saver.save(sync=sync)
            took.append(time.perf_counter() - before)
        waited.append(max(held.waited))
        worked.append(max(held.worked))
    return [took, waited, worked]


def main() -> None:
    asked = tuple(map(int, sys.argv[1:])) or LINES
    versions = f"Python {platform.python_version()}, msgspec {version('msgspec')}"
    print(f"{os.cpu_count()} cores, {versions}; a tick every {TICK * 1e3:g} ms, {ROUNDS} rounds")
    table(
        "CPU of one save, ms",
        (
            "lines",
            "loop, first",
            "thread, first",
            "loop",
            "thread",
            "a row a series",
            "of the loop",
            "kB",
        ),
    )
    for lines in asked:
        asyncio.run(costs(lines))
    table(
        "Whole saves, ms",
        (
            "applications x lines",
            "saved in",
            "loop held up by the clock",
            "its own work",
            "the clock, idle",
        ),
    )
    for lines in asked:
        asyncio.run(whole(1, lines))
    asyncio.run(whole(MANY, asked[-1] // MANY))


if __name__ == "__main__":
    main()
