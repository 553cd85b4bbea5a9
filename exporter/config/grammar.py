"""The log rules of a profile: YAML nodes in, the engine's `LogRule` out, held to the vocabulary."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, TypeVar

from msgspec import Struct, field

from exporter.config.build import SCALARS, Builder, Raw, entries, instead
from exporter.config.families import RESERVED_PREFIXES, UnreadFamily
from exporter.config.nodes import At, Entries, Items, Node, Pair, Refused, Scalar, quote
from exporter.config.settings import patterns
from exporter.engine.rules import Count, Drain, Event, Label, LogRule, Observe, Set, Where
from exporter.engine.template import TemplateError, template
from exporter.model import Family, Kind
from exporter.vocabulary import FAMILIES
from parsers import LEVELS
from parsers.reading import FORMATS

T = TypeVar("T", Count, Observe, Set)
LabelMap = Mapping[str, str] | None
EVENT = re.compile(r"[a-z][a-z0-9_]*")
CONDITIONS = ("message", "exception", "format", "level", "where")
ACTIONS = ("count", "observe", "set", "event", "heartbeat", "drain")
# The one label that the engine knows by itself: the stream's.
IMPLIED = "service"


class Words(Struct, frozen=True):
    """What the rules of one application may name; how each gauge was first said to be set.

    `partial`: some of what declares names could not be read, so that others may be right as well.
    """

    families: Mapping[str, Family]
    heartbeats: Mapping[str, float]
    routes: Mapping[str, str]
    partial: bool = False
    gauges: dict[str, Set] = field(default_factory=dict)

    def family(self, pair: Pair, at: At, kind: Kind | None = None) -> Family:
        """The family that a key names. Raises Refused."""
        family = self.families.get(pair.key)
        if family is None and self.partial and not pair.key.startswith(RESERVED_PREFIXES):
            raise Refused
        if family is None:
            wrong = instead(pair.key, self.families, self._fitting(kind))
            raise at.refuse(pair.line, f"no such metric{wrong}")
        if isinstance(family, UnreadFamily):
            raise Refused
        if kind is not None and family.kind != kind:
            verb = VERBS[family.kind]
            raise at.refuse(pair.line, f"is a {family.kind}; use `{verb}`, not `{VERBS[kind]}`")
        return family

    def _fitting(self, kind: Kind | None) -> Collection[str]:
        """The metrics of a kind: one's own, else all."""
        fitting = [
            name
            for name, one in self.families.items()
            if kind in (None, one.kind) and not isinstance(one, UnreadFamily)
        ]
        return [name for name in fitting if name not in FAMILIES] or fitting


VERBS: Mapping[Kind, str] = {"counter": "count", "gauge": "set", "histogram": "observe"}


def rules(parts: tuple[Raw, ...], words: Words) -> tuple[LogRule, ...]:
    """The rules, those that could be read; every mistake is complained about."""
    builder = _builder(words)
    found = []
    for part in parts:
        try:
            found.append(_rule(builder, words, part.node, part.at))
        except Refused:
            continue
    return tuple(found)


def declared(part: Raw, words: Words) -> dict[str, tuple[Mapping[str, str], ...]]:
    """The label sets that are shown from the start, by metric."""
    found = {}
    for pair, at in part.pairs():
        try:
            family = words.family(pair, at)
            sets = Builder().convert(tuple[Raw, ...], pair.node, at)
            found[pair.key] = tuple(_label_set(one, family) for one in sets)
        except Refused:
            continue
    return found


def limits(part: Raw, words: Words) -> dict[str, int]:
    """How many series a metric may have, by metric."""
    found = {}
    for pair, at in part.pairs():
        try:
            words.family(pair, at)
            limit = Builder().convert(int, pair.node, at)
        except Refused:
            continue
        if limit < 1:
            at.say(pair.line, "a metric needs room for one series at least")
        found[pair.key] = limit
    return found


def _label_set(part: Raw, family: Family) -> Mapping[str, str]:
    values: Mapping[str, str] = Builder().convert(Mapping[str, str], part.node, part.at)
    _check_labels(entries(part.node, part.at), family, part.at)
    return values


def _builder(words: Words) -> Builder:
    return Builder(
        hooks={
            tuple[Where, ...]: _wheres,
            tuple[Count, ...]: partial(_updates, words, "counter", _count),
            tuple[Observe, ...]: partial(_updates, words, "histogram", partial(_moved, Observe)),
            tuple[Set, ...]: partial(_updates, words, "gauge", partial(_set, words)),
            Label: _label,
            LabelMap: partial(_label_map, words),
        },
        scalars=SCALARS,
        short={Label: "field", Event: "name", Drain: "step", Observe: "value", Set: "value"},
    )


def _rule(builder: Builder, words: Words, node: Node, at: At) -> LogRule:
    rule = builder.build(LogRule, node, at)
    mapping = entries(node, at)
    keys = {pair.key for pair in mapping.pairs}
    if keys.isdisjoint(CONDITIONS):
        at.say(node.line, f"does not say when it applies; give one of {', '.join(CONDITIONS)}")
    if keys.isdisjoint(ACTIONS):
        at.say(node.line, f"moves nothing; give one of {', '.join(ACTIONS)}")
    for pair in mapping.pairs:
        for scalar in _texts(pair.node):
            if wrong := _wrong_name(pair.key, scalar, words):
                at.child(pair.key).say(scalar.line, wrong)
    return rule


