"""A profile's log rules, compiled: which rules a record meets, and what each of them moves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from typing import Any, Literal

from msgspec import Struct

from exporter.engine.choosing import Choice
from exporter.engine.finding import Finder
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


class Effect(Struct, frozen=True, eq=False):
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

    def needs(self) -> frozenset[str]:
        """The names without which nothing is moved."""
        names = {label.field for label in self.labels if label.field and label.default is None}
        if self.value is not None and self.action != "drain":
            names.add(self.value)
        return frozenset(names)

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


class Update(Struct, frozen=True):
    """What one record does to one series."""

    effect: Effect
    labels: tuple[str, ...]
    value: float
    exemplar: str | None = None


class Compiled(Struct, frozen=True, eq=False):
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

    def moves_by(self, names: frozenset[str]) -> bool:
        """Whether it can move anything for a record that has no field but these."""
        given = names | OWN_NAMES | {"service"} | self.captures()
        return any(effect.needs() <= given for effect in self.effects)

    def wishes(self) -> tuple[Where, ...]:
        """The conditions that want certain texts of a record's own field."""
        other = {"service", *self.captures()}
        return tuple(one for one in self.rule.where if one.values and one.field not in other)

    def possible(self, form: str, level: str | None, service: str) -> bool:
        """Whether the rule can hold for a record of this format, level and service at all."""
        rule = self.rule
        if self.exception is not None or rule.format not in (None, form):
            return False
        if rule.level and level not in rule.level:
            return False
        if "service" in self.captures():
            return True  # conditions on it are on what the template captures
        return all(meets(where, service) for where in rule.where if where.field == "service")

    def certain(self, given: frozenset[str] = frozenset()) -> bool:
        """Whether fields alone, beside what `possible` asks, decide and fill the rule.

        `given` are names whose values are known otherwise.
        """
        if any("service" in (each.value, each.exemplar) for each in self.effects):
            return False  # fast paths know it as a label and a condition
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


class Rules:
    """Rules that may hold for a record, in the order in which they do their work."""

    def __init__(self, rules: tuple[Compiled, ...]) -> None:
        self.all = rules
        self.choice = Choice.among([one.wishes() for one in rules])

    @cached_property
    def fields(self) -> frozenset[str]:
        """The names that any of them looks at."""
        return frozenset().union(*(one.fields() for one in self.all))

    @cached_property
    def certain(self) -> bool:
        """Whether fields alone decide and fill each of them."""
        return all(one.certain() for one in self.all)


class Fitting(Struct, frozen=True):
    """The rules that a message fits, and what the template of each captured."""

    rules: Rules
    captured: tuple[dict[str, str], ...]


_NONE = Fitting(Rules(()), ())


@dataclass(slots=True)
class Plan:
    """All rules of one application, found by message, by exception, or by conditions alone.

    `literal` has the rules of each message without gaps; `templates` has each template with the
    places of its rules in `templated`.
    """

    families: Mapping[str, Family]
    rules: tuple[Compiled, ...]
    literal: Mapping[str, tuple[Compiled, ...]]
    templates: tuple[tuple[Template, list[int]], ...]
    templated: tuple[Compiled, ...]
    unbound: Rules
    exceptions: tuple[Compiled, ...]
    heartbeats: Mapping[str, float]
    declared: Mapping[str, tuple[Mapping[str, str], ...]]
    finder: Finder
    _raised: Finder
    _known: dict[str, Fitting] = field(default_factory=dict)
    _together: dict[tuple[Compiled, ...], Rules] = field(default_factory=dict)
    _possible: dict[tuple[str, str | None, str], Rules] = field(default_factory=dict)

    def by_message(self, message: str) -> Fitting:
        """The rules whose message fits; those that ask for none are in `unbound`."""
        known = self._known.get(message)
        if known is None:
            known = self._fitting(message)
            if len(self._known) >= _CACHED_MESSAGES:
                self._known.clear()
            if len(message) <= _LONGEST_CACHED:
                self._known[message] = known
        return known

    def possible(self, form: str, level: str | None, service: str, message: str) -> Rules:
        """The rules whose message fits and that can hold for such a record at all."""
        fitting = self.by_message(message).rules.all
        return self._rules(tuple(one for one in fitting if one.possible(form, level, service)))

    def possible_unbound(self, form: str, level: str | None, service: str) -> Rules:
        """The rules that ask for no message and that can hold for such a record at all."""
        known = self._possible.get((form, level, service))
        if known is None:
            if len(self._possible) >= _CACHED_MESSAGES:
                self._possible.clear()
            rules = tuple(one for one in self.unbound.all if one.possible(form, level, service))
            known = self._possible[form, level, service] = self._rules(rules)
        return known

    def by_exception(self, line: str) -> Iterator[tuple[Compiled, dict[str, str]]]:
        """The rules whose exception template fits the last line of a traceback."""
        for place in self._raised.places(line):
            one = self.exceptions[place]
            found = one.exception.match(line) if one.exception else None
            if found is not None:
                yield one, found

    def _fitting(self, message: str) -> Fitting:
        places = self.finder.places(message)
        if not places and message not in self.literal:
            return _NONE
        found: list[tuple[int, dict[str, str]]] = []
        for place in places:
            template, own = self.templates[place]
            captured = template.match(message)
            if captured is not None:
                found += ((each, captured) for each in own)
        found.sort(key=itemgetter(0))
        literal = self.literal.get(message, ())
        rules = self._rules((*literal, *(self.templated[place] for place, _ in found)))
        return Fitting(rules, (*({} for _ in literal), *(captured for _, captured in found)))

    def _rules(self, rules: tuple[Compiled, ...]) -> Rules:
        """These rules, the same object for the same ones."""
        known = self._together.get(rules)
        if known is None:
            if len(self._together) >= _CACHED_MESSAGES:
                self._together.clear()
            known = self._together[rules] = Rules(rules)
        return known


def compile_rules(rules: LogRules, families: Mapping[str, Family]) -> Plan:
    """Compile; the rules were checked against the families when they were loaded."""
    compiled = tuple(_compile(rule, families) for rule in rules.rules)
    literal: dict[str, tuple[Compiled, ...]] = {}
    for one in compiled:
        if one.message and not one.message.gaps:
            literal[one.message.prefix] = (*literal.get(one.message.prefix, ()), one)
    # Those that begin with a gap come behind the others.
    gapped = [(one, one.message) for one in compiled if one.message and one.message.gaps]
    gapped.sort(key=lambda each: not each[1].prefix)
    templates: dict[Template, list[int]] = {}
    for place, (_, message) in enumerate(gapped):
        templates.setdefault(message, []).append(place)
    exceptions = tuple(one for one in compiled if one.exception is not None)
    return Plan(
        families,
        compiled,
        literal,
        tuple(templates.items()),
        tuple(one for one, _ in gapped),
        Rules(tuple(one for one in compiled if one.message is None and one.exception is None)),
        exceptions,
        dict(rules.heartbeats or {}),
        dict(rules.declare or {}),
        Finder([*templates]),
        Finder([one.exception for one in exceptions if one.exception is not None]),
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
