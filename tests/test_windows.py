"""Shutdowns into quiet windows. Every expected time is counted by hand from DRAIN_AT."""

from __future__ import annotations

import math

from exporter.windows import Drains

DRAIN_AT = 1_000_000.0
UNTOLD = math.nan


def test_a_drain_is_quiet_until_it_ends_and_one_catch_up_longer() -> None:
    drains = Drains()
    drains.step("app", "begin", DRAIN_AT, 180.0)
    assert drains.services["app"].draining()
    assert drains.quiet("app")
    drains.step("app", "end", DRAIN_AT + 60, UNTOLD)
    assert not drains.services["app"].draining()
    drains.turn(DRAIN_AT + 60 + 119)
    assert drains.quiet("app")
    drains.turn(DRAIN_AT + 60 + 120)
    assert not drains.quiet("app")


def test_a_drain_that_never_ends_is_quiet_to_its_deadline_only() -> None:
    drains = Drains()
    drains.step("app", "begin", DRAIN_AT, 180.0)
    drains.turn(DRAIN_AT + 179)
    assert drains.quiet("app")
    drains.turn(DRAIN_AT + 180)
    assert not drains.quiet("app")
    assert drains.services["app"].draining(), "it still drains, and that alerts"


def test_an_extended_drain_has_its_deadline_moved() -> None:
    drains = Drains()
    drains.step("app", "begin", DRAIN_AT, 180.0)
    drains.step("app", "extend", DRAIN_AT + 170, 360.0)
    assert drains.services["app"].deadline == DRAIN_AT + 530


def test_a_drain_that_tells_no_grace_has_ten_minutes() -> None:
    drains = Drains()
    drains.step("app", "begin", DRAIN_AT, UNTOLD)
    assert drains.services["app"].deadline == DRAIN_AT + 600


def test_an_aborted_drain_is_not_quiet() -> None:
    drains = Drains()
    drains.step("app", "begin", DRAIN_AT, 180.0)
    drains.step("app", "abort", DRAIN_AT + 180, UNTOLD)
    assert not drains.services["app"].draining()
    assert not drains.quiet("app")


def test_the_third_drain_in_an_hour_is_not_quiet() -> None:
    drains = Drains()
    for number, at in enumerate((DRAIN_AT, DRAIN_AT + 1000, DRAIN_AT + 2000)):
        drains.step("app", "begin", at, 60.0)
        assert drains.quiet("app") is (number < 2)
        drains.step("app", "end", at + 10, UNTOLD)
        drains.turn(at + 500)
    drains.step("app", "begin", DRAIN_AT + 3700, 60.0)
    assert drains.quiet("app"), "an hour later there is one to spend again"


def test_twenty_minutes_a_day_are_all_that_is_quiet() -> None:
    drains = Drains()
    quiet = 0
    for hour in range(12):
        at = DRAIN_AT + hour * 3600
        drains.step("app", "begin", at, 600.0)
        for second in range(0, 600, 10):
            drains.turn(at + second)
            quiet += 10 * drains.quiet("app")
        drains.step("app", "abort", at + 600, UNTOLD)
    assert quiet == 20 * 60


def test_a_second_begin_while_it_drains_changes_nothing() -> None:
    drains = Drains()
    drains.step("app", "begin", DRAIN_AT, 180.0)
    drains.step("app", "begin", DRAIN_AT + 100, 180.0)
    assert drains.services["app"].deadline == DRAIN_AT + 180


def test_an_end_without_a_begin_is_nothing() -> None:
    drains = Drains()
    drains.step("app", "end", DRAIN_AT, UNTOLD)
    assert not drains.services["app"].draining()
    assert not drains.quiet("app")


def test_a_restart_goes_on_with_the_drain() -> None:
    drains = Drains()
    drains.step("app", "begin", DRAIN_AT, 180.0)
    again = Drains.load(drains.dump())
    again.turn(DRAIN_AT + 100)
    assert again.quiet("app")
    again.turn(DRAIN_AT + 180)
    assert not again.quiet("app")


def test_a_deploy_is_quiet_until_all_is_up_and_one_catch_up_longer() -> None:
    drains = Drains()
    drains.replaced("app", DRAIN_AT)
    assert drains.quiet("app")
    assert not drains.services, "it is no drain, and has no deadline that alerts"
    assert drains.settled("app", DRAIN_AT + 40)
    assert not drains.settled("app", DRAIN_AT + 50)
    drains.turn(DRAIN_AT + 40 + 119)
    assert drains.quiet("app")
    drains.turn(DRAIN_AT + 40 + 120)
    assert not drains.quiet("app")


def test_a_deploy_that_never_comes_up_is_quiet_for_five_minutes() -> None:
    drains = Drains()
    drains.replaced("app", DRAIN_AT)
    drains.replaced("app", DRAIN_AT + 200)  # another replica
    drains.turn(DRAIN_AT + 299)
    assert drains.quiet("app")
    drains.turn(DRAIN_AT + 300)
    assert not drains.quiet("app")


def test_services_that_are_replaced_together_share_one_window() -> None:
    drains = Drains()
    for second, service in enumerate(("server", "worker", "beat", "web")):
        drains.replaced(service, DRAIN_AT + second)
        assert drains.quiet(service)
    for service in ("server", "worker", "beat", "web"):
        drains.settled(service, DRAIN_AT + 30)
    drains.turn(DRAIN_AT + 150)
    assert not drains.quiet("server")
    drains.replaced("server", DRAIN_AT + 1000)
    drains.turn(DRAIN_AT + 1300)
    drains.replaced("server", DRAIN_AT + 2000)
    assert not drains.quiet("server"), "the third in an hour"


def test_a_service_that_is_replaced_again_and_again_is_quiet_for_twenty_minutes_a_day() -> None:
    drains, quiet = Drains(), 0
    for second in range(0, 4 * 3600, 10):
        if second % 300 == 0:
            drains.replaced("app", DRAIN_AT + second)
        drains.turn(DRAIN_AT + second)
        quiet += 10 * drains.quiet("app")
    assert quiet <= 20 * 60


def test_a_restart_goes_on_with_the_deploy() -> None:
    drains = Drains()
    drains.replaced("app", DRAIN_AT)
    again = Drains.load(drains.dump())
    assert again.quiet("app")
    assert again.settled("app", DRAIN_AT + 10)
