"""A plan of an application into its shard: registry, rules, objectives."""

from __future__ import annotations

import secrets
from zoneinfo import ZoneInfo

from exporter.clock import Clock
from exporter.config import AppPlan, Objective
from exporter.engine.plan import compile_rules
from exporter.exposition import spelled_bound
from exporter.model import Series
from exporter.registry import Registry
from exporter.shard import Shard
from exporter.sources import AskingSource, LogSource
from exporter.sources.containers import Daemon
from exporter.sources.disk import Watch
from exporter.sources.postgres import Database
from exporter.sources.probes import Prober


def assemble(plan: AppPlan, clock: Clock, *, replaying: bool = False) -> Shard:
    """The shard of an application, empty; its saved state is loaded into it afterwards."""
    registry = Registry((("app", plan.name), *sorted(plan.labels.items())))
    subjects: dict[str, list[Objective]] = {}
    for objective in plan.objectives.values():
        subjects.setdefault(objective.goal.subject, []).append(objective)

    def follow(series: Series) -> None:
        for objective in subjects.get(series.family.name, ()):
            _show_objective(registry, plan, objective, series)

    registry.on_create = follow
    return Shard(
        plan.name,
        registry,
        compile_rules(plan.rules, plan.families),
        ZoneInfo(plan.rules.timezone),
        clock,
        plan.families,
        replaying=replaying,
    )


def declare(shard: Shard, plan: AppPlan) -> None:
    """Show what is known without reading anything; after the saved state has been loaded."""
    now = shard.clock.now()
    shard.uid = shard.uid or secrets.token_hex(8)
    put, families = shard.registry.put, plan.families
    put(families["sidewatch_app_info"], (plan.profile, shard.uid), now, 1.0)
    for objective in plan.objectives.values():
        if not objective.goal.subject:
            for way, value in objective.values.items():
                put(families[objective.goal.metric], way, now, value)
    for host in plan.idle_hosts:
        put(families["watched_upstream_idle"], (host,), now, 1.0)
    for name, seconds in shard.plan.heartbeats.items():
        put(families["watched_heartbeat_interval_seconds"], (name,), now, seconds)
    for placed in plan.logs:
        every = placed.source.interval
        if every is not None:
            labels = (placed.source.name,)
            put(families["sidewatch_source_interval_seconds"], labels, now, every)


def sources(plan: AppPlan) -> list[LogSource | AskingSource]:
    """All that an application is watched by."""
    asking: list[AskingSource] = [] if plan.postgres is None else [Database(plan.postgres)]
    asking += [] if plan.containers is None else [Daemon(plan.containers)]
    asking += [Watch(entry) for entry in plan.files]
    if plan.probing.probes is not None:
        asking.append(Prober(plan.probing.probes))
    if plan.probing.certificates is not None:
        asking.append(plan.probing.certificates)
    if plan.brokers is not None:
        asking.append(plan.brokers)
    return [*(placed.source for placed in plan.logs), *asking]


def _show_objective(
    registry: Registry, plan: AppPlan, objective: Objective, series: Series
) -> None:
    """Give a new subject its objective, so that a rule's join is never empty."""
    subject = dict(zip(series.family.labels, series.labels, strict=True))
    value = objective.of(*(subject[name] for name in objective.goal.by))
    if value is None:
        return
    subject["le"] = spelled_bound(value)
    family = plan.families[objective.goal.metric]
    labels = tuple(subject[name] for name in family.labels)
    registry.put(family, labels, series.created, value)
