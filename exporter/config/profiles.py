"""Profiles found and merged with what an application's settings add: one plan per application."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from exporter.config.build import LATER, Builder, Raw, entries, instead, read_scalar
from exporter.config.grammar import Words, declared, limits, rules
from exporter.config.nodes import At, Node, Pair, Refused, Scalar, compose, quote
from exporter.config.postgres import postgres
from exporter.config.settings import TEXTS, App, OwnMetric, PlacedSource, Profile
from exporter.config.texts import read_text
from exporter.engine.rules import LogRules
from exporter.model import JOB_BUCKETS, Duration, Family
from exporter.sources.disk import Disk
from exporter.sources.postgres import Postgres
from exporter.vocabulary import FAMILIES

METRIC = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
RESERVED_LABELS = frozenset({"app", "instance", "job", "le", "quantile"})
RESERVED_PREFIXES = ("watched_", "sidewatch_")
RESERVED_ENDINGS = ("_bucket", "_count", "_created", "_info", "_sum")


@dataclass(frozen=True, slots=True)
class Goal:
    """A kind of objective: the gauge that shows it, whose series have one, and what tells apart.

    Every series of `subject` calls for the gauge; `label` says which of `values` is its own.
    """

    metric: str
    subject: str
    label: str
    plural: str
    type: Any


GOALS: Mapping[str, Goal] = {
    "http_request_duration": Goal(
        "watched_http_request_duration_objective_seconds",
        "watched_http_request_duration_seconds",
        "route",
        "routes",
        Duration,
    ),
    "job_duration": Goal(
        "watched_job_duration_objective_seconds",
        "watched_job_duration_seconds",
        "job_class",
        "job_classes",
        Duration,
    ),
    "job_wait": Goal(
        "watched_job_wait_objective_seconds",
        "watched_job_wait_seconds",
        "queue",
        "queues",
        Duration,
    ),
    "job_failures": Goal(
        "watched_job_failures_objective",
        "watched_jobs_finished_total",
        "job_class",
        "job_classes",
        float,
    ),
    "quota_remaining": Goal(
        "watched_quota_remaining_objective",
        "watched_quota_remaining",
        "quota",
        "quotas",
        float,
    ),
}
LATER_GOALS = frozenset({"queue_age"})


@dataclass(frozen=True, slots=True)
class Objective:
    """What is asked of one kind of subject: `default`, or the value of the one that is named."""

    goal: Goal
    default: float | None
    values: Mapping[str, float]

    def of(self, subject: str) -> float | None:
        """The objective of the subject with this label value, where it has one."""
        return self.values.get(subject, self.default)


@dataclass(frozen=True, slots=True)
class AppPlan:
    """All that the wiring needs to know of one application.

    `families` is the whole vocabulary: with its own metrics, limits, and each objective a bucket.
    """

    name: str
    profile: str
    rules: LogRules
    families: Mapping[str, Family]
    objectives: Mapping[str, Objective]
    logs: tuple[PlacedSource, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    idle_hosts: tuple[str, ...] = ()
    postgres: Postgres | None = None
    files: tuple[Disk, ...] = ()


# -- finding ------------------------------------------------------------------------------------


def built_in() -> dict[str, Path]:
    """The profiles that come with sidewatch, by name."""
    folder = Path(str(files("exporter"))) / "profiles"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


@dataclass(frozen=True, slots=True)
class Profiles:
    """Finds profiles by name, or by a path from the folder `base`; reads each once.

    `read` has what was found; None where the file was refused, which is said once.
    """

    base: Path
    read: dict[Path, Profile | None] = field(default_factory=dict)

    def find(self, builder: Builder, node: Node, at: At) -> Profile:
        """The profile that a scalar names. Raises Refused."""
        name = read_scalar((str, "the name of a profile, or a path"), node, at)
        by_path = "/" in name or name.endswith(".yaml")
        path = self.base / name if by_path else built_in().get(name)
        if path is None:
            text = f"no profile {quote(name)}{instead(name, built_in())}"
            raise at.refuse(node.line, f"{text} (a path has a '/' or ends in .yaml)")
        if path not in self.read:
            self.read[path] = None
            self.read[path] = _read_profile(builder, path, node, at)
        profile = self.read[path]
        if profile is None:
            raise Refused
        return profile


def _read_profile(builder: Builder, path: Path, node: Node, at: At) -> Profile:
    try:
        text = read_text(path)
    except ValueError as error:
        raise at.refuse(node.line, f"the profile {path} {error}") from None
    inside = At(str(path), "", at.complaints, at.notes)
    return builder.build(Profile, compose(text, inside), inside)


# -- merging ------------------------------------------------------------------------------------


def plan(app: App, labels: Mapping[str, str], base: Path) -> AppPlan:
    """What is to be done for an application; its mistakes go to the complaints of its place.

    Relative paths are taken from the folder `base`.
    """
    profile = app.profile
    own = {**own_metrics(profile.metrics), **own_metrics(app.metrics)}
    families = {**FAMILIES, **own}
    aims = _merge_objectives(objectives(profile.objectives), objectives(app.objectives))
    words = Words(
        {name: family for name, family in families.items() if family.scope != "own"},
        {**profile.heartbeats, **app.heartbeats},
        {**app.routes, **{k: v for k, v in profile.routes.items() if k not in app.routes}},
    )
    log_rules = LogRules(
        rules=(*rules(profile.logs.rules, words), *rules(app.rules, words)),
        heartbeats=words.heartbeats,
        declare=_merge_declared(_each(declared, words, profile.declare, app.declare)),
        timezone=app.timezone or profile.timezone,
    )
    for limit in _each(limits, words, profile.limits, app.limits):
        for name, most in limit.items():
            families[name] = replace(families[name], limit=most)
    return AppPlan(
        app.name,
        profile.profile,
        log_rules,
        {name: _bounded(family, aims) for name, family in families.items()},
        aims,
        app.logs,
        {**labels, **app.labels},
        app.idle_hosts,
        postgres(app.postgres, families, base),
        tuple(app.files.values()),
    )


def _each(
    read: Callable[[Raw, Words], dict[str, Any]], words: Words, *parts: Raw | None
) -> Iterator[dict[str, Any]]:
    return (read(part, words) for part in parts if part is not None)


def _merge_declared(
    parts: Iterator[dict[str, tuple[Mapping[str, str], ...]]],
) -> dict[str, tuple[Mapping[str, str], ...]]:
    merged: dict[str, tuple[Mapping[str, str], ...]] = {}
    for part in parts:
        for name, sets in part.items():
            merged[name] = (*merged.get(name, ()), *sets)
    return merged


def _bounded(family: Family, aims: Mapping[str, Objective]) -> Family:
    """The family with a bucket at each objective about it, so that none is guessed between."""
    if family.kind != "histogram":
        return family
    bounds = set(family.buckets)
    for aim in aims.values():
        if aim.goal.subject == family.name:
            bounds.update(aim.values.values())
            bounds.update(() if aim.default is None else (aim.default,))
    return replace(family, buckets=tuple(sorted(bounds)))


def objectives(part: Raw | None) -> dict[str, Objective]:
    """`{job_wait: 5m, job_duration: {default: 10m, job_classes: {Report: 1h}}}`."""
    found = {}
    for pair, at in part.pairs() if part else ():
        goal = GOALS.get(pair.key)
        if pair.key in LATER_GOALS:
            at.note(pair.line, LATER)
        elif goal is None:
            at.say(pair.line, f"no such objective{instead(pair.key, GOALS)}")
        else:
            try:
                found[pair.key] = _objective(goal, pair, at)
            except Refused:
                continue
    return found


def _objective(goal: Goal, pair: Pair, at: At) -> Objective:
    builder, node = Builder(), pair.node
    if isinstance(node, Scalar):
        return Objective(goal, _positive(builder.convert(goal.type, node, at), node, at), {})
    default, values = None, dict[str, float]()
    for one in entries(node, at).pairs:
        here = at.child(one.key)
        if one.key == "default":
            default = _positive(builder.convert(goal.type, one.node, here), one.node, here)
        elif one.key == goal.plural:
            for each in entries(one.node, here).pairs:
                there = here.child(each.key)
                value = builder.convert(goal.type, each.node, there)
                values[each.key] = _positive(value, each.node, there)
        else:
            here.say(one.line, f"no such key{instead(one.key, ('default', goal.plural))}")
    return Objective(goal, default, values)


def _positive(value: float, node: Node, at: At) -> float:
    if value <= 0:
        raise at.refuse(node.line, "an objective is above 0")
    return value


def _merge_objectives(
    under: Mapping[str, Objective], over: Mapping[str, Objective]
) -> dict[str, Objective]:
    merged = {**under, **over}
    for name in under.keys() & over.keys():
        default = over[name].default
        if default is None:
            default = under[name].default
        values = {**under[name].values, **over[name].values}
        merged[name] = replace(over[name], default=default, values=values)
    return merged


def own_metrics(part: Raw | None) -> dict[str, Family]:
    """`{shop_orders_total: {type: counter, help: Orders taken., labels: [country]}}`."""
    builder = Builder(scalars=TEXTS)
    found = {}
    for pair, at in part.pairs() if part else ():
        try:
            found[pair.key] = _own_metric(pair, builder.build(OwnMetric, pair.node, at), at)
        except Refused:
            continue
    return found


def _own_metric(pair: Pair, metric: OwnMetric, at: At) -> Family:
    for wrong in _name_faults(pair.key, metric):
        at.say(pair.line, wrong)
    mapping = entries(pair.node, at)
    for label in metric.labels:
        if label in RESERVED_LABELS or label.startswith("__"):
            at.child("labels").say(mapping.line_of("labels"), f"the label {label} is reserved")
    if len(set(metric.labels)) < len(metric.labels):
        at.child("labels").say(mapping.line_of("labels"), "a label stands here twice")
    if metric.buckets and metric.type != "histogram":
        at.child("buckets").say(mapping.line_of("buckets"), "only a histogram has buckets")
    if list(metric.buckets) != sorted(set(metric.buckets)):
        at.child("buckets").say(mapping.line_of("buckets"), "must ascend")
    buckets = (metric.buckets or JOB_BUCKETS) if metric.type == "histogram" else ()
    return Family(pair.key, metric.type, metric.help, metric.labels, buckets=buckets)


def _name_faults(name: str, metric: OwnMetric) -> Iterator[str]:
    if not METRIC.fullmatch(name):
        yield "a metric's name has letters, digits and '_', no digit first"
    if name.startswith(RESERVED_PREFIXES):
        yield f"the prefixes {' and '.join(RESERVED_PREFIXES)} are sidewatch's own"
    if name.endswith(RESERVED_ENDINGS):
        yield f"the endings {', '.join(RESERVED_ENDINGS)} have a meaning of their own"
    if (metric.type == "counter") != name.endswith("_total"):
        yield "a counter's name ends in _total, and no other's does"
