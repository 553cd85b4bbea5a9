"""Brokers in parts: what cannot be had from one broker on one machine, or not in time."""

from __future__ import annotations

import re
from typing import Any

import pytest

from exporter.sources.probes.brokers.rabbitmq import (
    Pulse,
    Silence,
    alarms,
    queue_points,
    start_points,
    unserved,
)
from exporter.sources.probes.brokers.redis import lists, spell
from exporter.sources.probes.brokers.settings import Redis, pattern
from exporter.sources.probes.brokers.started import Started
from exporter.sources.probes.verdict import ProbeError


@pytest.mark.parametrize(
    ("named", "fits", "others"),
    [
        (["celery"], ["celery"], ["celery2", "my.celery", "Celery", ""]),
        (["mail.*"], ["mail.", "mail.in"], ["mail", "mailxin", "a.mail.in"]),
        (["a+b", "c|d"], ["a+b", "c|d"], ["aab", "c", "d"]),
        (["*"], ["", "celery"], []),
    ],
)
def test_names_ask_for_those_queues_and_no_others(
    named: list[str], fits: list[str], others: list[str]
) -> None:
    regex = re.compile(pattern(named))
    assert [name for name in (*fits, *others) if regex.search(name)] == fits


def node(uptime: Any, **more: Any) -> dict[str, Any]:
    """A node as the API tells of it."""
    return {"running": True, "uptime": uptime, **more}


@pytest.mark.parametrize(
    ("nodes", "start"),
    [
        ([node(60_000)], 940.0),
        ([node(60_000), node(5_000)], 995.0),  # what the second one held is gone
        ([node(60_000), {"running": False}], 940.0),
        ([node(60_000), {"running": False, "uptime": 1}], 940.0),
        ([node(None)], None),  # no numbers yet
        ([node(True)], None),
        ([], None),
    ],
)
def test_the_start_is_that_of_the_node_that_was_started_last(
    nodes: list[dict[str, Any]], start: float | None
) -> None:
    found = [point.value for point in start_points(nodes, "rabbit", 1000.0)]
    assert found == ([] if start is None else [start])


@pytest.mark.parametrize(
    ("looks", "starts"),
    [
        # When we look, by a clock that never goes back; by ours; and how long it has been up.
        ([(0, 1000, 60), (15, 1015, 75), (30, 1030.5, 90)], [940, 940, 940.5]),
        ([(0, 1000, 60), (15, 1015, 3)], [940, 1012]),  # restarted
        ([(0, 1000, 5), (60, 1060, 40)], [995, 1020]),  # restarted, and up for longer than before
        ([(0, 1000, 60), (15, 9015, 75), (30, 9030, 90)], [940, 940, 940]),  # our clock was set
        ([(0, 9000, 60), (15, 1015, 75)], [8940, 8940]),
        ([(0, 1000, 60), (15, 9015, 75), (30, 9030, 2)], [940, 940, 9028]),
        ([(0, 1000, 60), (15, 9015, 8075)], [940, 940]),  # Redis counts by the clock that was set
        ([(0, 9000, 8060), (15, 1015, 75)], [940, 940]),
        ([(0, 1000, 60), (9, 4000, 69)], [940, 940]),  # the machine slept, and both of them
        ([(0, 1000, 60), (900, 1900, 100)], [940, 1800]),  # restarted while nobody could look
    ],
)
def test_a_start_is_none_of_a_clocks_making(
    looks: list[tuple[float, float, float]], starts: list[float]
) -> None:
    started = Started()
    assert [started.turn(now - up, now, looked) for looked, now, up in looks] == starts


def test_an_alarm_of_any_node_counts_and_each_kind_is_told_once() -> None:
    calm = node(1, mem_alarm=False, disk_free_alarm=False)
    full = node(1, mem_alarm=True, disk_free_alarm=True)
    assert not list(alarms([calm, node(1)]))
    assert list(alarms([calm, full, full])) == [
        "its alarm for memory is on, so it takes no messages",
        "its alarm for disk is on, so it takes no messages",
    ]


@pytest.mark.parametrize("state", ["down", "crashed", "stopped", "terminated", "minority"])
def test_a_queue_that_is_not_served_is_named(state: str) -> None:
    rows = [{"name": "a", "state": "running"}, {"name": "b", "state": state}, {"name": "c"}]
    assert list(unserved(rows)) == [f"the queue 'b' is {state}"]


def test_numbers_that_are_none_are_unknown() -> None:
    row = {"name": "a", "messages_ready": "3", "messages_unacknowledged": True, "consumers": None}
    assert not list(queue_points([row], []))


def test_a_beginning_of_names_expects_nobody() -> None:
    assert not list(queue_points([], ["mail.*"]))


def test_a_pulse_is_felt_when_a_total_grows_or_begins_anew() -> None:
    pulse = Pulse(5, at=100.0)
    for count, now, felt in (
        (5, 110.0, 100.0),
        (6, 120.0, 120.0),
        (0, 130.0, 120.0),  # restarted, and nothing since
        (0, 140.0, 120.0),
        (2, 150.0, 150.0),
        (1, 160.0, 160.0),  # restarted, and one since
    ):
        pulse.turn(count, now)
        assert pulse.at == felt


def test_numbers_that_never_come_are_a_failure() -> None:
    silence, mute = Silence(), [{"name": "a"}, {"name": "b"}]
    for now in (100.0, 159.0):  # a queue that was just made
        silence.turn(mute, now)
    silence.turn([*mute, {"name": "c", "consumers": 0}], 160.0)
    for now in (175.0, 234.0):
        silence.turn(mute, now)
    with pytest.raises(ProbeError) as caught:
        silence.turn(mute, 235.0)
    assert caught.value.reason == "json"
    silence.turn([], 250.0)  # no queues, no numbers


def test_celerys_lists_are_those_of_its_transport() -> None:
    # kombu.transport.redis.Channel._q_for_pri of kombu 5: the name, "\x06\x16", the step.
    plain = Redis(address="redis:6379")
    assert lists(plain, "celery") == [
        "celery",
        "celery\x06\x163",
        "celery\x06\x166",
        "celery\x06\x169",
    ]
    own = Redis(address="redis:6379", prefix="shop:", priority_steps=(0, 5))
    assert lists(own, "celery") == ["shop:celery", "shop:celery\x06\x165"]


def test_a_command_is_spelled_by_its_bytes() -> None:
    assert spell(["AUTH", "é\r\nPING"]) == b"*2\r\n$4\r\nAUTH\r\n$8\r\n\xc3\xa9\r\nPING\r\n"
