"""PromQL text in, a tree of our own out: brackets gone, names and operators as plain text.

The parser's nodes are made anew at each look and cannot be compared; ours can, so what is known of
an expression is kept by the expression itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

import promql_parser as promql
from msgspec import Struct
from msgspec.structs import replace

COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})
SETS = frozenset({"and", "or", "unless"})
DEEPEST = 100  # far more than anybody writes, and what is read here may call itself as deep
CHAINED = frozenset({"and", "or", "+", "*"})  # where it does not matter which two come first
LONG = 20  # operands from which on that is made use of
# The parser itself ends the process where some thousands are nested, so it is not asked.
DEEPENING = re.compile(r"[-+*/%^(<>=!]|\b(?:and|or|unless|atan2)\b", re.IGNORECASE)
MOST = 1500
TOO_DEEP = f"it is nested deeper than {DEEPEST} levels"


class Matcher(Struct, frozen=True):
    """`label operator "value"`; the operator is one of `=`, `!=`, `=~`, `!~`."""

    label: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f'{self.label}{self.operator}"{self.value}"'


class Selector(Struct, frozen=True):
    """Series by name and labels; `range` in seconds where it takes a range of samples."""

    metric: str
    matchers: tuple[Matcher, ...] = ()
    range: float | None = None
    offset: float = 0.0
    fixed: bool = False  # by @, to one moment


class Number(Struct, frozen=True):
    """A number; durations are seconds."""

    value: float


class Text(Struct, frozen=True):
    """A text, as functions on labels take it."""

    value: str


class Negative(Struct, frozen=True):
    """`-operand`."""

    operand: Tree


class Call(Struct, frozen=True):
    """A function and its arguments."""

    function: str
    arguments: tuple[Tree, ...]


class Subquery(Struct, frozen=True):
    """`operand[range:step]`, in seconds."""

    operand: Tree
    range: float
    offset: float = 0.0
    fixed: bool = False


class Aggregate(Struct, frozen=True):
    """`operator by (labels) (parameter, operand)`; `without` if it drops these labels instead."""

    operator: str
    operand: Tree
    labels: tuple[str, ...]
    without: bool
    parameter: Tree | None = None


class Binary(Struct, frozen=True):
    """`left operator right`, with what its modifiers say.

    `on` are the labels that must agree, `ignoring` those that need not; neither where all must.
    `group` is "left" or "right", `included` the labels that are copied from the other side.
    """

    operator: str
    left: Tree
    right: Tree
    on: tuple[str, ...] | None = None
    ignoring: tuple[str, ...] = ()
    group: str = ""
    included: tuple[str, ...] = ()
    as_number: bool = False  # by `bool`

    @property
    def filters(self) -> bool:
        """Whether it is a comparison that drops what does not fulfil it."""
        return self.operator in COMPARISONS and not self.as_number


Tree = Selector | Number | Text | Negative | Call | Subquery | Aggregate | Binary


class NotPromQL(Exception):  # noqa: N818  # it is what is said of the text
    """The text is no PromQL; says why."""


def parse(text: str) -> Tree:
    """The expression that `text` spells; raises NotPromQL."""
    if len(DEEPENING.findall(text)) > MOST:
        raise NotPromQL(f"it has more than {MOST} operators and brackets")
    try:
        tree = _tree(promql.parse(text))
        deep = _height(tree) > DEEPEST
    except ValueError as error:
        raise NotPromQL(str(error)) from None
    except RecursionError:
        deep = True
    if deep:
        raise NotPromQL(TOO_DEEP)
    return tree


def _height(tree: Tree) -> int:
    return 1 + max((_height(child) for child in children(tree)), default=0)


def children(tree: Tree) -> tuple[Tree, ...]:
    """What the expression is made of, from left to right."""
    match tree:
        case Binary():
            return (tree.left, tree.right)
        case Aggregate():
            return (tree.operand,) if tree.parameter is None else (tree.parameter, tree.operand)
        case Negative() | Subquery():
            return (tree.operand,)
        case Call():
            return tree.arguments
    return ()


def walk(tree: Tree) -> Iterator[Tree]:
    """The expression and all that is in it, outermost first."""
    yield tree
    for child in children(tree):
        yield from walk(child)


def selectors(tree: Tree) -> list[Selector]:
    """Every selector in it, from left to right."""
    return [each for each in walk(tree) if isinstance(each, Selector)]


def _tree(node: promql.Expr) -> Tree:
    match node:
        case promql.ParenExpr():
            return _tree(node.expr)
        case promql.NumberLiteral():
            return Number(node.val)
        case promql.StringLiteral():
            return Text(node.val)
        case promql.UnaryExpr():
            return Negative(_tree(node.expr))
        case promql.Call():
            return Call(node.func.name, tuple(_tree(each) for each in node.args))
        case promql.VectorSelector():
            return _selector(node, None)
        case promql.MatrixSelector():
            return _selector(node.vector_selector, node.range.total_seconds())
        case promql.SubqueryExpr():
            length = node.range.total_seconds() if node.range else 0.0
            offset = node.offset.total_seconds() if node.offset else 0.0
            return Subquery(_tree(node.expr), length, offset, node.at is not None)
        case promql.AggregateExpr():
            return _aggregate(node)
        case promql.BinaryExpr():
            return _binary(node)
    raise NotPromQL(f"cannot read {type(node).__name__}")


def _selector(node: promql.VectorSelector, length: float | None) -> Selector:
    matchers = [_matcher(each) for each in node.matchers.matchers]
    named = [each.value for each in matchers if (each.label, each.operator) == ("__name__", "=")]
    return Selector(
        node.name or (named[0] if named else ""),
        tuple(each for each in matchers if each.label != "__name__"),
        length,
        node.offset.total_seconds() if node.offset else 0.0,
        node.at is not None,
    )


def _matcher(node: promql.Matcher) -> Matcher:
    operators = (  # its enumerations have no hash
        (promql.MatchOp.Equal, "="),
        (promql.MatchOp.NotEqual, "!="),
        (promql.MatchOp.Re, "=~"),
        (promql.MatchOp.NotRe, "!~"),
    )
    found = next(text for operator, text in operators if operator == node.op)
    return Matcher(node.name, found, node.value)


def _aggregate(node: promql.AggregateExpr) -> Aggregate:
    modifier = node.modifier
    return Aggregate(
        str(node.op),
        _tree(node.expr),
        tuple(modifier.labels) if modifier else (),
        modifier is not None and modifier.type == promql.AggModifierType.Without,
        _tree(node.param) if isinstance(node.param, promql.Expr) else None,
    )


def _binary(node: promql.BinaryExpr) -> Tree:
    """A chain of operators, made from its far end: no call for each of its links."""
    links = [node]
    while isinstance(left := links[-1].lhs, promql.BinaryExpr):
        links.append(left)
    tree = _tree(links[-1].lhs)
    for joint, alike in groupby(reversed(links), _joint):
        tree = _chained(joint, [tree, *(_tree(link.rhs) for link in alike)])
    return tree


def _chained(joint: Binary, operands: Sequence[Tree]) -> Tree:
    if joint.operator in CHAINED and not joint.group and len(operands) > LONG:
        return _halved(joint, operands)
    tree, *others = operands
    for other in others:
        tree = replace(joint, left=tree, right=other)
    return tree


def _halved(joint: Binary, operands: Sequence[Tree]) -> Tree:
    """The same by halves: `a or (b or c)` is `(a or b) or c`, and hundreds are not nested deep."""
    if len(operands) == 1:
        return operands[0]
    half = len(operands) // 2
    return replace(
        joint, left=_halved(joint, operands[:half]), right=_halved(joint, operands[half:])
    )


def _joint(node: promql.BinaryExpr) -> Binary:
    """The operator and its modifiers, with nothing on either side."""
    nothing, modifier = Number(0.0), node.modifier
    if modifier is None:
        return Binary(str(node.op), nothing, nothing)
    matching = modifier.matching
    labels = tuple(matching.labels) if matching else ()
    included = matching is not None and matching.type == promql.LabelModifierType.Include
    groups = (
        (promql.VectorMatchCardinality.ManyToOne, "left"),
        (promql.VectorMatchCardinality.OneToMany, "right"),
    )
    group = next((text for card, text in groups if card == modifier.card), "")
    return Binary(
        str(node.op),
        nothing,
        nothing,
        on=labels if included else None,
        ignoring=() if included else labels,
        group=group,
        included=tuple(modifier.group_labels or ()),
        as_number=modifier.return_bool,
    )
