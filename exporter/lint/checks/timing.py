"""Checks of time: ranges, `for`, intervals, offsets, moments."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.lint.checking import Check, Found, Subject
from exporter.promql import Binary, Call, Selector, Subquery

LONGEST_INTERVAL = 300.0  # after that, series of a group are stale between two evaluations


def _short_range(subject: Subject) -> Iterator[Found]:
    least = subject.settings.shortest_range
    for node in subject.selectors:
        if node.range is not None and node.range < least:
            yield Found(
                f"[{spelled(node.range)}] holds too few samples to survive one lost scrape;"
                f" {spelled(least)} at the least",
                f"[{spelled(node.range)}]",
            )


def _short_for(subject: Subject) -> Iterator[Found]:
    interval = subject.rule.interval or subject.settings.interval
    if 0 < subject.rule.hold < interval:
        yield Found(
            f"for {spelled(subject.rule.hold)} is shorter than the {spelled(interval)} between two"
            " evaluations, so it means twice that long or nothing; write a multiple",
            key="for",
        )


def _interval(subject: Subject) -> Iterator[Found]:
    interval = subject.rule.interval
    if interval is not None and interval > LONGEST_INTERVAL:
        yield Found(
            f"its group is evaluated every {spelled(interval)}; after 5m without a sample a series"
            " is gone, so what is recorded or pending has gaps"
        )


def _absent(subject: Subject) -> Iterator[Found]:
    """absent() is true for the moment of each restart of Prometheus or of what it watches."""
    interval = subject.rule.interval or subject.settings.interval
    for node in subject.path:
        if (
            isinstance(node, Call)
            and node.function == "absent"
            and subject.rule.hold < 2 * interval
        ):
            yield Found(
                f"absent() without a for of {spelled(2 * interval)} at the least fires at each"
                " restart and lost scrape",
                "absent",
            )


def _keep(subject: Subject) -> Iterator[Found]:
    rule = subject.rule
    if not rule.is_alert or rule.labels.get("severity") != "critical" or rule.keep:
        return
    for node in subject.path:
        if not (isinstance(node, Binary) and node.filters and isinstance(node.left, Selector)):
            continue
        if subject.flow(node.left).kind != "counter":
            yield Found(
                "a critical alert on a gauge as it stands resolves at one good sample and pages"
                " again at the next bad one; give it keep_firing_for",
                node.left.metric,
            )


def _moment(subject: Subject) -> Iterator[Found]:
    for node in subject.nodes:
        if isinstance(node, Selector | Subquery):
            if node.fixed:
                yield Found("@ holds a rule to one moment, so it never changes; leave it out", "@")
            elif node.offset < 0:
                yield Found("a negative offset asks for what has not been scraped yet", "offset")


def spelled(seconds: float) -> str:
    """A duration as Prometheus spells it."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


CHECKS = (
    Check("range-short", "warning", "a range that one lost scrape leaves empty", _short_range),
    Check("for-short", "warning", "a for that is shorter than the evaluation interval", _short_for),
    Check("group-interval", "warning", "a group that is evaluated too seldom", _interval),
    Check("absent-for", "warning", "absent() that fires at each restart", _absent),
    Check("keep-firing", "warning", "a critical alert that flaps", _keep, optional=True),
    Check("moment", "error", "an @ or a negative offset in a rule", _moment),
)
