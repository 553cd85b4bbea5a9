"""A rule spoiled in each of its parts: numbers, operators, sums, guards, times and labels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import promql_parser as promql

from tests.support.promql import children

# A number that decides: no part of a name, a range or a matcher, and not 0, which has no half.
THRESHOLD = re.compile(r"(?<![\w.\"\[|])(?!0\b(?!\.))(\d+(?:\.\d+)?)(?![\w.\"\]|])")
JOINED = re.compile(r"\b(sum|max|min)(?= by)")
OTHERS = {"sum": "max", "max": "min", "min": "max"}
COMPARED = re.compile(r"(?<=[ \n])(>=|<=|==|!=|>|<)(?= )")
OPPOSITES = {">": "<", "<": ">", ">=": "<", "<=": ">", "==": "!=", "!=": "=="}
LABELS = re.compile(r"\b(?:by|on) \(([^()]*)\)")
SETS = ("and", "or", "unless")
TIME = re.compile(r"(\d+)([smhd])")

Rule = dict[str, Any]


def spoilings(rule: Rule) -> Iterator[tuple[str, Rule]]:
    """What was done to the rule, and the rule after it."""
    for key in ("for", "keep_firing_for"):
        if key in rule:
            yield f"without {key}", {name: rule[name] for name in rule if name != key}
            for factor, word in ((0.5, "half"), (2, "twice")):
                yield f"{key} {word} as long", rule | {key: _times(rule[key], factor)}
    for name in rule.get("labels", ()):
        yield f"{name} is another", rule | {"labels": rule["labels"] | {name: "spoiled"}}
    for what, expression in _expressions(rule["expr"]):
        yield what, rule | {"expr": expression}


def _times(text: str, factor: float) -> str:
    (number, unit) = TIME.fullmatch(text).groups()  # type: ignore[union-attr]  # ours all fit
    seconds = float(number) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
    return f"{round(seconds * factor)}s"


def _expressions(expression: str) -> Iterator[tuple[str, str]]:
    for found in THRESHOLD.finditer(expression):
        for factor in (0.5, 4):
            number = f"{float(found[1]) * factor:g}"
            yield f"{found[1]} is {number}", _with(expression, found.span(), number)
    for found in COMPARED.finditer(expression):
        other = OPPOSITES[found[1]]
        yield (
            f"{other} in {_near(expression, found.start() - 60, found.end() + 20)}",
            _with(expression, found.span(), other),
        )
    for found in JOINED.finditer(expression):
        other = OTHERS[found[1]]
        of = _near(expression, found.start(), None)[:90]
        yield f"{other} instead of {of}", _with(expression, found.span(), other)
    yield from _without_labels(expression)
    yield from _halves(expression)


def _without_labels(expression: str) -> Iterator[tuple[str, str]]:
    for found in LABELS.finditer(expression):
        labels = found[1].split(", ")
        for label in labels if len(labels) > 1 else ():
            rest = ", ".join(each for each in labels if each != label)
            near = _near(expression, found.start(), found.end() + 60)
            yield f"without {label} in {near}", _with(expression, found.span(1), rest)


def _halves(expression: str) -> Iterator[tuple[str, str]]:
    """Each `and`, `or` and `unless` with one of its sides alone."""
    root = promql.parse(expression)
    whole = str(root)
    seen = set[tuple[str, str]]()
    for node in _nodes(root):
        if not isinstance(node, promql.BinaryExpr) or str(node.op) not in SETS:
            continue
        sides = (("left", node.lhs), ("right", node.rhs))
        for side, kept in sides if str(node.op) == "or" else sides[:1]:
            if (str(node), side) in seen:
                continue
            seen.add((str(node), side))
            for place in re.finditer(re.escape(str(node)), whole):
                dropped = sides[side == "left"][1]
                what = f"without {_near(str(dropped), 0, None)[:150]} {node.op}"
                yield what, _with(whole, place.span(), str(kept))


def _nodes(node: promql.Expr) -> Iterator[promql.Expr]:
    yield node
    for child in children(node):
        yield from _nodes(child)


def _near(text: str, start: int, end: int | None) -> str:
    return " ".join(text[max(start, 0) : end].split())


def _with(text: str, span: tuple[int, int], other: str) -> str:
    return text[: span[0]] + other + text[span[1] :]
