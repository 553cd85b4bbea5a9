"""Whether Alertmanager's inhibitions can do what they say, read beside the alerts that they name.

An effect must be held back before it is sent, and until it has ended, by a cause that is at
least as urgent, of the same subject, and never by itself. An inhibition whose `equal` labels are on
neither side would hold back everything, which is Alertmanager's own rule about missing labels.
"""

from __future__ import annotations

import graphlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct

from exporter.errors import ExportError

MATCHER = re.compile(r'\s*(\w+)\s*(=~|!~|!=|=)\s*(?:"(.*)"|(.*?))\s*')
DURATION = re.compile(r"(\d+)(ms|[smhdw])")
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
URGENCY = {"critical": 3, "warning": 2, "info": 1}
SIDES = ("source_matchers", "target_matchers")
LAG = 60  # seconds after its cause that an effect is seen to end: a scrape, an evaluation
WAIT = "30s"  # Alertmanager's own, where a route gives none


class Alert(Struct, frozen=True):
    """An alert: how long it is pending in seconds, its labels, those whose value a rule sets.

    `kept` is for how many seconds it goes on firing when it has ended.
    """

    name: str
    pending: float
    labels: Collection[str]
    fixed: Mapping[str, str]
    kept: float = 0

    def value(self, label: str) -> str | None:
        """The value of a label: empty where it has none, nothing where it depends."""
        if label == "alertname":
            return self.name
        if label in self.fixed:
            return self.fixed[label]
        return None if label in self.labels else ""


