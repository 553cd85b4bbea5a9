"""Profiles found and merged with what an application's settings add: one plan per application."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from exporter.config.brokers import Others, brokers
from exporter.config.build import Builder, Raw, entries, instead, read_scalar
from exporter.config.containers import containers
from exporter.config.families import own_metrics
from exporter.config.forward import Known, ways
from exporter.config.grammar import Words, declared, limits, rules
from exporter.config.nodes import At, Node, Refused, compose, quote
from exporter.config.objectives import Objective, check_entities, merged, objectives
from exporter.config.postgres import check_rows, postgres
from exporter.config.probes import Probing, probing
from exporter.config.rows import states
from exporter.config.settings import UNREAD, App, PlacedSource, Profile
from exporter.config.texts import SHIPPED, read_text
from exporter.engine.rules import LogRules
from exporter.forward.settings import Way
from exporter.model import Duration, Family
from exporter.sources.containers import Containers
from exporter.sources.disk import Disk
from exporter.sources.postgres import Postgres
from exporter.sources.probes import Brokers
from exporter.vocabulary import FAMILIES
from exporter.vocabulary.sql import ROWS

NOWHERE = Known()


class AppPlan(Struct, frozen=True):
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
    probing: Probing = field(default_factory=Probing)
    brokers: Brokers | None = None
    containers: Containers | None = None
    forward: tuple[Way, ...] = ()


# -- finding ------------------------------------------------------------------------------------


def built_in() -> dict[str, Path]:
    """The profiles that come with sidewatch, by name."""
    folder = SHIPPED / "profiles"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


class Profiles(Struct, frozen=True):
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
            self.read[path] = _read_profile(builder, path, node, at, shipped=not by_path)
        profile = self.read[path]
        if profile is None:
            raise Refused
        return profile


def _read_profile(builder: Builder, path: Path, node: Node, at: At, *, shipped: bool) -> Profile:
    try:
        text = read_text(path)
    except ValueError as error:
        raise at.refuse(node.line, f"the profile {path} {error}") from None
    inside = At(str(path), "", at.complaints, at.notes)
    whole = compose(text, inside, shipped=shipped)
    profile = builder.build(Profile, whole, inside)
    check_rows(profile.postgres, entries(whole, inside), inside)
    return profile


# -- merging ------------------------------------------------------------------------------------


def plan(app: App, labels: Mapping[str, str], base: Path, known: Known = NOWHERE) -> AppPlan:
    """What is to be done for an application; its mistakes go to the complaints of its place.

    Relative paths are taken from the folder `base`. `known` are the destinations of log records.
    """
    profile = app.profile
    own = {**own_metrics(profile.metrics), **own_metrics(app.metrics)}
    families = {**FAMILIES, **own}
    asked = objectives(app.objectives)
    aims = merged(objectives(profile.objectives), asked)
    words = Words(
        {name: family for name, family in families.items() if family.scope != "own"},
        {**profile.heartbeats, **app.heartbeats},
        {**app.routes, **{k: v for k, v in profile.routes.items() if k not in app.routes}},
        profile is UNREAD or _unread(app.raw.at),
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
    database = postgres(app.postgres, profile.postgres, families, base)
    if app.objectives is not None and database is not None and not _brings_rows(database):
        check_entities(app.objectives, asked, states(profile.postgres.rows, database.rows))
    probed = probing(profile.probes, app.probes, families, base)
    others = Others(
        aims.get("queue_growth"),
        {check.name for check in probed.checks},
        words.heartbeats,
        {rule.heartbeat for rule in log_rules.rules if rule.heartbeat},
    )
    return AppPlan(
        app.name,
        profile.profile,
        log_rules,
        {name: _bounded(family, aims) for name, family in families.items()},
        aims,
        app.logs,
        {**labels, **app.labels},
        app.idle_hosts,
        database,
        tuple(app.files.values()),
        probed,
        brokers(profile.brokers, app.brokers, others, base),
        containers(app.containers, profile.containers, base),
        ways(app.forward, known),
    )


def _unread(at: At) -> bool:
    """Whether all metrics or heartbeats of the application, or of its profile, were refused."""
    lost = {at.child("metrics").key, at.child("heartbeats").key}
    return any(
        one.key in lost if one.file == at.file else one.key in ("metrics", "heartbeats")
        for one in at.complaints
    )


def _brings_rows(database: Postgres) -> bool:
    """Whether a query of one's own may tell of entities that nothing else knows."""
    names = {
        metric for one in database.queries if one.subject == "custom" for metric in one.metrics
    }
    return not names.isdisjoint(family.name for family in ROWS)


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
        if aim.goal.subject == family.name and aim.goal.type is Duration:
            bounds.update(aim.values.values())
    return replace(family, buckets=tuple(sorted(bounds)))
