"""Checks of matchers: needless expressions, those that fit everything, those that fit nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from exporter.lint.checking import Check, Found, Subject
from exporter.lint.patterns import fits
from exporter.promql import Aggregate, Matcher, Selector

SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")
EVERYTHING = frozenset({".*", "(.*)", ".*.*", "^.*$"})


def _plain(subject: Subject) -> Iterator[Found]:
    for node, each in _matchers(subject):
        if each.operator in {"=~", "!~"} and each.value and not SPECIAL.search(each.value):
            plain = "=" if each.operator == "=~" else "!="
            yield Found(
                f'{each} is a plain text, no expression; write {each.label}{plain}"{each.value}"',
                f'"{each.value}"',
            )
        elif each.operator in {"=~", "!~"} and re.fullmatch(r"\^.*|.*[^\\$]\$", each.value):
            yield Found(
                f"{node.metric}{{{each}}}: an expression always fits the whole value, so ^ and $"
                " are not needed",
                each.value,
            )


def _everything(subject: Subject) -> Iterator[Found]:
    for _, each in _matchers(subject):
        if each.operator == "=~" and each.value in EVERYTHING:
            yield Found(f"{each} fits everything, the missing label too; leave it out", each.value)


def _nothing(subject: Subject) -> Iterator[Found]:
    for node, each in _matchers(subject):
        if each.operator == "!~" and each.value in EVERYTHING:
            yield Found(f"{each} fits nothing, so the selector is always empty", each.value)
        if each.operator == "=":
            against = [other for other in node.matchers if _contradicts(each, other)]
            for other in against[:1]:
                yield Found(f"{each} and {other} cannot both hold", each.value)


def _contradicts(one: Matcher, other: Matcher) -> bool:
    if one.label != other.label or one == other:
        return False
    match other.operator:
        case "=":
            return one.value < other.value  # told once for the two
        case "!=":
            return one.value == other.value
    found = fits(other.value, one.value)
    return found is not None and found != (other.operator == "=~")


def _picked(subject: Subject) -> Iterator[Found]:
    for node in subject.path:
        if isinstance(node, Aggregate) and node.operator in {"topk", "bottomk", "limitk"}:
            yield Found(
                f"{node.operator} gives other series each time, so alerts resolve and fire anew;"
                " compare all of them",
                node.operator,
            )


def _matchers(subject: Subject) -> Iterator[tuple[Selector, Matcher]]:
    for node in subject.selectors:
        for each in node.matchers:
            yield node, each


CHECKS = (
    Check("regex-plain", "warning", "an expression where a plain text would do", _plain),
    Check("regex-everything", "warning", "a matcher that fits everything", _everything),
    Check("matcher-nothing", "error", "matchers that nothing fulfils", _nothing),
    Check("fragile-pick", "warning", "an alert on topk or bottomk", _picked),
)