def routing(path: Path) -> Mapping[str, Any]:
    """A configuration of Alertmanager's. Raises ExportError where it is none, OSError."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError) as error:  # not UTF-8 either, or a day that is none
        raise ExportError(f"{path} is no YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(found, dict) or not isinstance(found.get("route"), dict):
        raise ExportError(f"{path} has no route, so it is no configuration of Alertmanager's")
    return found


def names_read(routing: Mapping[str, Any]) -> frozenset[str]:
    """The alerts that the inhibitions name one by one."""
    rules = routing.get("inhibit_rules", ())
    return frozenset(
        name for rule in rules for side in SIDES for name in _named(rule.get(side, ()))
    )


def labels_read(routing: Mapping[str, Any]) -> frozenset[str]:
    """The labels that the inhibitions look at."""
    matchers = [
        matcher(text)[0]
        for rule in routing.get("inhibit_rules", ())
        for side in SIDES
        for text in rule.get(side, ())
    ]
    equal = [label for rule in routing.get("inhibit_rules", ()) for label in rule.get("equal", ())]
    return frozenset([*matchers, *equal])


def seconds(text: str) -> float:
    """A duration as Prometheus writes it."""
    return sum(int(number) * UNITS[unit] for number, unit in DURATION.findall(text))


def unknown(routing: Mapping[str, Any], alerts: Sequence[Alert]) -> Iterator[str]:
    """What cannot be judged, because it is about alerts that are not among these."""
    known = {one.name for one in alerts}
    for number, rule in enumerate(routing.get("inhibit_rules", ()), 1):
        for side, what in zip(SIDES, ("cause", "effect"), strict=True):
            matchers = rule.get(side, ())
            for name in sorted(_named(matchers) - known):
                yield f"inhibition {number} names {name}, which is no alert of these rules"
            if _is_by_name(matchers) and not any(_fits(matchers, one) for one in alerts):
                yield f"inhibition {number} has no {what}: no alert of these rules fits {side}"


def faults(
    routing: Mapping[str, Any], alerts: Sequence[Alert], *, evaluated: float = 30
) -> Iterator[str]:
    """What is wrong with the inhibitions, where rules are evaluated every so many seconds."""
    causes: dict[str, set[str]] = {}
    for number, rule in enumerate(routing.get("inhibit_rules", ()), 1):
        sources, targets = (
            [one for one in alerts if _fits(rule.get(side, ()), one)] for side in SIDES
        )
        place = f"inhibition {number}"
        yield from (f"{place} {fault}" for fault in _shape(rule, sources, targets))
        for cause in sources:
            for effect in targets:
                pair = f"{place}, {cause.name} before {effect.name}:"
                wait = _group_wait(routing["route"], effect)
                found = (*_pair(rule, cause, effect), *_times(cause, effect, evaluated, wait))
                yield from (f"{pair} {fault}" for fault in found)
                causes.setdefault(effect.name, set()).add(cause.name)
    try:
        graphlib.TopologicalSorter(causes).prepare()
    except graphlib.CycleError as error:
        yield f"alerts hold each other back: {', '.join(error.args[1])}"


def _shape(
    rule: Mapping[str, Any], sources: Sequence[Alert], targets: Sequence[Alert]
) -> Iterator[str]:
    if not rule.get("equal"):
        yield "has no equal labels, so one application holds back another"
    for name in sorted({one.name for one in sources} & {one.name for one in targets}):
        yield f"has {name} for both cause and effect"


def _pair(rule: Mapping[str, Any], cause: Alert, effect: Alert) -> Iterator[str]:
    for label in rule.get("equal", ()):
        for one in (cause, effect):
            if one.value(label) == "":
                yield f"{one.name} has no label {label}"
    severities = cause.value("severity"), effect.value("severity")
    urgent, held = (URGENCY.get(one or "", 0) for one in severities)
    if 0 < urgent < held:
        yield f"a {severities[0]} alert must not hold back a {severities[1]} one"


def _times(cause: Alert, effect: Alert, evaluated: float, wait: float) -> Iterator[str]:
    """Whether the cause fires before the effect is sent, and until the effect has ended."""
    if cause.pending + evaluated > effect.pending + wait:
        yield (
            f"it fires after {cause.pending:g} s and one evaluation, and the"
            f" effect is sent after {effect.pending:g} s and {wait:g} s of waiting"
        )
    if effect.kept > 0 and cause.kept < effect.kept + LAG:
        yield (
            f"it fires for {cause.kept:g} s after it has ended (keep_firing_for) and the effect for"
            f" {effect.kept:g} s, so the effect is sent when all is well; let {LAG} s lie between"
        )


def _fits(matchers: Sequence[str], alert: Alert) -> bool:
    """Whether the matchers could fit: a value that depends is taken for any."""
    for text in matchers:
        label, operator, wanted = matcher(text)
        value = alert.value(label)
        if value is None:
            continue
        same = re.fullmatch(wanted, value) if operator.endswith("~") else value == wanted
        if bool(same) == operator.startswith("!"):
            return False
    return True


def _named(matchers: Sequence[str]) -> set[str]:
    """The alerts that matchers name one by one."""
    parts = map(matcher, matchers)
    lists = (
        wanted for label, operator, wanted in parts if label == "alertname" and operator[0] == "="
    )
    names = {name for wanted in lists for name in wanted.split("|")}
    return {name for name in names if re.fullmatch(r"\w+", name)}


def _is_by_name(matchers: Sequence[str]) -> bool:
    """Whether alerts are meant; of a severity alone there may be none today."""
    return any(matcher(text)[0] == "alertname" for text in matchers)


def matcher(text: str) -> tuple[str, str, str]:
    """A matcher's label, operator and value. Raises ExportError."""
    found = MATCHER.fullmatch(text)
    if found is None:
        raise ExportError(f"{text} is no matcher")
    return found[1], found[2], found[4] if found[3] is None else found[3]


def _group_wait(route: Mapping[str, Any], alert: Alert, inherited: str = WAIT) -> float:
    """How long the first message about an alert waits, by the route that it takes."""
    wait = route.get("group_wait", inherited)
    for child in route.get("routes", ()):
        if _fits(child.get("matchers", ()), alert):
            return _group_wait(child, alert, wait)
    return seconds(wait)
