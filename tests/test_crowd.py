"""A hundred thousand series, and twenty applications: everybody else's turn comes soon."""

from __future__ import annotations

import asyncio
import gc
import statistics
from pathlib import Path

import pytest

from exporter import saving
from exporter.model import Snapshot
from exporter.saving import Saver
from exporter.shard import Shard
from tests.support.crowd import FORMS, Crowd, Held, crowd, holding
from tests.support.desk import Desk, at_once, lines

LINES = 100_000


def _hold(held: Held, own: float) -> None:
    """The loop's own work between two ticks is bounded; what others usually wait is, too.

    The first is what the promise is about, and hardly feels a busy machine. How late the latest
    tick came does: a machine that gives this process no core makes any tick late.
    """
    assert max(held.worked) < own
    assert statistics.median(held.waited) < 0.05


@pytest.mark.alone(reason="it asserts how long the loop is held up")
@pytest.mark.usefixtures("heap_of_its_own")
async def test_a_hundred_thousand_series_hold_up_the_loop_for_no_50_ms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "PATIENCE_SECONDS", 20.0)  # what is late is another test's subject
    async with crowd(tmp_path, 1, LINES) as made:
        gc.collect()
        async with holding() as held:
            _, first = await made.scrape(FORMS["text, gzip"])  # all of them are born
            made.clock.advance(31)
            for form in ("text, gzip", "OpenMetrics, gzip"):
                _, size = await made.scrape(FORMS[form])
                assert size > first > LINES
        _hold(held, own=0.05)
        assert min([await _latest(made) for _ in range(4)]) < 0.1, "nor does a thread"
        async with holding() as held:
            made.behind(90)
            await made.scrape(FORMS["text, gzip"])
        _hold(held, own=0.05)
        made.clock.advance(2)
        made.move()
        async with holding() as held:
            assert await made.saver.save(sync=True)
        _hold(held, own=0.01)


async def _latest(made: Crowd) -> float:
    """How late the latest tick came while a scrape was answered, in seconds."""
    async with holding() as held:
        await made.scrape(FORMS["text, gzip"])
    return max(held.waited)


async def test_each_application_is_shown_in_a_turn_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desks = [Desk(tmp_path, app=f"app{number}") for number in range(5)]
    saver = Saver(desks[0].clock, at_once)
    for desk in desks:
        saver.add(desk.shard, desk.file)
        desk.says(*lines(2))
    turn, seen = 0, []
    snapshot = Shard.snapshot

    def noting(shard: Shard, *, final: bool = False) -> Snapshot:
        seen.append((shard.app, turn))
        return snapshot(shard, final=final)

    async def turning() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(Shard, "snapshot", noting)
    others = asyncio.create_task(turning())
    for _ in range(2):  # one that saves all, one that has nothing to save
        assert len(await saver.expose()) == len(desks)
        turns = [at for _, at in seen]
        assert len(turns) == len(set(turns)) >= len(desks)
        seen.clear()
    others.cancel()
