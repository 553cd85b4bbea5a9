"""Every engine against the exact reading: hostile lines, in any chunks, move the same numbers."""

from __future__ import annotations

from random import Random

import pytest

from tests.support.differential import (
    AT_ONCE,
    ENGINES,
    FORMATS,
    MILLION,
    PROFILES,
    check,
    chunks,
    plan,
    real_lines,
)
from tests.support.hostile import NOW
from tests.support.oracle import Counted, Oracle, differences

LINES = 2_000  # of each profile and format, some times


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", PROFILES)
def test_hostile_lines_of_a_profile_move_what_the_exact_reading_says(name: str, seed: int) -> None:
    check(name, LINES, seed)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", FORMATS)
def test_hostile_lines_of_a_format_move_what_the_exact_reading_says(name: str, seed: int) -> None:
    check(name, LINES, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 100 + MILLION // AT_ONCE))
@pytest.mark.parametrize("name", FORMATS)
def test_a_million_hostile_lines_move_what_the_exact_reading_says(name: str, seed: int) -> None:
    check(name, AT_ONCE, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 110))
@pytest.mark.parametrize("name", PROFILES)
def test_many_hostile_lines_of_a_profile_move_the_same(name: str, seed: int) -> None:
    check(name, AT_ONCE, seed)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", PROFILES)
def test_a_replay_is_at_each_record_within_a_second(name: str, engine: str) -> None:
    lines = [*real_lines(name)] * 5
    fast = Counted(plan(name), NOW, replaying=True, by=engine)
    fast.feed(chunks(b"".join(line + b"\n" for line in lines), Random(name)))
    exact = Oracle(plan(name), NOW, replaying=True)
    exact.read(lines)
    found, expected = fast.numbers(), exact.numbers()
    stamps = [key for key in expected if key[0].endswith("_timestamp_seconds")]
    for key in stamps:
        assert found.pop(key) == pytest.approx(expected.pop(key), abs=1.0)
    assert not differences(found, expected)
