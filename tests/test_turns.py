"""How the event loop's time is shared by those who feed: by a clock that only feeding moves."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from pathlib import Path

from exporter.clock import WallClock
from exporter.sources.files import Files
from exporter.turns import SHARE, Turn, Turns
from tests.support.sinks import KeepingSink
from tests.support.tailing import append

POLL = 3600.0  # that no test waits for: what is counted was told by inotify
LINE = "a line of forty characters and no more."
COST = SHARE / 200  # of a line: the first 8 KiB of a stream are a share


class Time:
    """In seconds; it goes by when somebody feeds, and never else."""

    def __init__(self) -> None:
        self.now = 0.0
        self.turns = Turns(lambda: self.now)
        self.rounds = [0.0]

    def sink(self) -> KeepingSink:
        """One in which a line takes so long."""
        return KeepingSink(turns=self.turns, feeding=self._pass)

    def _pass(self, chunk: bytes) -> None:
        self.now += COST * chunk.count(b"\n")

    async def tell(self) -> None:
        """Note in each round of the loop how late it is."""
        while True:
            await asyncio.sleep(0)
            self.rounds.append(self.now)

    @property
    def longest(self) -> float:
        """How long the loop was held at the most."""
        return max(after - before for before, after in itertools.pairwise(self.rounds))


async def test_twenty_floods_hold_the_loop_up_for_two_shares_and_no_more(tmp_path: Path) -> None:
    time, tasks = Time(), list[asyncio.Task[None]]()
    floods = {tmp_path / f"{number}.log": time.sink() for number in range(20)}
    for log, sink in floods.items():
        append(log, ["first"])
        source = Files(files=(str(log),), from_="beginning", poll=POLL)
        tasks.append(asyncio.create_task(source.run(sink, WallClock())))
    async with asyncio.timeout(60):
        for sink in floods.values():
            await sink.until(1)
        tasks.append(asyncio.create_task(time.tell()))
        for times in range(1, 4):  # read to the end in between, so that each begins anew
            for log in floods:
                append(log, [LINE] * 1000)
            for sink in floods.values():
                await sink.until(1 + 1000 * times)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert time.now > 20 * 3 * 1000 * COST, "all of it was fed"
    # A portion may begin when a share is nearly used up, and takes about one.
    assert time.longest < 2 * 2 * SHARE


async def test_of_all_who_wait_one_comes_back_in_a_round_of_the_loop() -> None:
    time, back = Time(), list[tuple[int, str]]()
    telling = asyncio.create_task(time.tell())

    async def feeding(name: str) -> None:
        turn = Turn(time.turns)
        for _ in range(5):
            with turn:
                time.now += 1.5 * SHARE
            await turn.pause()
            back.append((len(time.rounds), name))

    await asyncio.gather(*map(feeding, "abcd"))
    telling.cancel()
    assert set(Counter(at for at, _ in back).values()) == {1}
    names = [name for _, name in back]
    assert all(set(names[i : i + 4]) == set("abcd") for i in range(0, 20, 4)), names


async def test_who_comes_with_little_need_not_wait_for_those_who_feed_for_long() -> None:
    time = Time()
    flood, one, another = (Turn(time.turns) for _ in range(3))
    with flood:
        time.now += SHARE
    await flood.pause()
    with flood:
        time.now += 5 * SHARE
    assert flood.due
    waiting = asyncio.create_task(flood.pause())
    await asyncio.sleep(0)
    assert not one.due
    with one:
        time.now += 0.9 * SHARE
    assert not another.due
    with another:
        time.now += 0.2 * SHARE
    assert one.due
    assert another.due, "together they have had a share"
    await asyncio.sleep(0)
    assert not one.due
    assert not another.due
    await waiting
    assert not flood.due
