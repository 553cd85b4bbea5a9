"""What engines remember has bounds in bytes, whatever lines are made up to fill it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

MEGABYTE = 1 << 20
# Each in a process of its own, where nothing else has asked for memory.
BEGIN = """
import os
from pathlib import Path
from exporter.engine.rules import Count, Event, Label, LogRule, LogRules, Set, Where
from exporter.model import Family
from exporter.vocabulary import FAMILIES
from tests.support.hostile import NOW
from tests.support.oracle import Counted, plan_of

def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
"""
LONG_VALUES = """
kind = {"kind": Label(field="kind")}
jobs = {f"j{i}_total": Family(f"j{i}_total", "counter", "Jobs.", ("kind",)) for i in range(5)}
rules = LogRules(rules=tuple(LogRule(message="Job", count=(Count(one, kind),)) for one in jobs))
counted = Counted(plan_of(rules, {**FAMILIES, **jobs}), NOW)
before = held()
for i in range(6_000):
    counted.feed([b"INFO Job kind=%d%b\\n" % (i, b"x" * 2_000)])
print(held() - before)
"""
LONG_CHOICES = """
rules = LogRules(
    rules=tuple(
        LogRule(where=(Where("path", values=(f"/v{i}*",)),), event=Event(f"e{i}"))
        for i in range(12)
    )
    + (LogRule(where=(Where("path", none_of=("/no*",)),), event=Event("other")),)
)
counted = Counted(plan_of(rules, FAMILIES), NOW)
before = held()
for i in range(8_000):
    path = b"%d%b" % (i, b"x" * (1_900 if i % 2 else 9_000))
    counted.feed([b'{"level":30,"msg":"Ran","path":"/%b"}\\n' % path])
print(held() - before)
"""
MANY_SETS = """
words = [f"w{i}." for i in range(13)]
rules = LogRules(
    rules=tuple(LogRule(message="{*}%s{*}" % word, event=Event(f"e{word[1:-1]}")) for word in words)
)
counted = Counted(plan_of(rules, FAMILIES), NOW)
before = held()
for one in range(1 << len(words)):
    text = "".join(word for i, word in enumerate(words) if one >> i & 1)
    counted.feed([b'{"level":30,"msg":"%b"}\\n' % text.encode()] * 3)
print(held() - before)
"""
LEFT_BESIDE_SETS = MANY_SETS.replace(
    "counted = Counted(plan_of(rules, FAMILIES), NOW)",
    """depth = Family("depth", "gauge", "Depth.", ())
odd = LogRule(where=(Where("depth", min=0),), set=(Set("depth", "service", {}),))
plan = plan_of(LogRules(rules=(*rules.rules, odd)), {**FAMILIES, "depth": depth})
counted = Counted(plan, NOW)""",
)
CHOICES_OF_SETS = """
from itertools import combinations, islice
words = [f"w{i}." for i in range(13)]
rules = LogRules(
    rules=tuple(
        LogRule(
            message="{*}%s{*}" % word,
            where=(Where("path", values=(f"/v{i}*",)),),
            event=Event(f"e{i}"),
        )
        for i, word in enumerate(words)
    )
)
counted = Counted(plan_of(rules, FAMILIES), NOW)
before = held()
for some in islice(combinations(words, 9), 100):
    line = '{"level":30,"msg":"%s","path":"/%%d%s"}\\n' % ("".join(some), "x" * 100)
    counted.feed(["".join(line % i for i in range(1_500)).encode()])
print(held() - before)
"""


def _grown(script: str, engine: str) -> int:
    """The bytes by which a process has grown."""
    told = subprocess.run(
        [sys.executable, "-c", BEGIN + script],
        env={**os.environ, "SIDEWATCH_ENGINE": engine},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(told.stdout)


def test_long_labels_fill_no_more_than_short_ones(each_engine: str) -> None:
    assert _grown(LONG_VALUES, each_engine) < 10 * MEGABYTE


def test_long_values_that_rules_are_chosen_by_fill_no_more_than_short_ones(
    each_engine: str,
) -> None:
    assert _grown(LONG_CHOICES, each_engine) < 4 * MEGABYTE


@pytest.mark.parametrize("script", [MANY_SETS, LEFT_BESIDE_SETS], ids=["counted", "left"])
def test_sets_of_templates_that_messages_fit_are_forgotten(script: str, each_engine: str) -> None:
    assert _grown(script, each_engine) < 16 * MEGABYTE


def test_what_fields_choose_is_bounded_in_all_sets_of_rules_together(each_engine: str) -> None:
    assert _grown(CHOICES_OF_SETS, each_engine) < 16 * MEGABYTE
