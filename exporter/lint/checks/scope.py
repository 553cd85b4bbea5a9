"""Checks of scope: how the same metric of several sidewatch instances is put together."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.lint.catalogue import OWN
from exporter.lint.checking import Check, Found, Subject
from exporter.lint.metrics import Metric
from exporter.promql import Aggregate, Binary, Call, Number, Tree, selectors, walk

WRONG_FOR_SHARED = "each instance tells the same number, so max is right"
WRONG_FOR_LOCAL = "each instance tells its own part, so sum is right"
WRONG_FOR_VANTAGE = "each instance sees for itself, so take the worst: min, max or count"
MERGES = frozenset({"sum", "avg", "min", "max", "count", "quantile", "stddev", "stdvar", "group"})


def _scope(subject: Subject) -> Iterator[Found]:
    nothing = set(_multiplied_by_nothing(subject))
    for node in subject.parts(Aggregate):
        if node.operator not in MERGES or node in nothing:
            continue
        apart = subject.flow(node.operand).apart - subject.flow(node).apart
        for metric in sorted(apart, key=lambda each: each.name):
            wrong = _wrong(node, metric)
            if wrong:
                text = f"{node.operator} over the instances that tell {metric.name}"
                yield Found(f"{text} ({metric.scope}): {wrong}", metric.name)


def _multiplied_by_nothing(subject: Subject) -> Iterator[Tree]:
    """Expressions of which only the labels are of use."""
    for node in subject.parts(Binary):
        if node.operator == "*" and node.right == Number(0.0):
            yield from walk(node.left)


def _wrong(node: Aggregate, metric: Metric) -> str | None:
    operator = node.operator
    match metric.scope:
        case "shared" if operator not in {"max", "group"} and not _counts_some(node):
            return WRONG_FOR_SHARED
        case "vantage" if operator in {"sum", "avg", "quantile", "stddev", "stdvar"}:
            return WRONG_FOR_VANTAGE
        case "vantage" if operator == "max" and metric.healthy_at_one:
            return "well as one of them sees it hides where it is not; min takes the worst"
        case "local" if operator not in {"sum", "group"} and metric.kind in {"counter", "bucket"}:
            return WRONG_FOR_LOCAL
        case "local" if metric.additive and operator not in {"sum", "count", "group"}:
            return WRONG_FOR_LOCAL
        case "local" | "own" if operator == "sum" and _once(metric):
            return "moments and limits do not add up; take max or min"
    return None


def _counts_some(node: Aggregate) -> bool:
    """Whether it only asks if there is any: `count(...) > 0` means the same for one and for two."""
    return node.operator == "count" and isinstance(node.operand, Aggregate)


def _once(metric: Metric) -> bool:
    return metric.unit == "timestamp" or metric.name.endswith(
        ("_objective", "_objective_seconds", "_objective_ratio", "_interval_seconds")
    )


def _summed_truths(subject: Subject) -> Iterator[Found]:
    one = Number(1.0)
    for node in subject.parts(Binary):
        inner = node.left
        if node.operator != "==" or node.right != one or not isinstance(inner, Aggregate):
            continue
        apart = subject.flow(inner.operand).apart - subject.flow(inner).apart
        for metric in sorted(apart, key=lambda each: each.name):
            if inner.operator == "sum" and metric.unit == "truth":
                yield Found(
                    f"where two instances say so, the sum of {metric.name} is 2, not 1; take max",
                    metric.name,
                )


def _level(subject: Subject) -> Iterator[Found]:
    """The name of what is recorded by application says what its labels are."""
    rule = subject.rule
    level, colon, _ = rule.name.partition(":")
    if rule.is_alert or rule.tree is None or not colon or "app" not in level.split("_"):
        return
    labels = subject.flow(rule.tree).labels
    if labels.open:
        return
    left = labels.has | labels.maybe | set(rule.labels)
    if sorted("_".join(left).split("_")) != sorted(level.split("_")):
        yield Found(f"its name says {level}, and what it leaves is {labels}", key="record")


def _app_lost(subject: Subject) -> Iterator[Found]:
    tree = subject.rule.tree
    if tree is None or "app" in subject.rule.labels or not _is_watched(subject):
        return
    absent = any(call.function.startswith("absent") for call in subject.parts(Call))
    if not absent and not subject.flow(tree).labels.can("app"):
        yield Found(
            "the label app is gone, so nobody knows whose it is and no route finds it;"
            " keep it in by (...), or set it under labels"
        )


def _is_watched(subject: Subject) -> bool:
    found = [subject.catalogue.known(each) for each in subject.selectors]
    return any(isinstance(each, Metric) and each.scope is not None for each in found)


def _apps_mixed(subject: Subject) -> Iterator[Found]:
    for node in subject.parts(Binary):
        left, right = subject.flow(node.left), subject.flow(node.right)
        if left.scalar or right.scalar or "app" not in left.labels.has & right.labels.has:
            continue
        if not (_is_ours(node.left) and _is_ours(node.right)):
            continue  # a target is of one application, whichever labels are asked for
        if node.on is not None and "app" not in node.on:
            yield Found(
                f"on ({', '.join(node.on)}) joins what two applications call the same;"
                " add app to it",
                f"({', '.join(node.on)})",
            )
        elif "app" in node.ignoring:
            yield Found("ignoring (app) joins the series of two applications; leave app in", "app")


def _is_ours(tree: Tree) -> bool:
    return any(OWN.search(each.metric) for each in selectors(tree))


CHECKS = (
    Check("scope", "error", "instances put together in a way that their metric forbids", _scope),
    Check("scope-truth", "error", "a sum of yes or no, compared with 1", _summed_truths),
    Check("record-level", "error", "a record whose name tells other labels", _level),
    Check(
        "app-lost", "error", "an alert or record that no longer says which application", _app_lost
    ),
    Check("app-mixed", "error", "a join of one application's series with another's", _apps_mixed),
)
