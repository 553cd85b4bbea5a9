"""Checks of joins: those always empty, and those that break when there are two of something."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.lint.checking import Check, Found, Subject
from exporter.lint.flow import Flow
from exporter.lint.metrics import Metric
from exporter.promql import SETS, Aggregate, Binary, Call, Selector, Tree, selectors, walk

# Labels that all instances of a job share: a join on them alone is of many with many, and one that
# is merely named in by (...) may well have one value, or none.
WIDE = frozenset({"job", "cluster", "namespace", "env", "environment", "region"})


def _empty(subject: Subject) -> Iterator[Found]:
    gathered = set(_gathered(subject))
    for node, left, right in _vectors(subject):
        labels = sorted(_disagreeing(node, left, right))
        if labels and node not in gathered:
            side = "left" if left.labels.can(labels[0]) else "right"
            other = "right" if side == "left" else "left"
            yield Found(
                f"{node.operator}: the {side} side has the label {' and '.join(labels)}, the"
                f" {other} side cannot have it, so no two series match and {_outcome(node)}; say on"
                " (...) with the labels that both have, or keep the label",
                _near(node),
            )


def _gathered(subject: Subject) -> Iterator[Tree]:
    """Each `or` inside an aggregation, which keeps only labels that all its sides have."""
    for node in subject.parts(Aggregate):
        tree = node.operand
        while isinstance(tree, Binary) and tree.operator == "or" and not node.without:
            sides = [subject.flow(tree.left).labels, subject.flow(tree.right).labels]
            if all(side.can(label) for side in sides for label in node.labels):
                yield tree
            tree = tree.left


def _outcome(node: Binary) -> str:
    match node.operator:
        case "unless":
            return "nothing is ever taken away"
        case "or":
            return "both are there, side by side"
    return "it is always empty"


def _disagreeing(node: Binary, left: Flow, right: Flow) -> frozenset[str]:
    """The labels that must agree, that one side has or is asked for, and the other cannot have."""
    if node.on is not None:
        asked = frozenset(node.on)
    elif node.operator == "or" and not _alike(node, left, right):
        return frozenset()
    else:
        asked = (left.labels.has | right.labels.has) - frozenset(node.ignoring)
    return frozenset(label for label in asked if left.labels.can(label) != right.labels.can(label))


def _alike(node: Binary, left: Flow, right: Flow) -> bool:
    """Whether both sides of an `or` are values of one kind of thing, not each its own condition."""
    if any(flow.labels.open or flow.constant for flow in (left, right)):
        return False
    return not any(_is_condition(side) for side in (node.left, node.right))


def _is_condition(tree: Tree) -> bool:
    if isinstance(tree, Call):
        return tree.function.startswith("absent")
    return isinstance(tree, Binary) and (tree.filters or tree.operator in SETS)


def _many(subject: Subject) -> Iterator[Found]:
    for node, left, right in _vectors(subject):
        if node.operator in SETS:
            continue
        sides = {"left": left, "right": right}
        sides.pop(node.group, None)
        for name, side in sides.items():
            loose = _loose(node, side)
            if loose:
                other = "right" if name == "left" else "left"
                yield Found(
                    f"{node.operator}: the {name} side can have several series for one of the"
                    f" {other} side, as many as there are values of {', '.join(sorted(loose))};"
                    " the rule then fails as a whole. Aggregate that side by the labels of the"
                    " join" + ("" if node.group else f", or say group_{name}"),
                    _near(node),
                    severity="warning" if side.labels.open else None,
                )


def _loose(node: Binary, side: Flow) -> frozenset[str]:
    """Labels in which series of one side differ although they match the same of the other."""
    labels, told = side.labels, side.pinned | frozenset(node.included)
    if node.on is None:
        return frozenset(node.ignoring) & labels.has - told if side.apart else frozenset()
    matched = frozenset(node.on)
    if side.key is not None and side.key <= matched:
        return frozenset()
    if not labels.open:
        return (labels.has | labels.maybe - WIDE) - matched - told
    if matched <= WIDE and "instance" in labels.has:
        return frozenset({"instance"}) - side.pinned
    return frozenset()


def _loose_sets(subject: Subject) -> Iterator[Found]:
    """A label that tells both sides' series apart, and that the set operator does not ask for."""
    for node, left, right in _vectors(subject):
        if node.operator not in SETS or node.on is None:
            continue
        apart = bool(left.apart and right.apart)
        both = left.labels.has & right.labels.has if apart else _named(left) & _named(right)
        # Who has the label job is as it was scraped, and has its instance with it, asked or not.
        asked = "job" not in left.labels.has | right.labels.has
        own_view = asked or any(_differs(each) for each in right.apart)
        mixed = {"app"} & left.labels.has & right.labels.has  # app-mixed tells of it
        both -= mixed | ({"job"} if own_view else {"job", "instance"})
        loose = both - set(node.on) - left.pinned - right.pinned
        if loose:
            yield Found(
                f"{node.operator} on ({', '.join(node.on)}): both sides tell series apart by"
                f" {' and '.join(sorted(loose))} too, so one of them decides for all the others;"
                " add it to on (...), or drop it on the right side",
                _near(node),
            )


