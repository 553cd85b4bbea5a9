"""What values are as numbers and as labels: the same for every format."""

from __future__ import annotations

import math
from typing import Any

import pytest

from exporter.engine import pairs
from exporter.engine.values import number, text

NUMBERS: list[tuple[Any, float | None]] = [
    (5, 5.0),
    (0.25, 0.25),
    ("5", 5.0),
    ("-0.5", -0.5),
    ("+4", 4.0),
    ("1e3", 1000.0),
    (".5", 0.5),
    ("007", 7.0),
    ("9" * 30, 1e30),
    (10**400, None),
    ("1e400", None),
    (math.inf, None),
    (math.nan, None),
    ("inf", None),
    ("nan", None),
    ("Infinity", None),
    ("1_000", None),
    (" 5", None),
    ("5 ", None),
    ("", None),
    ("-", None),
    ("1.2.3", None),
    ("0x10", None),
    ("٣", None),
    ("5ms", None),
    (True, None),
    (None, None),
    ([5], None),
    ({}, None),
]


@pytest.mark.parametrize(("value", "expected"), NUMBERS)
def test_what_is_a_number(value: Any, expected: float | None) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(("value", "expected"), [one for one in NUMBERS if isinstance(one[0], str)])
@pytest.mark.parametrize("spelling", ["{}", '"{}"'])
def test_the_fast_path_reads_the_same_numbers(
    value: str, expected: float | None, spelling: str
) -> None:
    assert pairs.number(spelling.format(value).encode()) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        ("", ""),
        (True, "true"),
        (False, "false"),
        (1, "1"),
        (1.0, "1"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e15, "1000000000000000"),
        (10**15, "1000000000000000"),
        (2**53 + 1, "9007199254740993"),
        (123456789012345678901234567890, "123456789012345678901234567890"),
        (10**300, None),
        (math.inf, None),
        (math.nan, None),
        (None, None),
        ([], None),
        ({"a": 1}, None),
    ],
)
def test_what_a_label_shows(value: Any, expected: str | None) -> None:
    assert text(value) == expected


@pytest.mark.parametrize("value", [0, 1, 7, 2**53, 10**15, 10**18])
def test_equal_numbers_are_one_label(value: int) -> None:
    assert text(value) == text(float(value))