def _texts(node: Node) -> list[Scalar]:
    """The texts that a key of a rule gives: one, those of a list, or a mapping's name."""
    nodes = node.nodes if isinstance(node, Items) else (_find(node, "name") or node,)
    return [one for one in nodes if isinstance(one, Scalar) and not one.empty]


def _wrong_name(key: str, scalar: Scalar, words: Words) -> str | None:
    """What is the matter with what a rule names under this key."""
    text, shown = scalar.text, quote(scalar.shown)
    match key:
        case "message" | "exception":
            try:
                template(text)
            except TemplateError as error:
                return str(error)
        case "format" if text not in FORMATS:
            return f"{shown} is no format{instead(text, FORMATS)}"
        case "level" if text not in LEVELS:
            return f"{shown} is none of {', '.join(LEVELS)}"
        case "event" if not EVENT.fullmatch(text):
            return f"{shown} is no event's name: small letters, digits and '_'"
        case "heartbeat" if text not in words.heartbeats and not words.partial:
            return f"{shown} is not declared under heartbeats{instead(text, words.heartbeats)}"
    return None


def _wheres(builder: Builder, node: Node, at: At) -> tuple[Where, ...]:
    """`{level: error, status: [500, 502], responseTime: {min: 100}}`."""
    found = []
    for pair, here in Raw(node, at).pairs():
        try:
            found.append(_where(builder, pair, here))
        except Refused:
            continue
    return tuple(found)


def _where(builder: Builder, pair: Pair, at: At) -> Where:
    if not isinstance(pair.node, Entries):
        return Where(pair.key, builder.convert(tuple[str, ...], pair.node, at))
    if not pair.node.pairs:
        raise at.refuse(pair.line, "asks for nothing; give values, none_of, min or max")
    where = builder.build(Where, pair.node, at, field=pair.key)
    if where.min is not None and where.max is not None and where.min > where.max:
        raise at.refuse(pair.line, "no number is both above min and below max")
    return where


def _updates(
    words: Words,
    kind: Kind,
    read: Callable[[Builder, Pair, At, Family], T],
    builder: Builder,
    node: Node,
    at: At,
) -> tuple[T, ...]:
    """`{metric: what moves it, ...}`."""
    found = []
    for pair, here in Raw(node, at).pairs():
        try:
            found.append(read(builder, pair, here, words.family(pair, here, kind)))
        except Refused:
            continue
    return tuple(found)


def _count(builder: Builder, pair: Pair, at: At, family: Family) -> Count:
    """`{label: field, ...}`, or `{labels: {...}, by: field}` where more than 1 is added."""
    node = entries(pair.node, at)
    keys = {one.key for one in node.pairs}
    if keys and keys <= {"labels", "by"}:
        return _moved(Count, builder, pair, at, family)
    labels = builder.convert(Mapping[str, Label], node, at)
    _check_labels(node, family, at)
    return Count(pair.key, labels)


def _moved(cls: type[T], builder: Builder, pair: Pair, at: At, family: Family) -> T:
    """`{value: field, labels: {...}, ...}`; the labels may be left out where there are none."""
    labels = _find(pair.node, "labels")
    given: dict[str, Any] = {"metric": pair.key}
    if labels is None:
        given["labels"] = {}
        _check_labels(Entries((), pair.line), family, at)
    elif isinstance(labels, Entries):
        _check_labels(labels, family, at.child("labels"))
    return builder.build(cls, pair.node, at, **given)


def _set(words: Words, builder: Builder, pair: Pair, at: At, family: Family) -> Set:
    """A gauge is one thing: all that set it say the same of how long and how it is gathered."""
    one = _moved(Set, builder, pair, at, family)
    first = words.gauges.setdefault(pair.key, one)
    for key in ("aggregate", "window", "per_stream"):
        here, there = getattr(one, key), getattr(first, key)
        if here != there:
            here, there = _shown(here), _shown(there)
            at.say(pair.line, f"has {key} {here}, and {there} where it is first set; give one")
    return one


def _shown(value: float | str) -> str:
    return f"{value:g} s" if isinstance(value, float) else str(value).lower()


def _find(node: Node, key: str) -> Node | None:
    if not isinstance(node, Entries):
        return None
    return next((pair.node for pair in node.pairs if pair.key == key), None)


def _check_labels(node: Entries, family: Family, at: At) -> None:
    """Complain where the keys of `node` are not the labels of the family."""
    given = {pair.key for pair in node.pairs}
    for pair in node.pairs:
        if pair.key not in family.labels:
            text = f"{family.name} has no such label{instead(pair.key, family.labels)}"
            at.child(pair.key).say(pair.line, text)
    missing = [name for name in family.labels if name not in given and name != IMPLIED]
    if missing:
        at.say(node.line, f"lacks the labels of {family.name}: {', '.join(missing)}")


def _label(builder: Builder, node: Node, at: At) -> Label:
    """A field's name, or a mapping."""
    label = builder.build(Label, node, at)
    if (label.field is None) == (label.value is None):
        raise at.refuse(node.line, "needs either a field or a value")
    if label.value is not None and (label.default is not None or label.map or label.lower):
        raise at.refuse(node.line, "a constant value needs no default, map or lower")
    return label


def _label_map(words: Words, builder: Builder, node: Node, at: At) -> LabelMap:
    """A mapping of patterns to values, or `routes` for the profile's own."""
    if isinstance(node, Scalar) and node.text == "routes":
        return words.routes
    if isinstance(node, Scalar | Items):
        raise at.refuse(node.line, "must be a mapping of patterns to values, or the word routes")
    return patterns(builder, node, at)
