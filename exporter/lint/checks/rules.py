"""Checks of rules as a whole: what they must carry, and those that stand there twice."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.lint.checking import Check, Found, Subject
from exporter.lint.files import Rule
from exporter.promql import Call, Selector


def _faults(subject: Subject) -> Iterator[Found]:
    for fault in subject.rule.faults:
        yield Found(fault.text, key=fault.key)


def _annotations(subject: Subject) -> Iterator[Found]:
    rule = subject.rule
    missing = [key for key in subject.settings.annotations if not rule.annotations.get(key)]
    if rule.is_alert and missing:
        yield Found(f"an alert needs the annotation {' and '.join(missing)}", key="alert")


def _labels(subject: Subject) -> Iterator[Found]:
    rule = subject.rule
    if not rule.is_alert or rule.tree is None:
        return
    has = subject.flow(rule.tree).labels.has | set(rule.labels)
    missing = [label for label in subject.settings.labels if label not in has]
    if missing:
        yield Found(
            f"an alert needs the label {' and '.join(missing)}: routes go by it", key="alert"
        )


def _twice(subject: Subject) -> Iterator[Found]:
    rule = subject.rule
    first = subject.namesakes[key(rule)]
    if first is rule:
        return
    where = f"{first.file}:{first.first}" if first.file != rule.file else f"line {first.first}"
    if rule.is_alert and first.expression != rule.expression:
        yield Found(
            f"another alert of this name and these labels stands at {where}; whoever is told cannot"
            " tell them apart",
            key="alert",
            severity="warning",
        )
    elif rule.is_alert:
        yield Found(f"the same alert stands at {where}", key="alert")
    elif first.expression == rule.expression:
        yield Found(f"the same series are recorded at {where}", key="record")


def _absent_app(subject: Subject) -> Iterator[Found]:
    """absent() makes its labels of equality matchers alone."""
    if not subject.rule.is_alert or "app" in subject.rule.labels:
        return
    for node in subject.nodes:
        if not (isinstance(node, Call) and node.function in {"absent", "absent_over_time"}):
            continue
        inner = node.arguments[0]
        given, left = subject.flow(inner).labels.has, subject.flow(node).labels.has
        if isinstance(inner, Selector) and "app" in given - left:
            yield Found(
                f"{node.function}({inner.metric}) is true only where no application has it, and"
                ' tells none; match app="...", or use a series that there was unless there is',
                node.function,
            )


def key(rule: Rule) -> tuple[str, ...]:
    """What a rule shares only with one that is there twice."""
    labels = sorted(f"{label}={text}" for label, text in rule.labels.items())
    return (str(rule.is_alert), rule.name, *labels)


CHECKS = (
    Check("rule-shape", "error", "a rule that Prometheus would refuse", _faults),
    Check("annotation-missing", "warning", "an alert without a required annotation", _annotations),
    Check("label-missing", "warning", "an alert without a required label", _labels),
    Check("rule-twice", "error", "a rule that stands there twice", _twice),
    Check("absent-app", "warning", "absent() that no application can be told from", _absent_app),
)
