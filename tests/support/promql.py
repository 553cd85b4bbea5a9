"""What an expression reads, taken from its syntax tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import promql_parser
from promql_parser import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    MatrixSelector,
    ParenExpr,
    SubqueryExpr,
    UnaryExpr,
    VectorSelector,
)


@dataclass(frozen=True, slots=True)
class Selector:
    """A series selector: its metric, the labels it matches, its range, and who calls it with it.

    Where it selects by a pattern of names, that is its metric.
    """

    metric: str
    labels: frozenset[str]
    seconds: float | None
    function: str | None


@cache
def selectors(expression: str) -> tuple[Selector, ...]:
    """Every series selector of an expression, from left to right."""
    return tuple(_selectors(promql_parser.parse(expression), None))


def children(node: Expr) -> tuple[Expr, ...]:
    """What an expression is made of, from left to right."""
    match node:
        case BinaryExpr():
            return (node.lhs, node.rhs)
        case AggregateExpr() | ParenExpr() | UnaryExpr() | SubqueryExpr():
            return (node.expr,)
        case Call():
            return tuple(node.args)
    return ()


def _selectors(node: Expr, function: str | None) -> Iterator[Selector]:
    match node:
        case VectorSelector():
            yield _selector(node, None, function)
        case MatrixSelector():
            yield _selector(node.vector_selector, node.range.total_seconds(), function)
    if isinstance(node, Call):
        function = node.func.name
    for child in children(node):
        yield from _selectors(child, function)


def _selector(node: VectorSelector, seconds: float | None, function: str | None) -> Selector:
    matched = {matcher.name: matcher.value for matcher in node.matchers.matchers}
    name = matched.pop("__name__", None) or str(node.name)
    return Selector(name, frozenset(matched), seconds, function)
