"""Checks of names: metrics, labels and label values that nothing has."""

from __future__ import annotations

import re
from collections.abc import Iterator

from exporter.lint.checking import Check, Found, Subject
from exporter.lint.labels import Labels
from exporter.lint.metrics import Metric
from exporter.lint.patterns import fits
from exporter.promql import Aggregate, Binary, Matcher, Selector

PLAIN = re.compile(r"[\w-]*")


def _unknown_metrics(subject: Subject) -> Iterator[Found]:
    catalogue = subject.catalogue
    for name in dict.fromkeys(each.metric for each in subject.parts(Selector)):
        if not catalogue.is_missing(name):
            continue
        like = catalogue.like(name)
        hint = f"did you mean {like}?" if like else "give a text exposition of yours as --metrics"
        what = "no rule here records it" if ":" in name else "there is no such metric"
        yield Found(f"{name}: {what}; {hint}", name)


def _unknown_labels(subject: Subject) -> Iterator[Found]:
    for node in subject.nodes:
        match node:
            case Selector():
                yield from _matched(subject, node)
            case Aggregate() if not node.without:
                labels = subject.flow(node.operand).labels
                yield from _absent(labels, node.labels, f"{node.operator} by")
            case Binary() if node.included:
                one = node.right if node.group == "left" else node.left
                labels = subject.flow(one).labels
                yield from _absent(labels, node.included, f"group_{node.group}")


def _matched(subject: Subject, node: Selector) -> Iterator[Found]:
    known = subject.catalogue.known(node)
    for label in dict.fromkeys(each.label for each in node.matchers):
        if not known.labels.can(label):
            yield Found(
                f"{node.metric} has no label {label}; it has {known.labels}"
                " (what your scrape adds is named by --labels)",
                label,
            )


def _absent(labels: Labels, asked: tuple[str, ...], where: str) -> Iterator[Found]:
    for label in asked:
        if not labels.can(label):
            yield Found(
                f"{where} ({label}): what it is taken from has no such label, only {labels}", label
            )


def _unknown_values(subject: Subject) -> Iterator[Found]:
    for node in subject.parts(Selector):
        known = subject.catalogue.known(node)
        values = known.values if isinstance(known, Metric) else {}
        for each in node.matchers:
            if each.label in values:
                yield from _impossible(each, values[each.label], node.metric)


def _impossible(matcher: Matcher, values: tuple[str, ...], metric: str) -> Iterator[Found]:
    if matcher.operator in {"=", "!="}:
        wanted = [matcher.value] if matcher.value else []
    else:
        branches = matcher.value.split("|")
        plain = all(PLAIN.fullmatch(branch) for branch in branches)
        wanted = [branch for branch in branches if branch] if plain else [matcher.value]
    for value in wanted:
        if {fits(value, each) for each in values} == {False}:
            yield Found(
                f"{metric} never has {matcher.label}={value!r}; it has {', '.join(values)}", value
            )


CHECKS = (
    Check("metric-unknown", "error", "a metric that there is not", _unknown_metrics),
    Check("label-unknown", "error", "a label that the metric does not have", _unknown_labels),
    Check("label-value", "error", "a label value that the metric never has", _unknown_values),
)
