"""The parts of a probe that need no server: paths, conditions, numbers, starts, turns."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.clock import SetClock
from exporter.sources.probes.assertions import (
    Bounds,
    Expectation,
    NoJson,
    Text,
    parse_json,
    spelled,
    statuses,
)
from exporter.sources.probes.gate import Gate
from exporter.sources.probes.http import Request, redirected
from exporter.sources.probes.jsonpath import json_path
from exporter.sources.probes.readings import MOST_POINTS, Number, Readings
from exporter.sources.probes.settings import Base, Http
from exporter.sources.probes.verdict import Latch, Phases, ProbeError, Reason

DOCUMENT = json.loads("""\
{"status": "ok", "n": 5, "half": 0.5, "yes": true, "none": null, "a.b": 1, "": 2,
 "list": [{"name": "x", "n": 1}, {"name": "y", "n": 2}, 7],
 "deep": {"er": {"est": "here"}, "1": "one"}}
""")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("status", ["ok"]),
        ("$.status", ["ok"]),
        ("$", [DOCUMENT]),
        ("deep.er.est", ["here"]),
        ("deep['er'].est", ["here"]),
        ("['a.b']", [1]),
        ('$["a.b"]', [1]),
        ("a.b", []),
        ("list[0].name", ["x"]),
        ("list[2]", [7]),
        ("list[3]", []),
        ("list[*].name", ["x", "y"]),
        ("list.*.n", [1, 2]),
        ("deep.*", [{"est": "here"}, "one"]),
        ("deep[1]", ["one"]),
        ("status.more", []),
        ("none", [None]),
        ("['']", [2]),
    ],
)
def test_a_path_finds_what_stands_there(path: str, found: list[Any]) -> None:
    assert [one.value for one in json_path(path).find(DOCUMENT)] == found


def test_what_a_star_stood_for_is_known() -> None:
    found = json_path("list[*].n").find(DOCUMENT)
    assert [(one.keys, one.value) for one in found] == [(("0",), 1), (("1",), 2)]


@pytest.mark.parametrize(
    "text", ["", ".", "a.", "a..b", "a[", "a[x]", "a b", "$x y", "a[-1]", "[?(@.x)]"]
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a path"):
        json_path(text)


@given(st.text(max_size=30))
def test_no_text_does_worse_than_be_refused(text: str) -> None:
    try:
        path = json_path(text)
    except ValueError:
        return
    list(path.find(DOCUMENT))


# path, what is asked of it, whether it holds.
CONDITIONS: list[tuple[str, dict[str, Any], bool]] = [
    ("status", {"is_": ("ok",)}, True),
    ("status", {"is_": ("fine", "ok")}, True),
    ("status", {"is_": ("OK",)}, False),
    ("status", {"is_not": ("degraded",)}, True),
    ("status", {"is_not": ("ok",)}, False),
    ("github", {"is_not": ("degraded",)}, True),
    ("github", {"is_": ("ok",)}, False),
    ("github", {"is_not": ("degraded",), "present": True}, False),
    ("github", {"present": False}, True),
    ("status", {"present": False}, False),
    ("none", {"present": True}, True),
    ("none", {"is_": ("null",)}, True),
    ("yes", {"is_": ("true",)}, True),
    ("n", {"is_": ("5",)}, True),
    ("half", {"is_": ("0.5",)}, True),
    ("n", {"min": 5, "max": 5}, True),
    ("n", {"min": 5.1}, False),
    ("n", {"max": 4}, False),
    ("status", {"min": 0}, False),
    ("github", {"max": 4}, False),
    ("list", {"length": Bounds(min=3)}, True),
    ("list", {"length": Bounds(max=2)}, False),
    ("status", {"length": Bounds(2, 2)}, True),
    ("n", {"length": Bounds(min=0)}, False),
    ("list[*].n", {"max": 2}, True),
    ("list[*].n", {"max": 1}, False),
    ("list[*].n", {"min": 1, "is_not": ("2",)}, False),
]


@pytest.mark.parametrize(("path", "asked", "holds"), CONDITIONS)
def test_a_condition_holds_or_says_why_not(path: str, asked: dict[str, Any], holds: bool) -> None:  # noqa: FBT001 - a table's column
    expectation = Expectation(json_path(path), **asked)
    assert expectation.holds(DOCUMENT) == holds
    assert path in str(expectation)


@pytest.mark.parametrize(
    "asked", [{}, {"present": False, "is_": ("x",)}, {"present": False, "is_not": ("x",)}]
)
def test_a_condition_without_sense_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"asks for nothing|cannot be compared"):
        Expectation(json_path("x"), **asked)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_any_value_can_be_spelled(value: object) -> None:
    assert isinstance(spelled(value), str)


@pytest.mark.parametrize("body", [b"", b"{", b"nan", b"NaN", b"\xff", b"[" * 100_000, b"<html>"])
def test_what_is_no_json_is_told_apart(body: bytes) -> None:
    with pytest.raises(NoJson):
        parse_json(body)


@pytest.mark.parametrize(
    ("words", "good", "bad"),
    [
        (["200"], [200], [199, 201]),
        (["2xx", "304"], [200, 299, 304], [300, 305, 404]),
        (["400-404"], [400, 404], [399, 405]),
    ],
)
def test_statuses(words: list[str], good: list[int], bad: list[int]) -> None:
    found = statuses(words)
    assert all(status in found for status in good)
    assert not any(status in found for status in bad)


@pytest.mark.parametrize("word", ["", "ok", "6xx", "99", "2xxx", "204-200", "200-"])
def test_what_is_no_status_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match=r"status|ends before"):
        statuses([word])


def test_a_body_is_never_told() -> None:
    text = Text(equals="ok", contains=("a",), lacks=("b",))
    for body in ("hunter2", "hunter2 a", "hunter2 ab"):
        trouble = text.trouble(body)
        assert trouble is not None
        assert "hunter2" not in trouble


# -- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "number", "wanted"),
    [
        (5, Number(json_path("x")), 5),
        ("5.5", Number(json_path("x")), 5.5),
        (True, Number(json_path("x")), 1),
        ("ok", Number(json_path("x")), None),
        (None, Number(json_path("x")), None),
        ("inf", Number(json_path("x")), None),
        (10**400, Number(json_path("x")), None),
        (1500, Number(json_path("x"), divide=1000), 1.5),
        ([1, 2], Number(json_path("x"), "length"), 2),
        (5, Number(json_path("x"), "length"), None),
        ("1970-01-01T00:01:00Z", Number(json_path("x"), "time"), 60),
        ("1970-01-01T01:00:00+01:00", Number(json_path("x"), "time"), 0),
        ("1970-01-01 00:01:00", Number(json_path("x"), "time"), 60),
        ("soon", Number(json_path("x"), "time"), None),
        (5, Number(json_path("x"), "time"), None),
        (90, Number(json_path("x"), "age"), 910),
    ],
)
def test_a_number_is_read_or_gives_nothing(
    value: object, number: Number, wanted: float | None
) -> None:
    assert number.of(value, 1000.0) == wanted


def test_a_flood_is_cut_short() -> None:
    document = {"queues": {f"q{n}": {"waiting": n} for n in range(10_000)}}
    readings = Readings(fields={"waiting_*": Number(json_path("queues.*.waiting"))})
    assert len(readings.points(document, 0.0)) == MOST_POINTS


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=9))
def test_no_document_does_worse_than_give_nothing(document: Any) -> None:
    readings = Readings(
        fields={"*": Number(json_path("[*]")), "all": Number(json_path("[0]"), "time")},
        version=json_path("[0]"),
    )
    readings.points(document, 0.0)


# -- judging --------------------------------------------------------------------------------------


def test_a_start_ends_with_the_first_answer_and_begins_when_nobody_is_there() -> None:
    latch = Latch()
    told: list[tuple[Reason | None, bool]] = [
        ("timeout", False),
        ("refused", False),
        ("closed", False),
        ("status", True),
        ("timeout", True),
        ("closed", True),
        ("body", True),
        (None, True),
        ("refused", False),
        ("timeout", False),
        (None, True),
        ("dns", False),
    ]
    for reason, started in told:
        assert latch.turn(None if reason is None else ProbeError(reason, "")) == started


def test_phases_add_up() -> None:
    clock = SetClock()
    phases = Phases(clock.now)
    for phase, seconds in (("resolve", 1), ("connect", 2), ("wait", 3), ("connect", 4)):
        phases.enter(phase)  # type: ignore[arg-type]  # they are
        clock.advance(seconds)
    phases.stop()
    assert phases.took == {"resolve": 1, "connect": 6, "wait": 3}


BASE = Base("http://shop.test", headers={"X": "secret"})
SECURE = Base("https://shop.test")


@pytest.mark.parametrize(
    ("base", "location", "url", "own"),
    [
        (BASE, "/next", "http://shop.test/next", True),
        (BASE, "//shop.test/next", "http://shop.test/next", True),
        (BASE, "https://shop.test/", "https://shop.test/", True),
        (BASE, "http://shop.test:8080/", "http://shop.test:8080/", False),
        (BASE, "http://shop.test.evil/", "http://shop.test.evil/", False),
        (BASE, "http://shop.test@evil/", "http://shop.test@evil/", False),
        (SECURE, "https://other.test/", "https://other.test/", False),
        (SECURE, "http://shop.test/", None, False),
        (SECURE, "ftp://shop.test/", None, False),
        (SECURE, "https:///x", "https://shop.test/x", True),
        (SECURE, "HTTPS://shop.test/x", "https://shop.test/x", True),
        (SECURE, "HTTP://shop.test/", None, False),
        (Base("HTTPS://shop.test"), "http://shop.test/", None, False),
    ],
)
def test_where_a_redirect_leads_and_whether_it_may_carry_what_is_ours(
    base: Base,
    location: str,
    url: str | None,
    own: bool,  # noqa: FBT001 - a table's column
) -> None:
    before = Request(base.url + "/here", "POST", "body")
    if url is None:
        with pytest.raises(ProbeError) as caught:
            redirected(base, before, location, 307)
        assert caught.value.reason == "redirect"
        return
    assert redirected(base, before, location, 307) == Request(url, "POST", "body", own=own)
    assert redirected(base, before, location, 303).send is None


def test_what_was_lost_once_is_not_found_again() -> None:
    """From a stranger's hand a redirect back home carries no secret."""
    before = Request("http://evil/", "GET", None, own=False)
    assert not redirected(BASE, before, "http://shop.test/", 302).own


