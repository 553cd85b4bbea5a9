"""What is known of a metric by its name: type, labels, values, unit, how instances go together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Literal

from exporter.lint.labels import ANY, Labels
from exporter.lint.span import ANYTHING, POSITIVE, UNIT, Span
from exporter.lint.values import ADDITIVE, CLOSED
from exporter.model import Family, Scope
from exporter.vocabulary import FAMILIES

Kind = Literal["counter", "bucket", "gauge"]
Unit = Literal["seconds", "timestamp", "bytes", "ratio", "percent", "truth"]

# A scrape gives these to every series; a recorded series need not have them.
SCRAPED = frozenset({"job", "instance"})
COUNTS = re.compile(r"_total$")
# What is total and goes down again, whatever the ending says.
UNCOUNTED = re.compile(
    r"_(?:offline|online|available|free|used|active|inactive|pending|running|healthy|unhealthy|up"
    r"|down|capacity|limit|incidents|not_backed_up|memory|size|waiting|blocked|queued|open"
    r"|unapplied|pending_requests?)_total$"
)
# A largest, an oldest, a configured one is never counted up; nor is a share or a moment.
GAUGES = re.compile(
    r"_(?:max|min|avg|mean|median|current|oldest|longest|newest|latest)_"
    r"|_(?:timestamp|timestamp_seconds|ratio|percent|percentage|info|celsius|volts)$"
    r"|^pg_settings_|^pg_stat_activity_(?!.*_total$)"
)
# Counters whose names do not say so; types as their exporters print them.
COUNTERS = re.compile(
    r"^pg_stat_(?:database_(?:blks_|xact_|tup_|deadlocks|conflicts|temp_)"
    r"|bgwriter_|user_tables_(?:n_tup_(?:ins|upd|del|hot)|seq_|idx_))"
    r"|^mysql_global_status_(?:questions|queries|slow_queries|connections|aborted_)"
    r"|^redis_(?:keyspace_hits|keyspace_misses)_total"
)
# 1 while something is well.
HEALTH = re.compile(r"(?:^|_)(?:up|probe_success|healthy|success|ready)$")
ONE = re.compile(r"^1;|^Always 1\b|^1 for each\b")
TRUTH = re.compile(r"\b1 (?:while|if|for|where|when)\b")
DEFAULT = re.compile(r"; ([0-9.]+)(?: \([^)]*\))? where it is not set")
UNITS: tuple[tuple[str, Unit], ...] = (
    (r"_timestamp(?:_seconds)?$|_(?:start|boot)_time_seconds$|_cert_expiry$", "timestamp"),
    (r"_seconds$", "seconds"),
    (r"_bytes(?:_total)?$", "bytes"),
    (r"_ratio$", "ratio"),
    (r"_percent(?:age)?$", "percent"),
)


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric, as far as it is known; `scope` is None where it is not sidewatch's.

    `default` is what a rule takes where this objective is not set. `additive` gauges are summed up.
    `guessed`: the kind is what the name looks like.
    """

    name: str
    kind: Kind | None = None
    labels: Labels = ANY
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    span: Span = ANYTHING
    unit: Unit | None = None
    scope: Scope | None = None
    default: float | None = None
    additive: bool = False
    guessed: bool = False

    def changed(self) -> Metric:
        """The same, for a value that was calculated from it."""
        return replace(self, span=ANYTHING, unit=None)

    @property
    def healthy_at_one(self) -> bool:
        """Whether 1 says that something is well."""
        return self.span == UNIT and HEALTH.search(self.name) is not None


def guessed(name: str) -> Metric:
    """A metric of which nothing is known but its name."""
    if ":" in name or not name:
        return Metric(name)
    kind: Kind | None = None
    if COUNTERS.search(name) or (COUNTS.search(name) and not UNCOUNTED.search(name)):
        kind = "counter"
    elif name.endswith("_bucket"):
        kind = "bucket"
    elif GAUGES.search(name) or unit_of(name) == "timestamp":
        kind = "gauge"
    return Metric(
        name,
        kind,
        Labels(SCRAPED, open=True),
        span=_span(name, kind),
        unit=unit_of(name),
        guessed=kind is not None and not COUNTERS.search(name),
    )


def unit_of(name: str) -> Unit | None:
    """The unit that a name ends with."""
    return next((unit for ending, unit in UNITS if re.search(ending, name)), None)


def _span(name: str, kind: Kind | None) -> Span:
    if name.endswith("_info"):
        return Span(1.0, 1.0)
    if name == "up" or name.endswith("_up") or name == "probe_success":
        return UNIT
    return POSITIVE if kind in {"counter", "bucket"} else ANYTHING


@cache
def own() -> Mapping[str, Metric]:
    """Sidewatch's own metrics, a histogram's three names each for itself."""
    found = [metric for family in FAMILIES.values() for metric in _family(family)]
    return {metric.name: metric for metric in found}


def _family(family: Family) -> list[Metric]:
    labels = Labels(frozenset({"app", *family.labels}) | SCRAPED)
    if family.kind == "histogram":
        name = family.name
        return [
            Metric(
                f"{name}_bucket", "bucket", labels.adding("le"), span=POSITIVE, scope=family.scope
            ),
            Metric(f"{name}_count", "counter", labels, span=POSITIVE, scope=family.scope),
            Metric(f"{name}_sum", "counter", labels, span=POSITIVE, scope=family.scope),
        ]
    default = DEFAULT.search(family.help)
    return [
        Metric(
            family.name,
            family.kind,
            labels,
            {
                label: CLOSED[key]
                for label in family.labels
                if (key := (family.name, label)) in CLOSED
            },
            _own_span(family),
            "truth" if _own_span(family) == UNIT and _is_truth(family) else unit_of(family.name),
            family.scope,
            float(default[1]) if default else None,
            family.name in ADDITIVE,
        )
    ]


def _is_truth(family: Family) -> bool:
    return TRUTH.search(DEFAULT.sub("", family.help)) is not None


def _own_span(family: Family) -> Span:
    if family.kind == "counter":
        return POSITIVE
    if ONE.search(family.help):
        return Span(1.0, 1.0)
    if _is_truth(family) or family.name.endswith("_ratio"):
        return UNIT
    return ANYTHING if "skew" in family.name or "field" in family.name else POSITIVE


@cache
def well_known() -> Mapping[str, Metric]:
    """What Prometheus itself makes."""
    scraped = Labels(SCRAPED, open=True)
    alerts = Labels(frozenset({"alertname", "alertstate"}), open=True)
    return {
        "up": Metric("up", "gauge", scraped, span=UNIT, unit="truth"),
        "ALERTS": Metric(
            "ALERTS", "gauge", alerts, {"alertstate": ("firing", "pending")}, Span(1.0, 1.0)
        ),
        "ALERTS_FOR_STATE": Metric(
            "ALERTS_FOR_STATE",
            "gauge",
            Labels(frozenset({"alertname"}), open=True),
            unit="timestamp",
        ),
        **{
            name: Metric(name, "gauge", scraped, span=POSITIVE, unit=unit_of(name))
            for name in (
                "scrape_duration_seconds",
                "scrape_timeout_seconds",
                "scrape_samples_scraped",
                "scrape_samples_post_metric_relabeling",
                "scrape_series_added",
                "scrape_sample_limit",
                "scrape_body_size_bytes",
            )
        },
    }
