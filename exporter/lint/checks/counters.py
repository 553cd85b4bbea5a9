"""Checks of counters: what only rises means nothing but by how much, and a gauge does not rise."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from msgspec.structs import replace

from exporter.lint.checking import Check, Found, Severity, Subject
from exporter.lint.flow import Flow
from exporter.lint.infer import RISES, SLOPES
from exporter.lint.shares import is_share
from exporter.promql import (
    COMPARISONS,
    Aggregate,
    Binary,
    Call,
    Selector,
    Subquery,
    Tree,
    selectors,
    walk,
)


def _rate_of_gauge(subject: Subject) -> Iterator[Found]:
    for call, inner, name in _calls(subject, RISES):
        if inner.kind == "gauge":
            yield Found(
                f"{call} of {name}, which is a gauge{_by_name(inner)}: each fall looks"
                " like a restart; use deriv or delta, or compare the value itself",
                name,
                severity=_severity(inner),
            )


def _slope_of_counter(subject: Subject) -> Iterator[Found]:
    for call, inner, name in _calls(subject, SLOPES | {"predict_linear"}):
        if inner.kind == "counter":
            yield Found(
                f"{call} of {name}, which is a counter{_by_name(inner)}: a restart"
                " looks like a fall; use increase or rate",
                name,
                severity=_severity(inner),
            )


def _rate_of_sum(subject: Subject) -> Iterator[Found]:
    for call, inner, name in _calls(subject, RISES):
        if inner.summed and inner.kind in {"counter", "bucket"}:
            yield Found(
                f"{call} of a sum of counters ({name}): when one of them restarts, the sum"
                " falls and counts anew; take the rate first, then the sum",
                name,
                severity=_severity(inner),
            )


def _calls(subject: Subject, functions: Collection[str]) -> Iterator[tuple[str, Flow, str]]:
    """Each call of one of these: the function, and what it is called with and that one's name."""
    for call in subject.parts(Call):
        if call.function in functions:
            inner = call.arguments[0]
            yield call.function, subject.flow(inner), _name(inner)


def _raw_counter(subject: Subject) -> Iterator[Found]:
    for node in subject.parts(Binary):
        if node.operator not in COMPARISONS:
            continue
        left, right = subject.flow(node.left), subject.flow(node.right)
        zero = node.operator == "==" and right.span.high == right.span.low == 0.0
        risen = node.operator in {">", ">=", "==", "!="} and not zero
        # A condition that is a counter by its name alone is left in peace: it cannot page for ever.
        told = not left.guessed or (right.scalar and node in subject.path)
        if left.kind == "counter" and right.kind != "counter" and risen and told:
            name = _name(_counter(subject, node.left))
            yield Found(
                f"{name} is a counter{_by_name(left)}, compared as it stands: once it is past the"
                " number it stays there until a restart; compare its increase",
                name,
                severity=_severity(left),
            )


def _counter(subject: Subject, tree: Tree) -> Tree:
    """What of an expression is the counter: one side of an `or` may be none."""
    for part in walk(tree):
        if isinstance(part, Binary) and part.operator == "or":
            for side in (part.left, part.right):
                if subject.flow(side).kind == "counter":
                    return _counter(subject, side)
    return tree


def _recorded(subject: Subject) -> Iterator[Found]:
    tree = subject.rule.tree
    if subject.rule.is_alert or tree is None:
        return
    flow = subject.flow(tree)
    if flow.kind in {"counter", "bucket"} and flow.summed:
        yield Found(
            f"a sum of counters{_by_name(flow)} is recorded: when one of them restarts it falls, so"
            " no rate of it is right; record the sum of their rates",
            _name(tree),
            severity=_severity(flow),
        )