async def test_those_that_fail_leave_one_place() -> None:
    gate, release = Gate(3), asyncio.Event()
    inside = list[str]()

    async def enter(name: str, *, failing: bool) -> None:
        async with gate.place(failing=failing):
            inside.append(name)
            await release.wait()

    tasks = [asyncio.create_task(enter(f"bad{n}", failing=True)) for n in range(5)]
    await asyncio.sleep(0)
    assert inside == ["bad0", "bad1"]
    tasks.append(asyncio.create_task(enter("good", failing=False)))
    await asyncio.sleep(0)
    assert inside == ["bad0", "bad1", "good"]
    release.set()
    await asyncio.gather(*tasks)
    assert len(inside) == 6


@pytest.mark.parametrize(
    "given",
    [
        {"path": "up"},
        {"path": "/a b"},
        {"path": "/a\r\nX: y"},
        {"method": "get"},
        {"method": "GET /"},
        {"redirects": 11},
        {"limit": 0},
        {"limit": 1 << 30},
        {"headers": {"X": "a\r\nY: b"}},
        {"headers": {"X Y": "a"}},
        {"headers": {"X": "a", "x": "b"}},
        {"timeout": 61.0},
        {"interval": 0.1},
    ],
)
def test_a_question_that_cannot_be_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=":"):
        Http(**given)