def _differs(metric: Metric) -> bool:
    """Whether instances of sidewatch may tell different things of it, not the same objective."""
    return metric.scope != "shared" and "_objective" not in metric.name


def _named(side: Flow) -> frozenset[str]:
    """The labels of a vector that was aggregated by them; instance is one that it merely has."""
    return frozenset() if side.labels.open else side.labels.has | side.labels.maybe


def _default_missing(subject: Subject) -> Iterator[Found]:
    """An objective that may not be set is joined without its default."""
    covered = {
        each
        for node in subject.parts(Binary)
        if node.operator == "or"
        for each in selectors(node.left)
    }
    for node in subject.parts(Binary):
        for each in selectors(node.right) if node.operator not in SETS else ():
            default = subject.catalogue.metric(each.metric).default
            if default is not None and each not in covered and _decides(node.right, each):
                yield Found(
                    f"where {each.metric} is not set, this is empty and silent; its default is"
                    f" {default:g}: (... or on (...) <the left side> * 0 + {default:g})",
                    each.metric,
                )


def _decides(tree: Tree, selector: Selector) -> bool:
    """Whether the value of the selector is that of the expression, not only a condition of it."""
    if isinstance(tree, Binary) and tree.operator in {"and", "unless"}:
        return _decides(tree.left, selector)
    return selector in walk(tree)


def _default_wrong(subject: Subject) -> Iterator[Found]:
    for node in subject.parts(Binary):
        span = subject.flow(node.right).span
        if node.operator != "or" or not span.point or _is_condition(node.right):
            continue
        defaults = {
            each.metric: default
            for each in selectors(node.left)
            if (default := subject.catalogue.metric(each.metric).default) is not None
        }
        for name, default in defaults.items() if len(defaults) == 1 else ():
            if span.low != default:
                yield Found(
                    f"{name} is said to be {default:g} where it is not set; here it is"
                    f" {span.low:g}",
                    f"{span.low:g}",
                )


def _or_vector(subject: Subject) -> Iterator[Found]:
    for node, left, right in _vectors(subject):
        labelled = left.labels.has or left.labels.maybe or left.labels.open
        if node.operator == "or" and right.constant and labelled and node.on != ():
            yield Found(
                "or vector(...) adds a series without labels beside those of the left side, always;"
                " say or on (...) with a series that has the labels, times 0",
                "vector",
            )


def _vectors(subject: Subject) -> Iterator[tuple[Binary, Flow, Flow]]:
    """Operators between two vectors, with what is known of both."""
    for node in subject.parts(Binary):
        left, right = subject.flow(node.left), subject.flow(node.right)
        if not left.scalar and not right.scalar:
            yield node, left, right


def _near(node: Binary) -> str:
    found = selectors(node.right)
    return found[0].metric if found else ""


CHECKS = (
    Check("join-empty", "error", "a join whose sides can never match", _empty),
    Check("join-many", "error", "a join that fails when there are two of something", _many),
    Check("join-loose", "warning", "a join that leaves out a label of both sides", _loose_sets),
    Check("default-missing", "error", "an objective joined without its default", _default_missing),
    Check("default-wrong", "error", "a default that is not the documented one", _default_wrong),
    Check("or-vector", "warning", "a default that adds a series without labels", _or_vector),
)
