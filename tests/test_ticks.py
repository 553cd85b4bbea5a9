"""Common moments: whoever looks at them, at whatever interval, wakes with the others."""

from __future__ import annotations

import pytest

from exporter.app.ticks import Ticks
from exporter.clock import SetClock


@pytest.fixture
def clock() -> SetClock:
    return SetClock(1000.25)


def test_all_intervals_meet_wherever_they_begin(clock: SetClock) -> None:
    ticks = Ticks(clock.now)
    clock.at = 1003.5
    # 3.25 s after the beginning: 5 is less than half of five seconds away, 10 is next.
    assert ticks.rest(1.0) == 0.75
    assert ticks.rest(5.0) == 6.75
    clock.at = 1004.25
    assert [ticks.rest(each) for each in (1.0, 2.0, 4.0)] == [1.0, 2.0, 4.0]


def test_two_that_are_made_apart_stay_apart(clock: SetClock) -> None:
    first = Ticks(clock.now)
    clock.advance(0.125)
    second = Ticks(clock.now)
    assert (first.rest(1.0), second.rest(1.0)) == (0.875, 1.0)


@pytest.mark.parametrize(("passed", "rest"), [(3.0, 1.0), (3.25, 0.75), (3.75, 1.25), (3.5, 0.5)])
def test_a_look_that_took_long_is_followed_by_half_an_interval(
    clock: SetClock, passed: float, rest: float
) -> None:
    ticks = Ticks(clock.now)
    clock.advance(passed)
    assert ticks.rest(1.0) == rest
