"""Inference: from an expression to what is known of its value, leaf by leaf."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from exporter.lint.flow import Flow
from exporter.lint.labels import NONE, Labels
from exporter.lint.matching import matched
from exporter.lint.metrics import Metric
from exporter.lint.patterns import fits
from exporter.lint.span import ANYTHING, POSITIVE, UNIT, Span
from exporter.promql import (
    Aggregate,
    Binary,
    Call,
    Matcher,
    Negative,
    Number,
    Selector,
    Subquery,
    Text,
    Tree,
)

RISES = frozenset({"rate", "irate", "increase"})
SLOPES = frozenset({"delta", "idelta", "deriv"})
SORTS = frozenset({"sort", "sort_desc", "sort_by_label", "sort_by_label_desc"})
KEEPING = frozenset({"abs", "ceil", "floor", "round", "clamp", "clamp_min", "clamp_max"})
LIKE_SAMPLES = frozenset(
    f"{kind}_over_time" for kind in ("avg", "min", "max", "last", "quantile", "first")
)
COUNTING = frozenset({"changes", "resets"})
PICKING = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})
ADDING = frozenset({"seconds", "bytes"})  # units of which a sum is one, too
INSTANCE = "instance"

Known = Callable[[Selector], Metric | Flow]


class Inference:
    """Answers `flow(expression)`; keeps its answers. `known` knows metrics and recorded series."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._flows: dict[Tree, Flow] = {}

    def flow(self, tree: Tree) -> Flow:
        """What is known of the value of `tree`."""
        found = self._flows.get(tree)
        if found is None:
            found = self._flows[tree] = self._flow(tree)
        return found

    def _flow(self, tree: Tree) -> Flow:
        match tree:
            case Number():
                return Flow(span=Span(tree.value, tree.value), scalar=True)
            case Text():
                return Flow(scalar=True)
            case Selector():
                return self._selected(tree)
            case Negative():
                inner = self.flow(tree.operand)
                return replace(inner.bare(), span=inner.span.negative(), apart=frozenset())
            case Subquery():
                return self.flow(tree.operand)
            case Aggregate():
                return self._aggregated(tree)
            case Binary():
                return matched(tree, self.flow(tree.left), self.flow(tree.right))
        return self._called(tree)

    def _selected(self, tree: Selector) -> Flow:
        known = self._known(tree)
        labels = _narrowed(known.labels, tree.matchers)
        pinned = frozenset(each.label for each in tree.matchers if each.operator == "=")
        if isinstance(known, Flow):
            return replace(known, labels=labels, pinned=known.pinned | pinned)
        return Flow(
            labels,
            known.span,
            known.kind,
            known.unit,
            guessed=known.guessed,
            conditional=tree.metric.startswith("ALERTS"),
            apart=frozenset({known}) if known.scope else frozenset(),
            pinned=pinned,
        )

    def _aggregated(self, tree: Aggregate) -> Flow:
        inner = self.flow(tree.operand)
        if tree.operator in PICKING:
            one = tree.parameter == Number(1.0) and not tree.without
            return replace(inner, key=frozenset(tree.labels)) if one else inner
        labels = inner.labels.without(tree.labels) if tree.without else inner.labels.by(tree.labels)
        apart = inner.apart if labels.can(INSTANCE) else frozenset[Metric]()
        # What one process counts starts anew all at once: its sum is still a counter.
        summed = inner.summed or not labels.can(INSTANCE)
        flow = replace(inner, labels=labels, apart=apart, constant=False, key=None, summed=summed)
        match tree.operator:
            case "min" | "max" | "avg" | "quantile":
                return flow
            case "sum":
                unit = flow.unit if flow.unit in ADDING else None
                return replace(flow, span=flow.span.summed(), unit=unit)
            case "count":
                return replace(flow.bare(), span=Span(low=1.0), kind="gauge")
            case "group":
                return replace(flow.bare(), span=Span(1.0, 1.0))
            case "count_values":
                name = tree.parameter.value if isinstance(tree.parameter, Text) else ""
                return replace(flow.bare(), labels=labels.adding(name), span=Span(low=1.0))
        return replace(flow.bare(), span=POSITIVE)

    def _called(self, tree: Call) -> Flow:
        name, arguments = tree.function, tree.arguments
        if name in {"absent", "absent_over_time"}:
            labels = _equal(arguments[0]) if isinstance(arguments[0], Selector) else NONE
            return Flow(labels, Span(1.0, 1.0), conditional=True)
        if name == "time":
            return Flow(unit="timestamp", span=Span(1e9, 1e11), scalar=True)
        if name == "scalar":
            return Flow(span=self.flow(arguments[0]).span, scalar=True)
        if name == "vector":
            return replace(self.flow(arguments[0]), scalar=False, constant=True)
        vectors = [self.flow(each) for each in arguments if not self.flow(each).scalar]
        inner = vectors[0] if vectors else Flow(constant=True)
        if name in {"label_replace", "label_join"}:
            labels = _relabelled(name, arguments, inner.labels)
            return replace(inner, labels=labels, key=None)
        if name in SORTS:
            return inner
        if name == "info":
            return replace(inner, labels=replace(inner.labels, open=True, lacks=frozenset()))
        return self._computed(name, arguments, inner)

    def _computed(self, name: str, arguments: tuple[Tree, ...], inner: Flow) -> Flow:
        """What a function that changes values gives; labels stay, but for `le` of a quantile."""
        bare = inner.changed()
        if name in {"rate", "irate"}:
            return replace(bare, span=POSITIVE, kind="gauge")
        if name == "increase":
            return replace(bare, span=POSITIVE, kind="gauge", unit=inner.unit)
        if name in COUNTING:
            return replace(bare, span=POSITIVE, kind="gauge")
        if name == "count_over_time":
            return replace(bare, span=Span(low=1.0), kind="gauge")
        if name == "present_over_time":
            return replace(bare, span=Span(1.0, 1.0))
        if name in LIKE_SAMPLES:
            share = name == "avg_over_time" and inner.unit == "truth"
            return replace(inner, unit="ratio") if share else inner
        if name == "sum_over_time":
            return replace(bare, span=inner.span.summed())
        if name == "histogram_quantile":
            return replace(bare, labels=inner.labels.without(["le"]), apart=frozenset())
        if name == "predict_linear":
            return replace(bare, unit=inner.unit)
        if name == "timestamp":
            return replace(bare, unit="timestamp", span=Span(1e9, 1e11))
        if name in KEEPING:
            return self._bounded(name, arguments, inner)
        return bare

    def _bounded(self, name: str, arguments: tuple[Tree, ...], inner: Flow) -> Flow:
        span = inner.span
        bounds = [self.flow(each).span for each in arguments[1:]]
        if name == "abs":
            span = span if span.low >= 0 else POSITIVE
        elif name == "round" and bounds:
            span = POSITIVE if span.low >= 0 else ANYTHING
        elif name in {"ceil", "floor", "round"}:
            span = Span(span.low - 1, span.high + 1) if span not in {UNIT, POSITIVE} else span
        elif name == "clamp_min":
            span = Span(max(span.low, bounds[0].low), max(span.high, bounds[0].high))
        elif name == "clamp_max":
            span = Span(min(span.low, bounds[0].low), min(span.high, bounds[0].high))
        elif name == "clamp":
            span = Span(max(span.low, bounds[0].low), min(span.high, bounds[1].high))
        return replace(inner, span=span, kind=None)


