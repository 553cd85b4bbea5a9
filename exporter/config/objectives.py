"""Objectives: what is asked of an application's parts, each shown as a metric beside its subject.

A kind of objective has one value, or a default and values of its own for some subjects. Those about
rows go by entity and state: `rows_oldest: {deployments: {queued: 5m}}`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from exporter.config.build import Builder, Raw, entries, instead
from exporter.config.goal import Goal
from exporter.config.goals import GOALS
from exporter.config.nodes import At, Entries, Node, Refused, Scalar
from exporter.model import Duration


class Objective(Struct, frozen=True):
    """What is asked of one kind of subject, by the label values that name it.

    A value for fewer labels is for all subjects that begin so; that for none is for all.
    """

    goal: Goal
    values: Mapping[tuple[str, ...], float]

    def of(self, *labels: str) -> float | None:
        """The objective of the subject with these label values, where it has one."""
        ways = (labels[:size] for size in range(len(labels), -1, -1))
        return next((self.values[way] for way in ways if way in self.values), None)


def objectives(part: Raw | None) -> dict[str, Objective]:
    """`{job_wait: 5m, job_duration: {default: 10m, job_classes: {Report: 1h}}}`."""
    found = {}
    for pair, at in part.pairs() if part else ():
        goal = GOALS.get(pair.key)
        if goal is None:
            at.say(pair.line, f"no such objective{instead(pair.key, GOALS)}")
        else:
            found[pair.key] = Objective(goal, dict(_values(goal, pair.node, at)))
    return found


def _values(goal: Goal, node: Node, at: At) -> Iterator[tuple[tuple[str, ...], float]]:
    """The values of one kind; what is refused is left out."""
    if isinstance(node, Scalar) or not goal.plural:
        yield from _below(goal, (), node, at)
        return
    for one in _entries(node, at).pairs:
        here = at.child(one.key)
        if one.key == "default":
            yield from _below(replace(goal, by=()), (), one.node, here)
        elif one.key == goal.plural:
            for each in _entries(one.node, here).pairs:
                yield from _below(goal, (each.key,), each.node, here.child(each.key))
        else:
            here.say(one.line, f"no such key{instead(one.key, ('default', goal.plural))}")


def _below(
    goal: Goal, way: tuple[str, ...], node: Node, at: At
) -> Iterator[tuple[tuple[str, ...], float]]:
    """The value that stands here, or those of the next label's values."""
    if isinstance(node, Entries) and len(way) < len(goal.by):
        for one in node.pairs:
            if goal.among and one.key not in goal.among:
                at.say(one.line, f"no such {goal.by[0]}{instead(one.key, goal.among)}")
            else:
                yield from _below(goal, (*way, one.key), one.node, at.child(one.key))
    elif len(way) < goal.least:
        at.say(node.line, f"an objective is for one {' and '.join(goal.by)}: {_example(goal)}")
    else:
        try:
            value = Builder().convert(goal.type, node, at)
        except Refused:
            return
        if value < 0 or (value == 0 and not goal.none):
            at.say(node.line, "an objective is above 0")
        elif value > goal.most:
            at.say(node.line, f"is a share of the whole, not above {goal.most:g}")
        else:
            yield way, value


def _example(goal: Goal) -> str:
    if goal.by[0] == "signal":
        return "{http_errors: 0.1}"
    if goal.by[0] == "probe":
        return "{server: {dead_letters: 0}}"
    return "{deployments: {queued: 5m}}" if goal.type is Duration else "{collections: {overdue: 1}}"


def _entries(node: Node, at: At) -> Entries:
    """The node as a mapping; as an empty one where it is none, which is said."""
    try:
        return entries(node, at)
    except Refused:
        return Entries((), node.line)


def check_entities(
    part: Raw, found: Mapping[str, Objective], known: Mapping[str, Collection[str]]
) -> None:
    """Complain of objectives about entities, or states of one, that are not `known`."""
    for name, objective in found.items():
        for way in objective.values if objective.goal.by[0] == "entity" else ():
            if wrong := _unknown(way, known):
                part.at.child(name).say(part.line_of(name), wrong)


def _unknown(way: tuple[str, ...], known: Mapping[str, Collection[str]]) -> str | None:
    match way:
        case (entity, *_) if entity not in known:
            return f"there is no entity {entity}{instead(entity, known)}"
        case (entity, state) if state not in known[entity]:
            return f"{entity} have no state {state}{instead(state, known[entity])}"
    return None


def merged(under: Mapping[str, Objective], over: Mapping[str, Objective]) -> dict[str, Objective]:
    """The objectives of both, value by value; what is said in `over` goes first."""
    both = {
        name: replace(over[name], values={**under[name].values, **over[name].values})
        for name in under.keys() & over.keys()
    }
    return {**under, **over, **both}
