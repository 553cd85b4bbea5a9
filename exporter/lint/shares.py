"""Whether a quotient is a share: a part over the whole that it is a part of."""

from __future__ import annotations

from exporter.promql import Aggregate, Binary, Call, Number, Selector, Tree


def is_share(left: Tree, right: Tree) -> bool:
    """Whether `left / right` must lie between 0 and 1, judged by how both are written."""
    whole = _unguarded(right)
    if isinstance(whole, Binary) and whole.operator == "+":
        return is_share(left, whole.left) or is_share(left, whole.right)
    return _is_part(left, whole)


def _unguarded(tree: Tree) -> Tree:
    """Without the comparisons with numbers that keep a divisor from being 0."""
    while isinstance(tree, Binary) and tree.filters and isinstance(tree.right, Number):
        tree = tree.left
    return tree


def _is_part(part: Tree, whole: Tree) -> bool:
    if isinstance(part, Binary) and (part.filters or part.operator in {"and", "unless"}):
        return _is_part(part.left, whole)
    match part, whole:
        case Aggregate(), Aggregate():
            same = part.operator == whole.operator and part.operator in {"sum", "count"}
            grouped = (part.labels, part.without) == (whole.labels, whole.without)
            return same and grouped and _is_part(part.operand, whole.operand)
        case Call(), Call():
            first, second = part.arguments, whole.arguments
            same = part.function == whole.function and len(first) == len(second) == 1
            growing = part.function in {"rate", "increase", "count_over_time", "irate"}
            return same and growing and _is_part(first[0], second[0])
        case Selector(), Selector():
            return _is_part_of_series(part, whole)
    return False


def _is_part_of_series(part: Selector, whole: Selector) -> bool:
    same = part.metric == whole.metric
    bucket = part.metric.removesuffix("_bucket") + "_count" == whole.metric
    # Buckets add up over each other: without one `le` their sum is more than their count.
    one_bucket = any(each.label == "le" and each.operator == "=" for each in part.matchers)
    fits = set(part.matchers) >= set(whole.matchers)
    return (
        (same or (bucket and one_bucket))
        and fits
        and part.range == whole.range
        and (part.offset == whole.offset)
    )
