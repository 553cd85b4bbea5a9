"""What checks are made of: a subject to look at, what they found, and how they are named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Literal, TypeVar

from msgspec import Struct

from exporter.lint.catalogue import Catalogue
from exporter.lint.files import Rule
from exporter.lint.flow import Flow
from exporter.promql import Aggregate, Binary, Negative, Selector, Subquery, Tree, walk

Part = TypeVar("Part")
Severity = Literal["error", "warning"]


class Settings(Struct, frozen=True):
    """What an operator may set. Ranges and intervals are seconds."""

    annotations: tuple[str, ...] = ("summary", "runbook_url")
    labels: tuple[str, ...] = ("severity",)
    shortest_range: float = 300.0
    interval: float = 60.0
    extra_labels: tuple[str, ...] = ()
    disabled: frozenset[str] = frozenset()
    enabled: frozenset[str] = frozenset()


class Subject(Struct, frozen=True, eq=False, dict=True):
    """One rule under the eyes of a check. `namesakes` are the first rules of their key."""

    rule: Rule
    catalogue: Catalogue
    settings: Settings
    namesakes: Mapping[tuple[str, ...], Rule]

    def flow(self, tree: Tree) -> Flow:
        """What is known of the value of an expression in the rule."""
        return self.catalogue.flow(tree)

    @cached_property
    def nodes(self) -> list[Tree]:
        """Every part of the rule's expression; none where it is no PromQL."""
        return list(walk(self.rule.tree)) if self.rule.tree is not None else []

    @cached_property
    def selectors(self) -> list[Selector]:
        """Every selector of the expression, from left to right."""
        return self.parts(Selector)

    @cached_property
    def path(self) -> list[Tree]:
        """The parts that the value of an alert is taken from."""
        tree = self.rule.tree
        return list(_path(tree)) if self.rule.is_alert and tree is not None else []

    def parts(self, kind: type[Part]) -> list[Part]:
        """The parts of the expression that are of this kind, outermost first."""
        return [node for node in self.nodes if isinstance(node, kind)]


class Found(Struct, frozen=True):
    """What a check says; `near` is the text in the rule that it is about, for its line."""

    text: str
    near: str = ""
    key: str = "expr"
    severity: Severity | None = None


class Check(Struct, frozen=True):
    """A check by its name; an optional one looks only where it is asked for."""

    name: str
    severity: Severity
    caption: str
    look: Callable[[Subject], Iterator[Found]]
    optional: bool = False


def _path(tree: Tree) -> Iterator[Tree]:
    """From an expression to those inside that decide its value: not to what only conditions it."""
    yield tree
    match tree:
        case Binary(operator="or"):
            yield from _path(tree.left)
            yield from _path(tree.right)
        case Binary():
            if tree.operator in {"and", "unless"} or tree.filters:
                yield from _path(tree.left)
        case Aggregate() | Negative() | Subquery():
            yield from _path(tree.operand)
