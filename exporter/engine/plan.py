"""A profile's log rules, compiled: which rules a record meets, and what each of them moves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from exporter.engine.rules import (
    SCALE,
    Count,
    Drain,
    Event,
    Label,
    LogRule,
    LogRules,
    Observe,
    Set,
    Where,
)
from exporter.engine.template import Template, template
from exporter.engine.values import number, text
from exporter.model import Family
from parsers import Record

Lookup = Callable[[str], Any]
Action = Literal["count", "observe", "set", "read", "stamp", "drain"]

# What a record tells beside its fields. Rules that look at these are read exactly, but for service.
OWN_NAMES = frozenset({"message", "level", "stream", "exception"})
_CACHED_MESSAGES, _LONGEST_CACHED = 4096, 1024
_LONGEST_NAME, _DEEPEST = 128, 16
_LONGEST_LABEL = 256
_SERVICE = Label(field="service")


@dataclass(frozen=True, slots=True, eq=False)
class Effect:
    """One thing a rule moves: a family, its labels in the family's order, and the value.

    `read` stamps a gauge with the time of reading, `stamp` with the record's own.
    """

    action: Action
    family: Family
    labels: tuple[Label, ...]
    value: str | None = None
    scale: float = 1.0
    setting: Set | None = None
    drain: Drain | None = None
    exemplar: str | None = None

    @property
    def timed(self) -> bool:
        """Whether the record's time is asked for."""
        return self.action not in ("count", "observe") or self.exemplar is not None

    def label_texts(self, lookup: Lookup) -> tuple[str, ...] | None:
        """The labels' values, or None where one is absent and has no default."""
        found = []
        for label in self.labels:
            value = label_text(label, lookup)
            if value is None:
                return None
            found.append(value)
        return tuple(found)

    def amount(self, lookup: Lookup) -> float | None:
        """The number that the effect moves by; None where it cannot be read.

        A drain that does not tell its grace is still a drain: NaN.
        """
        unknown = math.nan if self.action == "drain" else None
        if self.value is None:
            return unknown or 1.0
        found = number(lookup(self.value))
        return unknown if found is None else found * self.scale


@dataclass(frozen=True, slots=True)
class Update:
    """What one record does to one series."""

    effect: Effect
    labels: tuple[str, ...]
    value: float
    exemplar: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A rule ready to use."""

    rule: LogRule
    message: Template | None
    exception: Template | None
    effects: tuple[Effect, ...]

    def fields(self) -> frozenset[str]:
        """The names that the rule looks at."""
        names = {where.field for where in self.rule.where}
        for effect in self.effects:
            names.update(label.field for label in effect.labels if label.field)
            names.update(name for name in (effect.value, effect.exemplar) if name)
        return frozenset(names)

    def captures(self) -> frozenset[str]:
        """The names that the rule's template captures."""
        gaps = self.message.gaps if self.message else ()
        return frozenset(gap.name for gap in gaps if gap.name)

    def possible(self, form: str, level: str | None, service: str) -> bool:
        """Whether the rule can hold for a record of this format, level and service at all."""
        rule = self.rule
        if self.exception is not None or rule.format not in (None, form):
            return False
        if rule.level and level not in rule.level:
            return False
        return all(meets(where, service) for where in rule.where if where.field == "service")

    def certain(self, given: frozenset[str] = frozenset()) -> bool:
        """Whether fields alone, beside what `possible` asks, decide and fill the rule.

        `given` are names whose values are known otherwise.
        """
        names = self.fields() - given
        if any(len(name) > _LONGEST_NAME or name.count(".") >= _DEEPEST for name in names):
            return False  # JSON objects that deep stay objects
        return not names & (OWN_NAMES | self.captures())

    def holds(self, record: Record, lookup: Lookup) -> bool:
        """Whether the conditions beside the templates hold."""
        rule = self.rule
        if rule.format is not None and rule.format != record.format:
            return False
        if rule.level and record.level not in rule.level:
            return False
        return all(meets(where, lookup(where.field)) for where in rule.where)

    def updates(self, lookup: Lookup) -> Iterator[Update]:
        """What the rule moves for a record it holds for."""
        for effect in self.effects:
            labels = effect.label_texts(lookup)
            value = effect.amount(lookup)
            if labels is None or value is None:
                continue
            if value < 0 and effect.action in ("count", "observe"):
                continue  # a counter never goes backwards, whatever a line says
            exemplar = text(lookup(effect.exemplar)) if effect.exemplar else None
            yield Update(effect, labels, value, exemplar)


def label_text(label: Label, lookup: Lookup) -> str | None:
    """One label's value, cut where it is long; None where it is absent without a default."""
    if label.value is not None:
        return label.value
    found = text(lookup(label.field or ""))
    if not found:
        return label.default if label.default is not None else found
    if label.lower:
        found = found.lower()
    if label.map is None:
        return found[:_LONGEST_LABEL]
    for pattern, value in label.map.items():
        if fits(found, pattern):
            return value
    return label.default


def fits(found: str, pattern: str) -> bool:
    """Whether a text is the literal, or begins with the prefix that a trailing `*` marks."""
    return found == pattern or (pattern.endswith("*") and found.startswith(pattern[:-1]))


