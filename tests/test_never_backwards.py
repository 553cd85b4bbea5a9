"""Whatever happens in whatever order, nothing that was shown is less later, and all is counted.

One application is driven by dice: it logs, is read in chunks, scraped, left idle, killed, and its
disk fails. What is expected is what was written.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import pytest

from tests.support.desk import SOURCE, Desk, started
from tests.support.scrape import Samples

GROWING = ("_total", "_count", "_bucket", "_sum")
PAUSES = (0.0, 0.3, 1.0, 10.0, 31.0, 120.0, 3700.0, 9000.0)


class Player:
    """Throws the dice and watches."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.dice = Random(seed)
        self.desk = Desk(folder)
        self.written = 0
        self.highest: Samples = {}
        self.idle = 0.0

    async def play(self, moves: int) -> None:
        kinds: dict[Callable[[], Awaitable[None]], int] = {
            self.write: 6,
            self.read: 6,
            self.scrape: 8,
            self.wait: 4,
            self.save: 1,
            self.spoil_disk: 1,
            self.kill: 2,
        }
        for move in self.dice.choices(list(kinds), list(kinds.values()), k=moves):
            await move()

    async def write(self) -> None:
        for _ in range(self.dice.choice([1, 2, 30])):
            self.written += 1
            job = f"Job{self.dice.randrange(6)}"
            ran = f"[INFO] Completed job job_class={job} job_queue=default job_duration=0.5"
            self.desk.write(self.dice.choice([started(job), ran]))

    async def read(self) -> None:
        cursor = self.desk.open()
        unread = self.desk.log[cursor.offset :]
        self.desk.shard.lag(cursor, len(unread), self.desk.clock.now())
        chunk = unread[: self.dice.choice([7, 300, len(unread)])]
        self.desk.shard.feed(cursor, chunk)
        self.idle = 0.0
        if self.dice.random() < 0.7:  # the source tells later, or is killed before
            waiting = len(self.desk.log) - cursor.offset
            self.desk.shard.lag(cursor, waiting, self.desk.clock.now())
            self.desk.shard.looked(SOURCE)

    async def scrape(self) -> None:
        for key, value in (await self.desk.page()).items():
            if key[0].endswith(GROWING):
                assert value >= self.highest.get(key, 0.0), key
                self.highest[key] = value

    async def wait(self) -> None:
        """Not for a day, after which a series starts anew."""
        pause = self.dice.choice(PAUSES)
        if self.idle + pause < 20 * 3600:
            self.idle += pause
            self.desk.clock.advance(pause)

    async def save(self) -> None:
        await self.desk.saver.save()

    async def spoil_disk(self) -> None:
        """Nothing can be written from now on; or it can again."""
        in_the_way = self.desk.file.path.with_suffix(".state.new")
        if in_the_way.is_dir():
            in_the_way.rmdir()
        else:
            in_the_way.unlink(missing_ok=True)
            in_the_way.mkdir(parents=True)

    async def kill(self) -> None:
        if self.desk.saver.degraded:
            self.highest = {}  # the promise was suspended
        self.desk.restart(opening=self.dice.random() < 0.8)


@pytest.mark.parametrize("seed", range(12))
async def test_nothing_shown_is_ever_taken_back(tmp_path: Path, seed: int) -> None:
    player = Player(tmp_path, seed)
    await player.play(400)
    await _hold(player)


async def _hold(player: Player) -> None:
    """All is read at last, and shown once births and backlogs are over."""
    desk = player.desk
    if desk.file.path.with_suffix(".state.new").is_dir():
        await player.spoil_disk()
    await player.write()  # what is idle would be hidden
    cursor = desk.open()
    desk.shard.feed(cursor, desk.log[cursor.offset :])
    desk.shard.lag(cursor, 0, desk.clock.now())
    for _ in range(3):
        desk.clock.advance(40)
        await player.scrape()
    assert await desk.scrape() == player.written
