"""Exceptions that JSON carries as texts: those that Python itself raises, prints and formats."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from exporter.engine import choice
from exporter.engine.counting import Counting
from exporter.engine.rules import Count, Label, LogRule, LogRules
from exporter.model import Family
from exporter.vocabulary import FAMILIES
from parsers.exceptions import PYTHON_HEAD
from tests.support.hostile import NOW
from tests.support.oracle import Counted, plan_of

FAMILY = {**FAMILIES, "full_total": Family("full_total", "counter", "Full.", ("kind",), limit=50)}
RULES = LogRules(
    rules=(
        LogRule(
            exception="OSError: {*}o space left{*}",
            count=(Count("full_total", {"kind": Label(value="full")}),),
        ),
    )
)
ENGINES = [choice.PYTHON] + [choice.COMPILED] * choice.available()
TYPES, MOST_TYPES = 5_000, 4096  # made, and remembered


class QuotaError(Exception):
    """An application's own."""


def _plain() -> None:
    raise QuotaError('no "more"\tof it: \\ \u017c\u00f3')


def _silent() -> None:
    raise KeyboardInterrupt


def _chained() -> None:
    try:
        _plain()
    except QuotaError as error:
        raise ValueError("no") from error


def _broken() -> None:
    raise QuotaError("first\nTypeError: second\r\nthird\u2028KeyError: fourth\x85x")


def _grouped() -> None:
    try:
        int("no")
    except ValueError as error:
        raise ExceptionGroup("some", [error]) from None


def _full() -> None:
    raise OSError("No space left on device")


def _printed(fail: Callable[[], None]) -> str:
    try:
        fail()
    except BaseException:  # noqa: BLE001  a test's own
        return traceback.format_exc()
    raise AssertionError(fail)


def _counted(engine: str, texts: list[str], key: str = "exc") -> dict[str, float]:
    """How often each type was counted, of a line for each text."""
    one = Counted(plan_of(RULES, FAMILY), NOW, {}, by=engine)
    lines = [json.dumps({"level": "error", "msg": "Job failed", key: text}) for text in texts]
    one.feed(line.encode() + b"\n" for line in lines)
    found = one.numbers()
    return {
        labels[-1]: values[0]
        for (name, labels), values in found.items()
        if name in ("watched_exceptions_total", "full_total") and values[0]
    }


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("key", ["exc", "err", "exc_info"])
def test_what_python_prints_of_an_exception_tells_its_type(engine: str, key: str) -> None:
    printed = [_printed(one) for one in (_plain, _silent, _chained, _broken, _grouped)]
    assert _counted(engine, [*printed, *printed], key) == {
        f"{__name__}.QuotaError": 6.0,  # of a chain its cause, and no line of a message
        "KeyboardInterrupt": 2.0,
        "ValueError": 2.0,  # within a group
    }


@pytest.mark.parametrize("engine", ENGINES)
def test_what_node_prints_of_an_error_tells_its_type(engine: str) -> None:
    stack = "TypeError: undefined is not an object\n    at run (/app/src/jobs.ts:11:9)"
    assert _counted(engine, [stack, f"\n  {stack}", f"Job 5 failed\n{stack}"]) == {"TypeError": 3.0}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "text", ["connect: refused", "Job failed", "EOF", "", "x-Error: y", "5.Error: x", "error", "\t"]
)
def test_prose_is_no_exception(engine: str, text: str) -> None:
    assert _counted(engine, [text] * 3) == {}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_rule_sees_the_line_of_an_exception(engine: str) -> None:
    assert _counted(engine, [_printed(_full), _printed(_plain)] * 3) == {
        "OSError": 3.0,
        "full": 3.0,
        f"{__name__}.QuotaError": 3.0,
    }


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (r"ValueError: a\nTr\u0061ceback (most recent call last):\n  f\nKeyError: y", "KeyError"),
        (r"KeyError: x\n\u0054raceback (most recent call last):", None),
        (r"Value\u0045rror: x", "ValueError"),
        (r"ValueError: caf\u00e9", "ValueError"),
    ],
)
def test_a_letter_spelled_by_its_number_is_that_letter(
    engine: str, text: str, kind: str | None
) -> None:
    one = Counted(plan_of(RULES, FAMILY), NOW, {}, by=engine)
    one.feed([b'{"level":"error","msg":"no","exc":"%b"}\n' % text.encode()] * 3)
    found = {
        labels[-1]: values[0] for (name, labels), values in one.numbers().items() if "exc" in name
    }
    assert {name: count for name, count in found.items() if count} == ({kind: 3.0} if kind else {})


@pytest.mark.parametrize("engine", ENGINES)
def test_a_type_below_a_message_leaves_an_open_traceback_open(engine: str) -> None:
    lines = ["some text"] * 3 + ["fail: App[1]", "      msg", PYTHON_HEAD, "   System.Bad: y"]
    lines += ["some text"] * 2  # what the traceback's exception says
    one = Counted(plan_of(RULES, FAMILY), NOW, {}, by=engine)
    one.feed(line.encode() + b"\n" for line in lines)
    assert one.numbers()["watched_log_unparsed_total", ("service",)] == (3.0,)


def test_more_types_than_are_remembered_are_all_counted_without_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exact = []
    count = Counting.one

    def noted(*given: Any) -> None:
        exact.append(given)
        count(*given)

    monkeypatch.setattr(Counting, "one", noted)
    one = Counted(
        plan_of(LogRules(), FAMILIES), NOW, {"watched_exceptions_total": 2}, by=ENGINES[-1]
    )
    types = [b'{"level":"error","msg":"no","exc":"E%dError: no"}\n' % i for i in range(TYPES)]
    prose = [b'{"level":"error","msg":"no","exc":"w%d: no"}\n' % i for i in range(TYPES)]
    for lines in (types[:20], prose, types[:20], prose, types[:20], types):
        one.feed(lines)
    found = [
        values[0]
        for (name, _), values in one.numbers().items()
        if name == "watched_exceptions_total"
    ]
    assert sum(found) == 3 * 20 + TYPES
    if ENGINES[-1] == choice.COMPILED:
        assert len(exact) <= 1 + TYPES - MOST_TYPES


@pytest.mark.parametrize("engine", ENGINES)
def test_a_brace_behind_a_mark_of_order_belongs_to_the_error_before(engine: str) -> None:
    brace, error = b"\xef\xbb\xbf}\n", b'{"level":"error","msg":"x","err":{"type":"TypeError"}}\n'
    one = Counted(plan_of(RULES, FAMILY), NOW, {}, by=engine)
    one.feed([*[brace] * 3, error, brace, brace])
    assert one.numbers()["watched_log_unparsed_total", ("service",)] == (3.0,)
