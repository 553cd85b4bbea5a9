"""Every spelling of a time; the expected seconds come from `date -u -d "..." +%s` (GNU date)."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from parsers.times import seconds

T = 1795219109  # date -u -d "2026-11-20 23:58:29" +%s
SPELLINGS: list[tuple[str | float, float]] = [
    ("2026-11-20T23:58:29Z", T),
    ("2026-11-20T23:58:29z", T),
    ("2026-11-20 23:58:29", T),
    ("2026-11-20T23:58:29", T),
    ("2026/11/20 23:58:29", T),
    ("2026-11-20T23:58:29+0000", T),
    ("2026-11-20T23:58:29+00:00", T),
    ("2026-11-20 23:58:29 +0000", T),
    ("2026-11-20 23:58:29 UTC", T),
    ("2026-11-20T23:58:29+01:00", T - 3600),
    ("2026-11-20T23:58:29-0530", T + 19800),
    ("2026-11-20 23:58:29,053", T + 0.053),
    ("2026-11-20 23:58:29.053", T + 0.053),
    ("2026-11-20T23:58:29.123456Z", T + 0.123456),
    ("2026-11-20T23:58:29.123456789Z", T + 0.123456789),
    ("2026-11-20T23:58:29,5+02:00", T - 7200 + 0.5),
    ("20/Nov/2026:23:58:29 +0000", T),
    ("20/Nov/2026:23:58:29 -0800", T + 28800),
    (" 2026-11-20T23:58:29Z ", T),
    ("2016-12-31T23:59:60Z", 1483228800),  # date -u -d "2017-01-01" +%s
    ("2024-02-29T12:00:00Z", 1709208000),  # date -u -d "2024-02-29 12:00" +%s
    ("1969-12-31T23:59:59Z", -1),
    # numbers, by size
    (T, T),
    (T + 0.5, T + 0.5),
    (1795219109674, T + 0.674),
    (1795219109674123, T + 0.674123),
    (1795219109674123456, T + 0.674123),
    ("1795219109", T),
    ("1795219109.25", T + 0.25),
    ("1795219109674", T + 0.674),
    ("1795219109674123456", T + 0.674123),
]
NO_TIMES: list[str | float | None] = [
    None, "", "x", True, False, 0, 1, -T, 99_999_999, "12.5", float("nan"), float("inf"), 1e30,
    "2026-11-20", "23:58:29", "2026-13-20T23:58:29Z", "2026-02-29T00:00:00Z",
    "2026-11-20T24:58:29Z", "2026-11-20T23:58:61Z", "2026-11/20 23:58:29", "20/Foo/2026:23:58:29",
    "0000-01-01T00:00:00Z", "2026-11-20T23:58:29.Z", "\uff12026-11-20T23:58:29Z", "9" * 10_000,
    10**400, -(10**400), "2026-11-20T23:58:29+24:00",
]  # fmt: skip


@pytest.mark.parametrize(("raw", "expected"), SPELLINGS)
def test_a_spelling_gives_its_seconds(raw: str | float, expected: float) -> None:
    assert seconds(raw, UTC) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("raw", NO_TIMES)
def test_anything_else_is_no_time(raw: str | float | None) -> None:
    assert seconds(raw, UTC) is None


def test_a_time_without_offset_is_of_the_zone_that_is_given() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    local = "2026-11-20 23:58:29,053"
    assert seconds(local, berlin) == pytest.approx(T - 3600 + 0.053)
    assert seconds("2026-07-20 23:58:29", berlin) == 1784584709  # TZ=Europe/Berlin date -d ... +%s
    assert seconds(local, timezone(timedelta(hours=-8))) == pytest.approx(T + 28800 + 0.053)
    assert seconds("2026-11-20T23:58:29Z", berlin) == T
    assert seconds(T, berlin) == T


def test_the_ends_of_the_calendar_are_no_failure() -> None:
    assert seconds("9999-12-31T23:59:59-2359", UTC) is not None
    assert seconds("0001-01-01T00:00:00+2359", UTC) is not None
