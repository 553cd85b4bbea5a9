"""Gauges out of log lines: what is fresh, and how it is put together. Values by hand."""

from __future__ import annotations

import math
from array import array

import pytest

from exporter.gauges import EMPTY, Aggregate, Window, Windows

START = 5_000.0


def _windows(aggregate: Aggregate, seconds: float) -> tuple[Windows, array[float]]:
    arena = array("d", [math.nan, EMPTY[aggregate]])
    windows = Windows()
    windows.add(0, "", Window(aggregate, seconds, 1))
    return windows, arena


@pytest.mark.parametrize(
    ("aggregate", "expected"), [("last", 4.0), ("min", 2.0), ("max", 9.0), ("sum", 15.0)]
)
def test_an_aggregate_is_over_the_values_of_its_window(
    aggregate: Aggregate, expected: float
) -> None:
    windows, arena = _windows(aggregate, 60.0)
    for second, value in ((0, 9.0), (20, 2.0), (40, 4.0)):
        windows.turn(START + second, arena)
        arena[1] = value
    assert windows.present(0, START + 41, arena) == expected


def test_what_is_older_than_the_window_counts_no_more() -> None:
    windows, arena = _windows("min", 60.0)
    windows.turn(START, arena)
    arena[1] = 2.0
    windows.turn(START + 50, arena)
    arena[1] = 7.0
    windows.turn(START + 61, arena)
    assert windows.present(0, START + 61, arena) == 7.0


def test_a_window_that_a_reload_shortens_is_turned_by_its_new_length() -> None:
    windows, arena = _windows("max", 600.0)
    windows.turn(START, arena)
    arena[1] = 9.0
    windows.turn(START + 2, arena)
    window = windows.find(0, "")
    assert window is not None
    windows.keep(window, 60.0)
    for second in range(3, 130, 2):
        windows.turn(START + second, arena)
        arena[1] = 1.0
    assert windows.present(0, START + 130, arena) == 1.0


def test_nothing_fresh_is_unknown_not_zero() -> None:
    windows, arena = _windows("last", 60.0)
    windows.turn(START, arena)
    arena[1] = 3.0
    windows.turn(START + 120, arena)
    assert math.isnan(windows.present(0, START + 120, arena))


def test_the_last_values_of_all_streams_are_summed() -> None:
    arena = array("d", [math.nan, math.nan, math.nan])
    windows = Windows()
    windows.add(0, "worker-1", Window("last", 60.0, 1))
    windows.add(0, "worker-2", Window("last", 60.0, 2))
    windows.turn(START, arena)
    arena[1], arena[2] = 2.0, 3.0
    assert windows.present(0, START, arena) == 5.0
    windows.turn(START + 50, arena)
    arena[1] = 4.0
    windows.turn(START + 70, arena)
    assert windows.present(0, START + 70, arena) == 4.0, "worker-2 has fallen silent"


def test_a_restart_keeps_what_is_fresh() -> None:
    windows, arena = _windows("max", 60.0)
    windows.turn(START, arena)
    arena[1] = 9.0
    windows.turn(START + 15, arena)
    again = Windows()
    again.load(windows.dump())
    assert again.present(0, START + 30, arena) == 9.0
    assert math.isnan(again.present(0, START + 90, arena))
