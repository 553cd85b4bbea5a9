"""Exceptions that JSON carries as texts: those that Python itself raises, prints and formats."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable

import pytest

from exporter.engine import choice
from exporter.engine.rules import Count, Label, LogRule, LogRules
from exporter.model import Family
from exporter.vocabulary import FAMILIES
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
TYPES = 5_000  # more than a table holds


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
def test_more_types_than_are_remembered_are_all_counted(engine: str) -> None:
    one = Counted(plan_of(LogRules(), FAMILIES), NOW, {"watched_exceptions_total": 2}, by=engine)
    for _ in range(2):
        one.feed(
            b'{"level":"error","msg":"no","exc":"E%dError: no"}\n' % number
            for number in range(TYPES)
        )
    found = [
        values[0]
        for (name, _), values in one.numbers().items()
        if name == "watched_exceptions_total"
    ]
    assert sum(found) == 2 * TYPES
