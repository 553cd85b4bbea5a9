"""Our own rules have no finding, and hardly a word of them can be spoiled without one.

A spoiled rule that the linter does not see is a mistake that it would let pass in anybody's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from exporter.lint import Finding, Settings, lint, read
from exporter.lint.catalogue import OWN, Catalogue
from exporter.lint.files import Rule, RuleFile
from exporter.promql import NotPromQL, parse, selectors
from tests.support import spoiling, yamls
from tests.support.spoiling import without_a_label

ROOT = Path(__file__).parents[1]
SETTINGS = Settings(enabled=frozenset({"keep-firing"}))

Spoil = Callable[[str], Iterator[tuple[str, str]]]

# Each kind of slip: how many there are to make at the least, and which share must be found. What
# is not found is harmless (`sum` of what one instance tells alone), or only who
# knows what is meant can tell (a maximum over outcomes is a number like their sum).
SLIPS: dict[str, tuple[Spoil, int, float]] = {
    "a label left out of by": (partial(without_a_label, places=spoiling.BY), 400, 0.95),
    "a label left out of on": (partial(without_a_label, places=spoiling.ON), 300, 0.98),
    "sum for max": (spoiling.swapped, 150, 0.8),
    "a misspelt metric": (spoiling.misspelt, 150, 1.0),
    "no increase": (spoiling.risen, 30, 0.8),
    "another default": (spoiling.other_defaults, 8, 0.85),
}


@cache
def _own() -> tuple[RuleFile, ...]:
    paths = sorted((ROOT / "rules").glob("*.yaml"))
    return tuple(read(path.name, path.read_text()) for path in paths)


def _rules() -> list[Rule]:
    return [rule for file in _own() for rule in file.rules]


def _findings(rule: Rule) -> list[Finding]:
    """The findings of a rule that was changed, among its fellows."""
    return [one for one in _alone(rule) if (rule.name, one.check) not in _switched_off()]


def _alone(rule: Rule) -> list[Finding]:
    """The findings of a rule without the comments above it."""
    return lint([RuleFile(rule.file, ("",), (rule,), ())], SETTINGS, beside=_own())


@cache
def _switched_off() -> frozenset[tuple[str, str]]:
    """Rules and the checks that a comment, with its reason, switches off."""
    return frozenset((rule.name, one.check) for rule in _rules() for one in _alone(rule))


def _spoiled(rule: Rule, expression: str) -> Rule:
    return replace(rule, expression=expression, tree=parse(expression), lines={}, first=1, last=1)


def test_our_own_rules_have_no_finding() -> None:
    found = lint(_own(), SETTINGS)
    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_in_an_expression_is_found(slip: str) -> None:
    spoil, least, share = SLIPS[slip]
    unseen, count = list[str](), 0
    for rule in _rules():
        for what, expression in spoil(rule.expression) if _is_of_our_vocabulary(rule) else ():
            try:
                spoiled = _spoiled(rule, expression)
            except NotPromQL:
                continue
            count += 1
            if not _findings(spoiled):
                unseen.append(f"{rule.name}: {what}")
    assert count >= least, count
    assert len(unseen) <= count * (1 - share), "\n".join(unseen)


def _is_of_our_vocabulary(rule: Rule) -> bool:
    """Of other metrics the linter knows no more than the name."""
    return rule.tree is not None and all(OWN.search(each.metric) for each in selectors(rule.tree))


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
        for test in yamls.read(path.read_text())["tests"]:
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
