"""Inference of operators between two sides: which labels come out, and between which bounds."""

from __future__ import annotations

from msgspec.structs import replace

from exporter.lint.flow import Flow
from exporter.lint.labels import Labels
from exporter.lint.metrics import Kind, Unit
from exporter.lint.shares import is_share
from exporter.lint.span import ANYTHING, POSITIVE, UNIT, Span
from exporter.promql import COMPARISONS, Binary, Number

# Numbers that turn one unit into another.
TURNS = frozenset({60.0, 3600.0, 86400.0, 1000.0, 1e6, 1e9, 1024.0, 1024.0**2, 1024.0**3})


def matched(tree: Binary, left: Flow, right: Flow) -> Flow:
    """What `tree` gives, from what its sides give."""
    if tree.operator == "or":
        return either(left, right)
    if tree.operator in {"and", "unless"}:
        return replace(left, conditional=True, constant=False)
    labels = _labels(tree, left, right)
    side = right if left.scalar and not right.scalar else left
    base = replace(
        side,
        labels=labels,
        scalar=left.scalar and right.scalar,
        conditional=left.conditional or right.conditional or tree.filters,
        constant=left.constant and right.constant and not tree.filters,
        apart=left.apart | right.apart,
        key=side.key if left.scalar or right.scalar else None,
        guessed=left.guessed or right.guessed,
    )
    if tree.operator in COMPARISONS:
        return _compared(tree, base, left, right)
    return _calculated(tree, base, left, right)


def either(left: Flow, right: Flow) -> Flow:
    """What is known of series that come from one side or the other."""
    return Flow(
        labels=left.labels.either(right.labels),
        span=left.span.union(right.span),
        kind=_mixed(left, right),
        unit=left.unit if left.unit == right.unit else None,
        summed=left.summed or right.summed,
        conditional=left.conditional and right.conditional,
        constant=left.constant or right.constant,
        apart=left.apart | right.apart,
        pinned=left.pinned & right.pinned,
        guessed=left.guessed or right.guessed,
    )


def _mixed(left: Flow, right: Flow) -> Kind | None:
    """Where one side is a counter as it stands, some of the series only rise."""
    if left.kind == right.kind:
        return left.kind
    return "counter" if "counter" in {left.kind, right.kind} else None


def _labels(tree: Binary, left: Flow, right: Flow) -> Labels:
    if right.scalar or left.scalar:
        return left.labels if right.scalar else right.labels
    many, one = (right, left) if tree.group == "right" else (left, right)
    if tree.group:
        extra = [label for label in tree.included if one.labels.can(label)]
        sure = [label for label in extra if label in one.labels.has]
        kept = many.labels.without(tree.included)
        return kept.adding(*extra, surely=False).adding(*sure)
    if tree.on is not None:
        return many.labels.by(tree.on)
    return many.labels.without(tree.ignoring)


def _compared(tree: Binary, base: Flow, left: Flow, right: Flow) -> Flow:
    if tree.as_number:
        return replace(base.bare(), span=UNIT)
    if left.scalar and not right.scalar:
        mirrored = {">": "<", "<": ">", ">=": "<=", "<=": ">="}
        operator = mirrored.get(tree.operator, tree.operator)
        return replace(base, span=right.span.after(operator, left.span))
    return replace(base, span=left.span.after(tree.operator, right.span))


def _calculated(tree: Binary, base: Flow, left: Flow, right: Flow) -> Flow:
    counted = {left.kind, right.kind}
    plain = counted <= {"counter", None} and "counter" in counted and left.kind and right.kind
    number = (left.scalar and right.kind) or (right.scalar and left.kind)
    keeps = (tree.operator in {"+", "*"} and (plain or number)) or (
        tree.operator == "/" and right.scalar
    )
    turned = tree.operator == "-" and left.scalar
    span = _span(tree, left.span, right.span)
    kind = base.kind if keeps else _reckoned(left, right)
    if span.point and kind != "gauge":
        kind = None  # times 0, it is no counter any more
    return replace(
        base,
        apart=frozenset(each.changed() for each in base.apart) if turned else base.apart,
        span=span,
        unit=_unit(tree, left, right),
        kind=kind,
        summed=left.summed or right.summed,
    )


def _reckoned(left: Flow, right: Flow) -> Kind | None:
    """A gauge, if that is all that it was calculated from."""
    vectors = [flow.kind for flow in (left, right) if not flow.scalar]
    return "gauge" if vectors and set(vectors) == {"gauge"} else None


def _span(tree: Binary, left: Span, right: Span) -> Span:
    match tree.operator:
        case "+":
            return left.plus(right)
        case "-":
            return left.plus(right.negative())
        case "*":
            return left.times(right)
        case "/":
            return UNIT if is_share(tree.left, tree.right) else left.over(right)
        case "^":
            return POSITIVE if left.low >= 0 else ANYTHING
    return ANYTHING


def _unit(tree: Binary, left: Flow, right: Flow) -> Unit | None:
    match tree.operator:
        case "/" if is_share(tree.left, tree.right):
            return "ratio"
        case "/" if left.unit and left.unit == right.unit and left.unit != "percent":
            return "ratio"
        case "*" if (number := _number(tree)) is not None:
            inner = left.unit or right.unit
            if number == 100.0:
                return "percent" if inner == "ratio" else None
            return None if number in TURNS else inner
        case "/" if isinstance(tree.right, Number):
            return None if tree.right.value in TURNS | {100.0} else left.unit
        case "-" if left.unit == right.unit == "timestamp":
            return "seconds"
        case "-" | "+" if left.unit == "timestamp":
            return "timestamp" if _is_number(right) else None
        case "-" | "+" if right.unit == "timestamp":
            return None
        case "-" | "+" if left.unit == right.unit or _is_number(right):
            return left.unit
        case "-" | "+" if _is_number(left):
            return right.unit
    return None


def _is_number(flow: Flow) -> bool:
    return flow.scalar and flow.unit is None


def _number(tree: Binary) -> float | None:
    sides = [side.value for side in (tree.left, tree.right) if isinstance(side, Number)]
    return sides[0] if len(sides) == 1 else None
