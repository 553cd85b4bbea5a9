"""Logs that lose what was not read: bytes that are counted as gone, lines that have no rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.app.assembly import assemble
from exporter.clock import SetClock
from exporter.config import load_profile
from exporter.engine.joining import LONGEST_LINE
from exporter.model import Cursor
from exporter.shard import Shard
from tests.support.desk import SOURCE, Desk
from tests.support.hostile import cri, docker

TIME = "2026-11-20T23:59:58.123456789Z"
FAILED = b"[ERROR] Job failed number=1"
Wrap = Callable[..., bytes]


def _count_of(shard: Shard, metric: str, *labels: str) -> float:
    """A series of a shard's now."""
    snapshot = shard.snapshot(final=True)
    many = dict(snapshot.layout)[shard.families[metric]]
    return sum(snapshot.values[one.index] for one in many if one.labels == labels)


async def test_what_is_gone_unread_is_counted_by_reason_and_survives_a_restart(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    desk.says("one")
    desk.shard.lost(desk.open(), 300, "vanished")
    await desk.settle()
    desk.shard.lost(desk.open(), 33, "vanished")
    lost = "sidewatch_log_lost_bytes_total"
    assert await desk.scrape(lost, source=SOURCE, reason="vanished") == 333
    desk.restart()
    assert await desk.scrape(lost, source=SOURCE, reason="vanished") == 333


@pytest.mark.parametrize("wrap", [docker, cri])
@pytest.mark.parametrize("half", [b"half of a li", b"x" * LONGEST_LINE])
@pytest.mark.usefixtures("each_engine")
def test_a_log_that_is_emptied_within_a_line_of_pieces_begins_with_its_next(
    wrap: Wrap, half: bytes
) -> None:
    shard = assemble(load_profile("pullapprove"), SetClock(1e9))
    cursor = Cursor("log", "web", "docker")
    shard.open("test", cursor)
    shard.feed(cursor, wrap(half, "stdout", TIME, partial=True) + b"\n")
    shard.move(cursor, 0)
    shard.feed(cursor, wrap(FAILED, "stdout", TIME, partial=False) + b"\n")
    assert _count_of(shard, "watched_log_records_total", "web", "error") == 1
