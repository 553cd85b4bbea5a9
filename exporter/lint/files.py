"""Rule files: groups and rules with the lines on which their keys stand, faults noted, not raised.

Reads Prometheus's own form (`groups:`), and the operator's (`spec: groups:`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from msgspec import Struct, field

from exporter.config.nodes import At, Entries, Items, Node, Refused, Scalar, compose
from exporter.promql import NotPromQL, Selector, Subquery, Text, Tree, parse

DURATION = re.compile(
    r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?"
)
PARTS = (31536000.0, 604800.0, 86400.0, 3600.0, 60.0, 1.0, 0.001)
RULE_KEYS = frozenset(
    {"alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations"}
)
# Those of Prometheus, then those of Thanos and of Mimir.
GROUP_KEYS = frozenset({"name", "rules", "interval", "limit", "query_offset", "labels"}) | {
    *("partial_response_strategy", "source_tenants"),
    *("evaluation_delay", "align_evaluation_time_on_interval"),
}
NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
TOP_KEYS = frozenset({"groups", "namespace"})  # the second is of mimirtool's files


class Fault(Struct, frozen=True):
    """What is wrong with how something is written: its line, its key, a sentence."""

    line: int
    key: str
    text: str


class Rule(Struct, frozen=True, eq=False):
    """One rule. `lines` says where its keys stand; durations are seconds; no tree, no PromQL.

    Keys of labels and annotations stand in `lines` as `labels.severity`. It is written on the lines
    from `first`, with the comments just above it, to `last`.
    """

    file: str
    group: str
    interval: float | None
    name: str
    is_alert: bool
    expression: str
    tree: Tree | None
    hold: float = 0.0
    keep: float = 0.0
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    first: int = 0
    last: int = 0
    faults: tuple[Fault, ...] = ()

    def texts(self) -> Iterator[tuple[str, str]]:
        """Every templated text with its key, labels first."""
        yield from ((f"labels.{key}", text) for key, text in self.labels.items())
        yield from ((f"annotations.{key}", text) for key, text in self.annotations.items())


class RuleFile(Struct, frozen=True, eq=False):
    """A file of rules, in its order; `text` are its lines, the first at 0."""

    name: str
    text: tuple[str, ...]
    rules: tuple[Rule, ...]
    faults: tuple[Fault, ...]


def read(name: str, text: str) -> RuleFile:
    """The rules that `text` holds, and what is wrong with how they are written."""
    at = At(name)
    faults: list[Fault] = []
    rules: list[Rule] = []
    lines = tuple(text.splitlines())
    if all(not line.strip() or line.startswith("#") for line in lines):
        return RuleFile(name, lines, (), ())
    with suppress(Refused):
        rules += _Reader(name, lines, faults).document(compose(text, at))
    faults += [Fault(each.line, each.key, each.text) for each in at.complaints]
    return RuleFile(name, lines, tuple(rules), tuple(faults))


def seconds(text: str) -> float | None:
    """A duration as Prometheus spells it (`1h30m`), in seconds; None where it is none."""
    found = DURATION.fullmatch(text)
    if text == "0":
        return 0.0
    if not text or found is None:
        return None
    return sum(int(part) * size for part, size in zip(found.groups(), PARTS, strict=True) if part)


class _Reader:
    def __init__(self, name: str, lines: tuple[str, ...], faults: list[Fault]) -> None:
        self._name = name
        self._lines = lines
        self._faults = faults

    def document(self, node: Node) -> Iterator[Rule]:
        root = node if isinstance(node, Entries) else Entries((), 1)
        spec = _child(root, "spec")
        if isinstance(spec, Entries):
            root = spec
        groups = _child(root, "groups")
        if not isinstance(groups, Items):
            nothing = isinstance(groups, Scalar) and groups.empty
            if nothing or (isinstance(node, Entries) and not node.pairs):
                return
            self._say(root.line, "groups", "a rule file has a list of groups")
            return
        for pair in root.pairs:
            if pair.key not in TOP_KEYS:
                self._say(pair.line, pair.key, "a rule file has no such key")
        names = set[str]()
        for group in groups.nodes:
            if not isinstance(group, Entries):
                self._say(group.line, "groups", "a group is a mapping with a name and rules")
                continue
            name = _text(group, "name")
            if not name or name in names:
                why = f"{name!r} is the name of another one, too" if name else "it has none"
                self._say(group.line_of("name"), "name", f"each group needs its own name: {why}")
            names.add(name)
            yield from self._group(group, name)

    def _group(self, group: Entries, name: str) -> Iterator[Rule]:
        for pair in group.pairs:
            if pair.key not in GROUP_KEYS:
                self._say(pair.line, pair.key, "a group has no such key")
        interval = self._duration(group, "interval", self._faults)
        rules = _child(group, "rules")
        if not isinstance(rules, Items | None) and not (isinstance(rules, Scalar) and rules.empty):
            self._say(group.line_of("rules"), "rules", "a group has a list of rules")
        limit = _text(group, "limit")
        if limit and not limit.isdecimal():
            self._say(group.line_of("limit"), "limit", f"{limit!r} is no number of series")
        nodes = rules.nodes if isinstance(rules, Items) else ()
        for node in nodes:
            if isinstance(node, Entries):
                yield self._rule(node, name, interval)
            else:
                self._say(node.line, "rules", "a rule is a mapping with alert or record, and expr")

    def _rule(self, node: Entries, group: str, interval: float | None) -> Rule:
        faults = list(_misshapen(node))
        expression, tree = _text(node, "expr"), None
        try:
            tree = parse(expression) if expression else None
        except NotPromQL as error:
            faults.append(Fault(node.line_of("expr"), "expr", f"not PromQL: {error}"))
        if isinstance(tree, Text | Subquery) or (isinstance(tree, Selector) and tree.range):
            faults.append(
                Fault(node.line_of("expr"), "expr", "it gives neither series nor a number")
            )
            tree = None
        labels, annotations = _texts(node, "labels"), _texts(node, "annotations")
        return Rule(
            file=self._name,
            group=group,
            interval=interval,
            name=_text(node, "alert") or _text(node, "record"),
            is_alert=_child(node, "alert") is not None,
            expression=expression,
            tree=tree,
            hold=self._duration(node, "for", faults) or 0.0,
            keep=self._duration(node, "keep_firing_for", faults) or 0.0,
            labels={key: text for key, (text, _) in labels.items()},
            annotations={key: text for key, (text, _) in annotations.items()},
            lines={
                **{pair.key: pair.line for pair in node.pairs},
                **{f"labels.{key}": line for key, (_, line) in labels.items()},
                **{f"annotations.{key}": line for key, (_, line) in annotations.items()},
            },
            first=self._first(node.line),
            last=_last(node, self._lines),
            faults=tuple(faults),
        )

    def _first(self, line: int) -> int:
        """With the comments just above."""
        while line > 1 and self._lines[line - 2].lstrip().startswith("#"):
            line -= 1
        return line

    def _duration(self, node: Entries, key: str, faults: list[Fault]) -> float | None:
        text = _text(node, key)
        if not text:
            return None
        found = seconds(text)
        if found is None:
            faults.append(Fault(node.line_of(key), key, f"{text!r} is no duration; write 5m or 1h"))
        return found

    def _say(self, line: int, key: str, text: str) -> None:
        self._faults.append(Fault(line, key, text))


def _misshapen(node: Entries) -> Iterator[Fault]:
    keys = {pair.key for pair in node.pairs}
    for pair in node.pairs:
        if pair.key not in RULE_KEYS:
            yield Fault(pair.line, pair.key, "a rule has no such key")
    if len(keys & {"alert", "record"}) != 1:
        yield Fault(node.line, "alert", "a rule has either alert or record")
    if not _text(node, "expr"):
        yield Fault(node.line, "expr", "a rule needs an expression")
    for key in ("labels", "annotations"):
        yield from _misnamed(node, key)
    if "record" in keys:
        for key in sorted(keys & {"for", "keep_firing_for", "annotations"}):
            yield Fault(node.line_of(key), key, "only alerts have this")
        name = _text(node, "record")
        if not NAME.fullmatch(name):
            yield Fault(node.line_of("record"), "record", f"{name!r} is no name of a metric")


def _misnamed(node: Entries, key: str) -> Iterator[Fault]:
    found = _child(node, key)
    if isinstance(found, Entries):
        for pair in found.pairs:
            if not LABEL.fullmatch(pair.key) or (key == "labels" and pair.key == "__name__"):
                why = f"{pair.key!r} cannot be the name of one of the {key}"
                yield Fault(pair.line, f"{key}.{pair.key}", why)
    elif found is not None and not (isinstance(found, Scalar) and found.empty):
        yield Fault(node.line_of(key), key, "names with their values belong here")


def _child(node: Entries, key: str) -> Node | None:
    return next((pair.node for pair in node.pairs if pair.key == key), None)


def _text(node: Entries, key: str) -> str:
    found = _child(node, key)
    return found.text.strip() if isinstance(found, Scalar) else ""


def _texts(node: Entries, key: str) -> dict[str, tuple[str, int]]:
    """The texts of a mapping by their keys, each with its line."""
    found = _child(node, key)
    if not isinstance(found, Entries):
        return {}
    return {pair.key: (_text(found, pair.key), pair.line) for pair in found.pairs}


def _last(node: Entries, lines: tuple[str, ...]) -> int:
    """The last line that is indented more than the rule's own dash."""
    at = node.line
    margin = _margin(lines[at - 1])
    last = at
    for number in range(at + 1, len(lines) + 1):
        line = lines[number - 1]
        if line.strip() and _margin(line) <= margin:
            break
        if line.strip():
            last = number
    return last


def _margin(line: str) -> int:
    return len(line) - len(line.lstrip())