def _mixed(subject: Subject) -> Iterator[Found]:
    """What rose since the start, calculated with what rose lately."""
    for node in subject.parts(Binary):
        if node.operator in COMPARISONS | {"and", "unless"}:
            continue
        for side, other in ((node.left, node.right), (node.right, node.left)):
            counter = subject.flow(side)
            mixed = counter.kind in {"counter", "bucket"} and subject.flow(other).kind == "gauge"
            # Names alone are no ground: not all that is called total is a counter.
            if mixed and not counter.guessed:
                name = _name(side)
                yield Found(
                    f"{node.operator}: {name} counts since the start, the other"
                    " side does not; take its rate or increase too",
                    name,
                )


def _own_difference(subject: Subject) -> Iterator[Found]:
    for node in subject.parts(Binary):
        left, right = node.left, node.right
        if node.operator != "-" or not (isinstance(left, Selector) and isinstance(right, Selector)):
            continue
        same = replace(left, offset=0.0) == replace(right, offset=0.0)
        if same and left.offset != right.offset and subject.flow(left).kind == "counter":
            yield Found(
                f"{left.metric} minus itself a while ago falls below 0 at a restart; use increase",
                left.metric,
                severity=_severity(subject.flow(left)),
            )


def _lifetime_ratio(subject: Subject) -> Iterator[Found]:
    for node in subject.parts(Binary):
        if node.operator != "/":
            continue
        left, right = subject.flow(node.left), subject.flow(node.right)
        if {left.kind, right.kind} <= {"counter", "bucket"} or _is_mean(node):
            name = _name(node.left)
            share = "share" if is_share(node.left, node.right) else "ratio"
            yield Found(
                f"a {share} of whole counters ({name} ...) is that of all time since the start and"
                " hardly moves; take rate or increase of both",
                name,
                severity=_severity(left, right),
            )


def _quantile(subject: Subject) -> Iterator[Found]:
    for call in subject.parts(Call):
        if call.function not in {"histogram_quantile", "histogram_fraction"}:
            continue
        inner = call.arguments[-1]
        names = [each.metric for each in selectors(inner) if each.metric.endswith("_bucket")]
        if not names:
            continue
        flow = subject.flow(inner)
        if not flow.labels.can("le"):
            yield Found(f"{call.function} needs the label le; keep it in by (le, ...)", names[0])
        if flow.kind == "bucket":
            yield Found(
                f"{call.function} of buckets since the start; take rate of {names[0]} first",
                names[0],
            )


def _is_mean(node: Binary) -> bool:
    """Whether it is the sum over the count of one histogram or summary, both as they stand."""
    left, right = _bare(node.left), _bare(node.right)
    if left is None or right is None or not left.endswith("_sum"):
        return False
    return left.removesuffix("_sum") == right.removesuffix("_count") != right


def _bare(tree: Tree) -> str | None:
    """The metric that is read as it stands, or summed up."""
    while isinstance(tree, Aggregate) and tree.operator == "sum":
        tree = tree.operand
    return tree.metric if isinstance(tree, Selector) else None


def _severity(*flows: Flow) -> Severity | None:
    return "warning" if any(flow.guessed for flow in flows) else None


def _by_name(flow: Flow) -> str:
    return " by its name" if flow.guessed else ""


def _name(tree: Tree) -> str:
    found = selectors(tree.operand if isinstance(tree, Subquery) else tree)
    return found[0].metric if found else "this"


CHECKS = (
    Check("rate-of-gauge", "error", "rate, irate or increase of a gauge", _rate_of_gauge),
    Check(
        "slope-of-counter",
        "error",
        "delta, deriv or predict_linear of a counter",
        _slope_of_counter,
    ),
    Check("rate-of-sum", "error", "the rate of a sum of counters", _rate_of_sum),
    Check("counter-raw", "error", "a counter compared as it stands", _raw_counter),
    Check("counter-recorded", "error", "a sum of counters, recorded", _recorded),
    Check("counter-mixed", "error", "a counter calculated with what is none", _mixed),
    Check("counter-difference", "error", "a counter minus itself a while ago", _own_difference),
    Check("lifetime-ratio", "error", "a quotient of whole counters", _lifetime_ratio),
    Check("quantile", "error", "a quantile of a histogram without le, or without rate", _quantile),
)
