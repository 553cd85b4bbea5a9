"""Whatever a log or a daemon says, quiet windows stay within their budgets."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.windows import CATCH_UP_SECONDS, HOUR, SECONDS_A_DAY, WINDOWS_AN_HOUR, Drains

TICK = 5.0  # how often the state is shown, and windows whose time has come are closed
DAY_TICKS = int(24 * HOUR / TICK)
SERVICES = st.sampled_from(["app", "worker", "migrate"])
WHATS = st.sampled_from(["begin", "extend", "end", "abort", "replaced", "settled"])
GRACES = st.sampled_from([math.nan, -5.0, 0.0, 30.0, 600.0, 1e9, math.inf])
EVENTS = st.lists(st.tuples(st.integers(0, 400), SERVICES, WHATS, GRACES), max_size=120)


def take(drains: Drains, at: float, service: str, what: str, grace: float) -> None:
    if what == "replaced":
        drains.replaced(service, at)
    elif what == "settled":
        drains.settled(service, at)
    else:
        drains.step(service, what, at, grace)  # type: ignore[arg-type]  # one of its steps


def quiet_ticks(events: list[tuple[int, str, str, float]]) -> list[int]:
    """The ticks at which any service is quiet, through all events and a day beyond."""
    drains, tick, quiet = Drains(), 0, []

    def until(end: int) -> None:
        nonlocal tick
        while tick < end:
            drains.turn(tick * TICK)
            if any(drains.quiet(service) for service in ("app", "worker", "migrate")):
                quiet.append(tick)
            tick += 1

    for rest, service, what, grace in events:
        until(tick + rest)
        take(drains, tick * TICK, service, what, grace)
    until(tick + 1000)
    return quiet


def test_a_clock_that_is_set_back_keeps_no_window_open() -> None:
    """A second or two are no reason to close it; with an hour it would be open for that hour."""
    drains = Drains()
    drains.step("app", "begin", 2 * HOUR, 600.0)
    drains.replaced("worker", 2 * HOUR)
    drains.turn(2 * HOUR - 2)
    assert drains.quiet("app")
    assert drains.quiet("worker")
    drains.turn(HOUR)
    assert not drains.quiet("app")
    assert not drains.quiet("worker")


@settings(max_examples=100, deadline=None)
@given(events=EVENTS)
def test_no_events_mute_for_longer_than_the_budgets(
    events: list[tuple[int, str, str, float]],
) -> None:
    quiet = quiet_ticks(events)
    for begin, first in enumerate(quiet):
        inside = sum(1 for tick in quiet[begin:] if tick < first + DAY_TICKS)
        assert inside * TICK <= SECONDS_A_DAY + CATCH_UP_SECONDS + TICK
    begins = [tick for before, tick in zip([-2, *quiet], quiet, strict=False) if tick > before + 1]
    for number, first in enumerate(begins):
        hour = [tick for tick in begins[number:] if (tick - first) * TICK < HOUR]
        assert len(hour) <= WINDOWS_AN_HOUR