def meets(where: Where, value: Any) -> bool:
    """Whether a field's value meets a condition."""
    found = text(value)
    if where.values and not (found is not None and _fits_any(found, where.values)):
        return False
    if where.none_of and found is not None and _fits_any(found, where.none_of):
        return False
    if where.min is None and where.max is None:
        return True
    amount = number(value)
    if amount is None:
        return False
    return (where.min is None or amount >= where.min) and (where.max is None or amount <= where.max)


def _fits_any(found: str, patterns: tuple[str, ...]) -> bool:
    return any(fits(found, pattern) for pattern in patterns)


@dataclass(slots=True)
class Plan:
    """All rules of one application, found by message, by exception, or by conditions alone."""

    families: Mapping[str, Family]
    rules: tuple[Compiled, ...]
    literal: dict[str, tuple[Compiled, ...]]
    templates: dict[str, tuple[Compiled, ...]]
    unbound: tuple[Compiled, ...]
    exceptions: tuple[Compiled, ...]
    heartbeats: Mapping[str, float]
    declared: Mapping[str, tuple[Mapping[str, str], ...]]
    _known: dict[str, tuple[tuple[Compiled, dict[str, str]], ...]] = field(default_factory=dict)

    def by_message(self, message: str) -> tuple[tuple[Compiled, dict[str, str]], ...]:
        """The rules whose message fits, with what their templates captured."""
        known = self._known.get(message)
        if known is None:
            known = tuple(self._search(message))
            if len(self._known) >= _CACHED_MESSAGES:
                self._known.clear()
            if len(message) <= _LONGEST_CACHED:
                self._known[message] = known
        return known

    def _search(self, message: str) -> Iterator[tuple[Compiled, dict[str, str]]]:
        for one in self.literal.get(message, ()):
            yield one, {}
        for one in (*self.templates.get(message[:1], ()), *self.templates.get("", ())):
            found = one.message.match(message) if one.message else None
            if found is not None:
                yield one, found
        for one in self.unbound:
            yield one, {}

    def by_exception(self, line: str) -> Iterator[tuple[Compiled, dict[str, str]]]:
        """The rules whose exception template fits the last line of a traceback."""
        for one in self.exceptions:
            found = one.exception.match(line) if one.exception else None
            if found is not None:
                yield one, found


def compile_rules(rules: LogRules, families: Mapping[str, Family]) -> Plan:
    """Compile; the rules were checked against the families when they were loaded."""
    compiled = tuple(_compile(rule, families) for rule in rules.rules)
    literal: dict[str, tuple[Compiled, ...]] = {}
    templates: dict[str, tuple[Compiled, ...]] = {}
    for one in compiled:
        if one.message is None:
            continue
        where = templates if one.message.gaps else literal
        key = one.message.prefix[:1] if one.message.gaps else one.message.prefix
        where[key] = (*where.get(key, ()), one)
    return Plan(
        families,
        compiled,
        literal,
        templates,
        tuple(one for one in compiled if one.message is None and one.exception is None),
        tuple(one for one in compiled if one.exception is not None),
        dict(rules.heartbeats or {}),
        dict(rules.declare or {}),
    )


def _compile(rule: LogRule, families: Mapping[str, Family]) -> Compiled:
    effects = [
        *(_count(count, families[count.metric]) for count in rule.count),
        *(_observe(observe, families[observe.metric]) for observe in rule.observe),
        *(_set(one, families[one.metric]) for one in rule.set),
        *(_event(rule.event, families) if rule.event else ()),
    ]
    if rule.heartbeat:
        family = families["watched_heartbeat_timestamp_seconds"]
        effects.append(Effect("stamp", family, (Label(value=rule.heartbeat),)))
    if rule.drain:
        drain = rule.drain
        family, scale = families["watched_draining"], SCALE[drain.unit]
        effects.append(Effect("drain", family, (_SERVICE,), drain.grace, scale, drain=drain))
    message = template(rule.message) if rule.message is not None else None
    exception = template(rule.exception) if rule.exception is not None else None
    return Compiled(rule, message, exception, tuple(effects))


def _labels(labels: Mapping[str, Label], family: Family) -> tuple[Label, ...]:
    return tuple(labels.get(name, _SERVICE) for name in family.labels)


def _count(count: Count, family: Family) -> Effect:
    return Effect("count", family, _labels(count.labels, family), count.by)


def _observe(observe: Observe, family: Family) -> Effect:
    scale, labels = SCALE[observe.unit], _labels(observe.labels, family)
    return Effect("observe", family, labels, observe.value, scale, exemplar=observe.exemplar)


def _set(one: Set, family: Family) -> Effect:
    return Effect("set", family, _labels(one.labels, family), one.value, SCALE[one.unit], one)


def _event(event: Event, families: Mapping[str, Family]) -> Iterator[Effect]:
    labels = (_SERVICE, Label(value=event.name), Label(value=event.impact))
    yield Effect("count", families["watched_events_total"], labels)
    yield Effect("read", families["watched_event_read_timestamp_seconds"], labels)
    yield Effect("stamp", families["watched_event_last_timestamp_seconds"], labels)
