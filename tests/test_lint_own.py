"""Our own rules have no finding, and hardly a word of them can be spoiled without one.

A spoiled rule that the linter does not see is a mistake that it would let pass in anybody's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import pytest
import yaml

from exporter.lint import Finding, Settings, lint, read
from exporter.lint.catalogue import Catalogue
from exporter.lint.files import Rule, RuleFile
from exporter.promql import NotPromQL, parse
from tests.support import spoiling

ROOT = Path(__file__).parents[1]
SETTINGS = Settings(enabled=frozenset({"keep-firing"}))

Spoil = Callable[[str], Iterator[tuple[str, str]]]

# Each kind of slip, and how many there are to make at the least.
SLIPS: dict[str, tuple[Spoil, int]] = {
    "a label left out of by": (partial(spoiling.without_a_label, places=spoiling.BY), 400),
    "a label left out of on": (partial(spoiling.without_a_label, places=spoiling.ON), 300),
    "sum for max": (spoiling.swapped, 150),
    "a misspelt metric": (spoiling.misspelt, 150),
    "no increase": (spoiling.risen, 30),
    "another default": (spoiling.other_defaults, 8),
}

# What no linter can know, or what is no mistake: which slip it fits, and why.
UNSEEN = {
    r"^\S+: (app|service) of max by \(app, service\) \( label_replace\(watched_broker": (
        "it is an alternative to something else, as absent(x) or x would be"
    ),
    r"^WatchedFileSilent: app of sum by \(app\) \(": "as above: two conditions, either will do",
    r"^\S+late:\S+: le of sum by": "a subject has one objective, so one bucket is left",
    r": (state|role|application|outcome) of max by \(app, \w+,.*(connections|recent_jobs)\{": (
        "a sum of maxima and a maximum are numbers alike"
    ),
    r"VersionSkew: version of count": "a count of one thing is a count, too",
    r"log_errors\S+: increase\(watched_log_records_total\[10m\]": "it is multiplied by 0",
    r"^WatchedHttpRejected: route of on": "there is one route",
    r"^WatchedRowsFailed: phase of on": "there is one phase",
    r": (max|sum) by \([^)]*\) \([^*]*\) \* 0\b": "it is multiplied by 0",
    r"^WatchedFileShrunk: instance of on": "two hosts may well have one file",
    r"^SidewatchInfoHeldBack: app of": "an alert of another set may well have no app",
    r": max by \([^)]*instance\)": "an instance shows each of its own series once",
    r": max by \(instance\)": "as above",
    r"late:ratio\w+: max by \(app, \w+\) \( 1 - sum": "a subject has one objective",
    r"(Saturated|WorkersGone): max by": "whether workers tell of all or of their own is not said",
    r"OneshotFailed: max by \(app, service\) \(watched_container_last_exit_code": (
        "codes are numbers like others"
    ),
    r": sum by \(app, (queue|database)\) \( max by": "a sum of maxima and a maximum are alike",
    r"recent: max by": "it is recorded only where it is 1",
    r"^Sidewatch\w+: sum by": "each instance tells of itself; the worst is as right as the sum",
}


@cache
def _own() -> tuple[RuleFile, ...]:
    paths = sorted((ROOT / "rules").glob("*.yaml"))
    return tuple(read(path.name, path.read_text()) for path in paths)


def _rules() -> list[Rule]:
    return [rule for file in _own() for rule in file.rules]


def _findings(rule: Rule) -> list[Finding]:
    """The findings of a rule that was changed, among its fellows."""
    return lint([RuleFile(rule.file, ("",), (rule,), ())], SETTINGS, beside=_own())


def _spoiled(rule: Rule, expression: str) -> Rule:
    return replace(rule, expression=expression, tree=parse(expression), lines={}, first=1, last=1)


def test_our_own_rules_have_no_finding() -> None:
    found = lint(_own(), SETTINGS)
    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_in_an_expression_is_found(slip: str) -> None:
    spoil, least = SLIPS[slip]
    unseen, count = list[str](), 0
    for rule in _rules():
        for what, expression in spoil(rule.expression):
            try:
                spoiled = _spoiled(rule, expression)
            except NotPromQL:
                continue
            count += 1
            if not _findings(spoiled):
                unseen.append(f"{rule.name}: {what}")
    assert count >= least, count
    missed = [one for one in unseen if not any(re.search(fits, one) for fits in UNSEEN)]
    assert not missed, "\n".join(missed)
    assert len(unseen) <= count * 0.2


def test_a_printed_label_that_is_not_there_is_found() -> None:
    count = 0
    for rule in _rules():
        for key, text in rule.annotations.items():
            for place in spoiling.PRINTED.finditer(text):
                wrong = text[: place.start()] + "nobody" + text[place.end() :]
                found = _findings(replace(rule, annotations=rule.annotations | {key: wrong}))
                assert [one.check for one in found] == ["label-lost"], (rule.name, wrong)
                count += 1
    assert count > 150


def test_the_labels_that_are_inferred_are_those_that_prometheus_gives() -> None:
    """The proofs of the rules say them, and promtool has borne these out."""
    alerts = {rule.name: rule for rule in _rules() if rule.is_alert}
    catalogue = Catalogue(_rules())
    compared = 0
    for path in sorted((ROOT / "tests/rules").glob("*.yaml")):
        for test in yaml.safe_load(path.read_text())["tests"]:
            for case in test.get("alert_rule_test", ()):
                rule = alerts[case["alertname"]]
                assert rule.tree is not None
                inferred = catalogue.flow(rule.tree).labels
                for told in case["exp_alerts"]:
                    given = set(told["exp_labels"]) - set(rule.labels)
                    assert all(inferred.can(label) for label in given), rule.name
                    assert inferred.has - set(rule.labels) <= given, rule.name
                    compared += 1
    assert compared > 60
