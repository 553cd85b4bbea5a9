"""What a save takes of the event loop, beside the plain way: a row a series, encoded at once.

Run by a person: `./run bench saving [--write] [LINES ...]`. The series are those of
`bench/exposition.py`, on real files; every number moves between two saves. First in CPU,
alternated in one run: what the loop does for a save (copying), what the saving thread does then
(packing, checksum, writing), and the plain way, all of which the loop would do. Then whole saves;
see `scraped.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
from report import heading, ratios, spread, table, write
from scraped import saves

from exporter.shard import Shard
from exporter.state import StateFile
from tests.support.crowd import crowd

ROUNDS = 9
LINES = (1_000, 10_000, 100_000)
MANY = 20  # applications that share the lines of the last rows
HEADS = (
    "lines",
    "loop",
    "thread",
    "a row a series",
    "beside the loop",
    "first: loop",
    "thread",
    "kB",
)


def plain(shard: Shard) -> bytes:
    """A row a series, and its first number in it."""
    values = shard.registry.values
    return msgspec.msgpack.encode(
        [
            [one.family.name, one.labels, one.created, one.index, values[one.index]]
            for _, series in shard.registry.layout()
            for one in series
        ]
    )


def cpu(work: Callable[[], Any]) -> tuple[float, Any]:
    """In milliseconds, and what came of it."""
    gc.collect()
    before = time.process_time()
    made = work()
    return (time.process_time() - before) * 1e3, made


async def costs(lines: int) -> tuple[str, ...]:
    """CPU of the parts, and of the plain way."""
    with tempfile.TemporaryDirectory() as folder:
        async with crowd(Path(folder), 1, lines) as made:
            (shard,) = made.shards
            file = StateFile(Path(folder), "beside")
            first, state = cpu(shard.dump)
            packing, _ = cpu(partial(file.save, state, sync=False))
            loop, thread, rows = [], [], []
            for _ in range(ROUNDS):
                made.move()
                spent, state = cpu(shard.dump)
                loop.append(spent)
                thread.append(cpu(partial(file.save, state, sync=False))[0])
                rows.append(cpu(partial(plain, shard))[0])
            return (
                str(lines),
                *map(spread, (loop, thread, rows)),
                spread(ratios(rows, loop), "x"),
                f"{first:.2f}",
                f"{packing:.1f}",
                f"{file.path.stat().st_size / 1000:.0f}",
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lines", nargs="*", type=int, default=LINES)
    parser.add_argument(
        "--write", action="store_true", help="put the figures into docs/performance.md"
    )
    asked = parser.parse_args()
    sizes = [(1, lines) for lines in asked.lines] + [(MANY, asked.lines[-1] // MANY)]
    text = "\n\n".join(
        [
            heading("./run bench saving", f"msgspec {version('msgspec')}"),
            f"CPU of one save in ms; {ROUNDS} rounds.",
            table(HEADS, [asyncio.run(costs(lines)) for lines in asked.lines]),
            saves(sizes),
        ]
    )
    print(text)
    if asked.write:
        write("saving", text)


if __name__ == "__main__":
    main()
