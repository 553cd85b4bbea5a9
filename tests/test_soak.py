"""The verdict of the soak: what is flat, and what is not, by a hand's arithmetic."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parents[1] / "bench"
AT = [600.0 + 10 * n for n in range(300)]  # fifty minutes


@pytest.fixture
def soak(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(sys, "path", [str(BENCH), *sys.path])
    return runpy.run_path(str(BENCH / "soak.py"))


def test_a_slope_is_told_by_the_hour_and_flat_within_a_fiftieth(soak: dict[str, Any]) -> None:
    rising = soak["Trend"].of(AT, [40 + 3 * (at - 600) / 3600 for at in AT])
    assert rising.hourly == pytest.approx(3)
    assert not rising.flat
    falling = soak["Trend"].of(AT, [40 - 3 * at / 3600 for at in AT])
    assert not falling.flat  # it was too much before, or it has yet to settle
    slow = soak["Trend"].of(AT, [40 + 0.7 * at / 3600 for at in AT])
    assert slow.flat  # a fiftieth of 40 is 0.8


def test_what_comes_and_goes_is_no_growth(soak: dict[str, Any]) -> None:
    trend = soak["Trend"].of(AT, [40 + n % 3 for n in range(len(AT))])
    assert (trend.least, trend.most) == (40, 42)
    assert trend.flat


def test_samples_of_the_first_sixth_warm_up_and_the_page_has_one_each_ten_minutes(
    soak: dict[str, Any],
) -> None:
    samples = [soak["Sample"](at, *12 * [0]) for at in range(10, 3610, 10)]
    assert soak["steady"](samples)[0].at == 600
    assert [one.at for one in soak["sparse"](samples)] == [10, *range(600, 3601, 600)]
