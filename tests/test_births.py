"""A new series: its 0 is shown before what it counted, whoever looks and whatever restarts."""

from __future__ import annotations

from pathlib import Path

from exporter.app.status import Status
from exporter.redact import Redaction, redactor
from tests.support.desk import Desk, lines
from tests.support.scrape import one

LINES = "watched_log_lines_total"
RECORDS = "watched_log_records_total"
FAILED = "[ERROR] Job failed number=1"


async def test_a_new_series_shows_zero_for_thirty_seconds(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.says(*lines(3))
    seen = []
    for _ in range(5):
        seen.append(await desk.scrape())
        desk.clock.advance(10)
    assert seen == [0, 0, 0, 3, 3]
    assert desk.saved()[one(LINES, app="shop", service="web", stream="file")] == 3


async def test_what_the_status_page_takes_down_is_born_by_a_scrape(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.says(*lines(3))
    Status(desk.clock, lambda: redactor(Redaction()), {}, desk.saver.expose)._note([desk.shard])
    desk.clock.advance(15)
    assert await desk.scrape() == 0, "Prometheus has to see the 0 that the first lines rise from"


async def test_a_declared_series_shows_its_first_line_at_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.open()
    labels = {"service": "web", "level": "error"}
    assert await desk.scrape(RECORDS, **labels) == 0
    desk.clock.advance(1)
    desk.says(FAILED)
    assert await desk.scrape(RECORDS, **labels) == 1


async def test_a_birth_survives_a_restart(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.says(*lines(3))
    seen = [await desk.scrape()]
    for _ in range(4):
        desk.clock.advance(10)
        desk.restart()
        seen.append(await desk.scrape())
    assert seen == [0, 0, 0, 3, 3]


async def test_a_birth_is_saved_when_nothing_else_is_new(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.says(*lines(3))
    assert await desk.saver.save(), "before anyone has looked"
    desk.clock.advance(0.5)
    assert await desk.scrape() is None
    desk.clock.advance(0.5)
    assert await desk.scrape() == 0
    desk.clock.advance(30)
    desk.restart()
    assert await desk.scrape() == 3