def _narrowed(labels: Labels, matchers: tuple[Matcher, ...]) -> Labels:
    """The labels of what fulfils the matchers; one that must not be empty is there."""
    for each in matchers:
        if each.operator == "=" and not each.value:
            labels = labels.without([each.label])
        elif _demands(each) and labels.can(each.label):
            labels = labels.adding(each.label)
    return labels


def _demands(matcher: Matcher) -> bool:
    """Whether a series without the label does not fulfil the matcher."""
    if matcher.operator in {"=", "!="}:
        return (matcher.operator == "=") == bool(matcher.value)
    empty = fits(matcher.value, "")
    return empty is not None and empty != (matcher.operator == "=~")


def _equal(tree: Selector) -> Labels:
    """What absent() makes labels of: equality matchers, each label once."""
    names = [each.label for each in tree.matchers if each.operator == "=" and each.value]
    others = [each.label for each in tree.matchers if each.operator != "="]
    return Labels(frozenset(name for name in names if names.count(name) == 1) - set(others))


def _relabelled(name: str, arguments: tuple[Tree, ...], labels: Labels) -> Labels:
    texts = [each.value if isinstance(each, Text) else "" for each in arguments]
    target = texts[1]
    if name == "label_join":
        sources = texts[3:]
        surely = any(source in labels.has for source in sources)
        return labels.adding(target, surely=surely)
    replacement, source, pattern = texts[2:5]
    if not replacement:
        return labels.without([target]) if pattern in {"", ".*", "(.*)"} else labels
    whole = pattern in {"(.*)", ".*"} and (source in labels.has or "$" not in replacement)
    return labels.adding(target, surely=whole or (not pattern and source not in labels.has))
