"""Metrics beside the vocabulary: what is said of each in, families out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress

from exporter.config.build import Builder, Raw, entries, instead
from exporter.config.nodes import At, Pair, Refused
from exporter.config.settings import NAME, TEXTS, OwnMetric
from exporter.model import JOB_BUCKETS, Family
from exporter.vocabulary import FAMILIES

RESERVED_LABELS = frozenset({"app", "instance", "job", "le", "quantile"})
RESERVED_PREFIXES = ("watched_", "sidewatch_")
RESERVED_ENDINGS = ("_bucket", "_count", "_created", "_info", "_sum")


class UnreadFamily(Family, frozen=True):
    """A metric that is not right, which was said: it may be named, and nothing is known of it."""


def own_metrics(part: Raw | None) -> dict[str, Family]:
    """`{shop_orders_total: {type: counter, help: Orders taken., labels: [country]}}`."""
    builder = Builder(scalars=TEXTS)
    found: dict[str, Family] = {}
    for pair, at in part.pairs() if part else ():
        said = len(at.complaints)
        with suppress(Refused):
            found[pair.key] = _own_metric(pair, builder.build(OwnMetric, pair.node, at), at)
        if len(at.complaints) > said and pair.key not in FAMILIES:
            found[pair.key] = UnreadFamily(pair.key, "gauge", "")
    return found


def unfit(
    metric: str,
    labels: Collection[str],
    families: Mapping[str, Family],
    kinds: Collection[str],
    given: str,
    by: str,
) -> str | None:
    """What is wrong with a metric of values with these labels, beside the one that is `given`."""
    family = families.get(metric)
    if family is None:
        return f"no such metric: {metric}{instead(metric, families)}; declare it under `metrics:`"
    if isinstance(family, UnreadFamily):
        return None
    if family.kind not in kinds or family.scope == "own":
        return f"{metric} is not set by {by}"
    missing = [name for name in family.labels if name not in (*labels, given)]
    if missing:
        return f"lacks the labels of {metric}: {', '.join(missing)}"
    unknown = [name for name in labels if name not in family.labels]
    return f"{metric} has no label {', '.join(unknown)}" if unknown else None


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
    if not NAME.fullmatch(name):
        yield "a metric's name has letters, digits and '_', no digit first"
    if name.startswith(RESERVED_PREFIXES):
        yield f"the prefixes {' and '.join(RESERVED_PREFIXES)} are sidewatch's own"
    if name.endswith(RESERVED_ENDINGS):
        yield f"the endings {', '.join(RESERVED_ENDINGS)} have a meaning of their own"
    if (metric.type == "counter") != name.endswith("_total"):
        yield "a counter's name ends in _total, and no other's does"
