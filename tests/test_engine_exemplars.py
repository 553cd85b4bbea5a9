"""Exemplars of both engines: the newest line of a bucket that shows a value stands for it."""

from __future__ import annotations

from random import Random

import pytest

from exporter.engine.rules import LogRule, LogRules, Observe
from exporter.model import Family
from exporter.vocabulary import FAMILIES
from tests.support.hostile import NOW
from tests.support.oracle import Counted, plan_of

pytestmark = pytest.mark.usefixtures("each_engine")

TOOK = Family("took_seconds", "histogram", "Took.", (), buckets=(0.1, 1.0))
RULES = LogRules(
    rules=(
        LogRule(message="Job done", observe=(Observe("took_seconds", "took", {}, exemplar="id"),)),
    )
)
MANY = 1025  # more than the compiled engine keeps of one line
BUCKET = ("took_seconds", (), 1)
# What an "id" may be, and what it shows: nothing for what a label cannot show.
SHOWN = (
    ('"abc"', "abc"),
    ("7", "7"),
    ("true", "true"),
    ("1.5", "1.5"),
    ('"\\u0041b"', "Ab"),
    ('"' + "z" * 120 + '"', "z" * 120),
    ("12345678901234567890", "12345678901234567890"),
    ('""', None),
    ("null", None),
    ('{"x":1}', None),
    ("[1]", None),
    ("1e999", None),
)


def _line(spelled: str) -> bytes:
    return f'{{"level":30,"msg":"Job done","took":0.25,"id":{spelled}}}\n'.encode()


def _exemplar(spellings: list[str]) -> str:
    """What stands for the bucket after one block of these lines."""
    counted = Counted(plan_of(RULES, {**FAMILIES, TOOK.name: TOOK}), NOW)
    counted.feed([_line('"known"') * 3, b"".join(map(_line, spellings))])
    return counted.exemplars()[BUCKET][1]


@pytest.mark.parametrize(("spelled", "shown"), SHOWN)
def test_a_line_that_shows_nothing_leaves_the_one_before(spelled: str, shown: str | None) -> None:
    assert _exemplar(['"first"', spelled]) == (shown or "first")
    assert _exemplar(["1.25", spelled]) == (shown or "1.25")


@pytest.mark.parametrize("seed", range(20))
def test_the_newest_that_shows_something_stands_for_the_bucket(seed: int) -> None:
    lines = Random(seed).choices(SHOWN, k=8)
    newest = [shown for _, shown in lines if shown is not None]
    assert _exemplar([spelled for spelled, _ in lines]) == (newest or ["known"])[-1]


def test_a_line_of_more_exemplars_than_are_kept_is_counted() -> None:
    each = (Observe("took_seconds", "took", {}, exemplar="id"),) * MANY
    rules = LogRules(rules=(LogRule(message="Job done", observe=each),))
    counted = Counted(plan_of(rules, {**FAMILIES, TOOK.name: TOOK}), NOW)
    counted.feed([_line('"known"') * 3])
    assert counted.exemplars()[BUCKET][1] == "known"
    assert counted.numbers()["took_seconds", ()][1] == 3 * MANY
