"""Checks of comparisons: those that decide nothing, and those that decide the wrong way round."""

from __future__ import annotations

import math
from collections.abc import Iterator

from exporter.lint.checking import Check, Found, Subject
from exporter.lint.metrics import Metric
from exporter.lint.span import Span, always, never
from exporter.promql import (
    COMPARISONS,
    Aggregate,
    Binary,
    Call,
    Number,
    Selector,
    Tree,
    selectors,
    walk,
)

# Gone with the thing that they tell of: a probe that fails shows no certificate.
VANISHING = frozenset(
    {
        "probe_ssl_earliest_cert_expiry",
        "probe_ssl_last_chain_expiry_timestamp_seconds",
        "watched_tls_not_after_timestamp_seconds",
    }
)


def _decided(subject: Subject) -> Iterator[tuple[Binary, Span, Span]]:
    for node in subject.parts(Binary):
        left, right = subject.flow(node.left), subject.flow(node.right)
        if node.operator in COMPARISONS and not (left.scalar and right.scalar):
            yield node, left.span, right.span


def _never(subject: Subject) -> Iterator[Found]:
    for node, left, right in _decided(subject):
        nan = isinstance(node.right, Number) and math.isnan(node.right.value)
        if nan and node.operator != "!=":
            yield Found("nothing equals NaN, nor is more or less; x != x finds it", "NaN")
        elif not nan and never(node.operator, left, right):
            yield Found(
                f"{node.operator} {_range(right)} never holds: the left side is {_range(left)}",
                _near(node),
            )


def _always(subject: Subject) -> Iterator[Found]:
    for node, left, right in _decided(subject):
        # Where it is decided elsewhere whether there is a left side, as by the matchers of a count
        # or of an info metric, `> 0` reads well and is right.
        decides = not (left.low >= 1 or subject.flow(node.left).conditional)
        if decides and always(node.operator, left, right) and not left.point:
            yield Found(
                f"{node.operator} {_range(right)} always holds: the left side is {_range(left)}",
                _near(node),
            )


def _range(span: Span) -> str:
    if span.point:
        return f"{span.low:g}"
    if math.isinf(span.low) and math.isinf(span.high):
        return "any number"
    if math.isinf(span.high):
        return f"{span.low:g} or more"
    return f"{span.high:g} or less" if math.isinf(span.low) else f"{span.low:g} to {span.high:g}"


def _inverted(subject: Subject) -> Iterator[Found]:
    rule = subject.rule
    conditions = any(
        isinstance(n, Binary) and n.operator in {"and", "unless"} for n in subject.path
    )
    if rule.labels.get("severity") in {"none", "info"} or conditions:
        return
    for node in subject.path:
        if not (isinstance(node, Binary) and node.filters and isinstance(node.right, Number)):
            continue
        metric = _health(subject, node.left)
        number = node.right.value
        well = {"==": number == 1, "!=": number == 0, ">": 0 <= number < 1, ">=": 0 < number <= 1}
        if metric is not None and well.get(node.operator):
            yield Found(
                f"{metric} is 1 while all is well, so this fires while it is; == 0 is when it is"
                " not",
                metric,
            )


def _health(subject: Subject, tree: Tree) -> str | None:
    """The metric whose value this is, if that is 1 while something is well."""
    while True:
        match tree:
            case Selector():
                known = subject.catalogue.known(tree)
                well = isinstance(known, Metric) and known.healthy_at_one
                return tree.metric if well else None
            case Aggregate(operator="max" | "min" | "avg"):
                tree = tree.operand
            case Call() if tree.function.endswith("_over_time") and len(tree.arguments) == 1:
                tree = tree.arguments[0]
            case _:
                return None


def _unconditional(subject: Subject) -> Iterator[Found]:
    tree = subject.rule.tree
    if not subject.rule.is_alert or tree is None:
        return
    if isinstance(tree, Binary) and tree.as_number:
        yield Found("bool gives 0 where it does not hold, and 0 fires too; leave bool out", "bool")
    elif not subject.flow(tree).conditional and not subject.flow(tree).constant:
        yield Found("nothing is compared, so it fires as soon as there is a series")


def _unit(subject: Subject) -> Iterator[Found]:
    """A threshold in another unit than the value, where the number leaves no doubt."""
    for node in subject.parts(Binary):
        left, right = subject.flow(node.left), subject.flow(node.right).span
        if node.operator not in COMPARISONS or not right.point or right.low <= 0:
            continue
        number, near = right.low, _near(node)
        named = all(not isinstance(each, Binary) for each in walk(node.left))
        if left.unit == "ratio" and named and 10 <= number <= 100:
            yield Found(f"a ratio is compared with {number:g}, as if it were percent", near)
        elif left.unit == "percent" and number < 1:
            yield Found(f"percent are compared with {number:g}, as if they were a ratio", near)
        elif left.unit == "timestamp" and number < 1e8:
            yield Found(
                f"a moment in seconds since 1970 is compared with {number:g}, as if it were an age;"
                " say time() - ...",
                near,
            )


def _vanishing(subject: Subject) -> Iterator[Found]:
    for node in subject.parts(Selector):
        if subject.rule.is_alert and node.metric in VANISHING and node.range is None:
            yield Found(
                f"{node.metric} is gone while the probe fails, and the alert with it; take"
                f" last_over_time({node.metric}[1h])",
                node.metric,
            )


def _near(node: Binary) -> str:
    found = selectors(node.left) or selectors(node.right)
    return found[0].metric if found else ""


CHECKS = (
    Check("comparison-never", "error", "a comparison that can never hold", _never),
    Check("comparison-always", "warning", "a comparison that always holds", _always),
    Check("alert-inverted", "error", "an alert that fires while all is well", _inverted),
    Check("alert-unconditional", "warning", "an alert that compares nothing", _unconditional),
    Check("threshold-unit", "warning", "a threshold in another unit than the value", _unit),
    Check(
        "vanishing", "warning", "a deadline whose series is gone while its probe fails", _vanishing
    ),
)
