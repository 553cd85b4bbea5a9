"""How much two threads count in the time of one: threads.py PROFILE LOG prints the factor.

Each thread feeds its own shard the same blocks. 2 is what two free cores can give, 1 is what the
interpreter's lock leaves of them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

from exporter.app.assembly import assemble
from exporter.clock import SetClock
from exporter.config import AppPlan, load_profile
from exporter.model import Cursor
from exporter.shard import Shard

BLOCK = 256 * 1024
ROUNDS = 5


def main(profile: str, log: Path) -> None:
    plan, blocks = load_profile(profile, None), _blocks(log.read_bytes())
    factors = sorted(2 * _wall(plan, blocks, 1) / _wall(plan, blocks, 2) for _ in range(ROUNDS))
    print(factors[ROUNDS // 2])


def _wall(plan: AppPlan, blocks: Sequence[bytes], threads: int) -> float:
    shards = [assemble(plan, SetClock(), replaying=True) for _ in range(threads)]
    working = [Thread(target=_feed, args=(shard, blocks)) for shard in shards]
    began = time.perf_counter()
    for one in working:
        one.start()
    for one in working:
        one.join()
    return time.perf_counter() - began


def _feed(shard: Shard, blocks: Sequence[bytes]) -> None:
    cursor = Cursor("log", "log", "file")
    shard.open("log", cursor)
    for block in blocks:
        shard.feed(cursor, block)


def _blocks(text: bytes) -> list[bytes]:
    """The text in blocks of whole lines."""
    found, at = [], 0
    while at < len(text):
        end = text.rfind(b"\n", at, at + BLOCK) + 1 or len(text)
        found.append(text[at:end])
        at = end
    return found


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
