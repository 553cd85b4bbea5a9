"""Objectives: what is asked of an application's parts, each shown as a metric beside its subject.

A kind of objective has one value, or a default and values of its own for some subjects. Those about
rows go by entity and state: `rows_oldest: {deployments: {queued: 5m}}`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from exporter.config.build import Builder, Raw, entries, instead
from exporter.config.nodes import At, Entries, Node, Refused, Scalar
from exporter.model import Duration


@dataclass(frozen=True, slots=True)
class Goal:
    """A kind of objective: the gauge that shows it, and whose series have one.

    Every series of `subject` calls for the gauge; the labels `by` say which of the values is its
    own. `plural` is the key above them, "" where they stand alone. `least` is how many of the
    labels a value must name, 0 where one value may be for all; `most` what it may be. `none` tells
    that 0 is an objective, too.
    """

    metric: str
    subject: str
    by: tuple[str, ...]
    plural: str
    type: Any
    least: int = 0
    most: float = math.inf
    none: bool = False


GOALS: Mapping[str, Goal] = {
    "http_request_duration": Goal(
        "watched_http_request_duration_objective_seconds",
        "watched_http_request_duration_seconds",
        ("route",),
        "routes",
        Duration,
    ),
    "job_duration": Goal(
        "watched_job_duration_objective_seconds",
        "watched_job_duration_seconds",
        ("job_class",),
        "job_classes",
        Duration,
    ),
    "job_wait": Goal(
        "watched_job_wait_objective_seconds",
        "watched_job_wait_seconds",
        ("queue",),
        "queues",
        Duration,
    ),
    "job_failures": Goal(
        "watched_job_failures_objective",
        "watched_jobs_finished_total",
        ("job_class",),
        "job_classes",
        float,
    ),
    "quota_remaining": Goal(
        "watched_quota_remaining_objective",
        "watched_quota_remaining",
        ("quota",),
        "quotas",
        float,
    ),
    "queue_age": Goal(
        "watched_queue_oldest_age_objective_seconds",
        "watched_queue_oldest_age_seconds",
        ("queue",),
        "queues",
        Duration,
    ),
    "rows_oldest": Goal(
        "watched_rows_oldest_objective_seconds",
        "watched_rows_oldest_seconds",
        ("entity", "state"),
        "",
        Duration,
        least=2,
    ),
    "rows": Goal(
        "watched_rows_objective",
        "watched_rows",
        ("entity", "state"),
        "",
        float,
        least=2,
    ),
    "rows_recent": Goal(
        "watched_rows_recent_objective",
        "watched_rows_recent",
        ("entity", "state"),
        "",
        float,
    ),
    "failure_streak": Goal(
        "watched_failure_streak_objective",
        "watched_failure_streak",
        ("entity",),
        "",
        float,
    ),
    "postgres_connections": Goal(
        "watched_postgres_connections_objective_ratio",
        "watched_postgres_max_connections",
        ("database",),
        "databases",
        float,
        most=1.0,
    ),
    "postgres_cache_hit": Goal(
        "watched_postgres_cache_hit_objective_ratio",
        "watched_postgres_blocks_hit_total",
        ("database",),
        "databases",
        float,
        most=1.0,
    ),
    "probe_start": Goal(
        "watched_probe_start_objective_seconds",
        "watched_probe_success",
        ("probe",),
        "probes",
        Duration,
    ),
    "probe_field": Goal(
        "watched_probe_field_objective",
        "watched_probe_field",
        ("probe", "field"),
        "",
        float,
        least=2,
        none=True,
    ),
    "certificate_left": Goal(
        "watched_tls_objective_seconds",
        "watched_tls_not_after_timestamp_seconds",
        ("probe",),
        "probes",
        Duration,
    ),
    "queue_consumers": Goal(
        "watched_queue_consumers_objective",
        "watched_queue_consumers",
        ("queue",),
        "queues",
        float,
        none=True,
    ),
    "queue_growth": Goal(
        "watched_queue_growth_objective",
        "watched_queue_consumers",
        ("queue",),
        "queues",
        float,
    ),
}


@dataclass(frozen=True, slots=True)
class Objective:
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
