"""Bytes of logs that are known to be gone unread: counted, and never forgotten."""

from __future__ import annotations

from pathlib import Path

from tests.support.desk import SOURCE, Desk


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
