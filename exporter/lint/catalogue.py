"""All metrics that rules may read: sidewatch's, Prometheus's, recorded ones, an operator's own."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from exporter.lint.files import Rule
from exporter.lint.flow import Flow
from exporter.lint.infer import Inference
from exporter.lint.labels import ANY, Labels
from exporter.lint.matching import either
from exporter.lint.metrics import SCRAPED, Kind, Metric, guessed, own, well_known
from exporter.promql import Selector, Tree

OWN = re.compile(r"^(?:watched|sidewatch)_|:(?:watched|sidewatch)_")
TYPE = re.compile(r"#\s*TYPE\s+(\S+)\s+(\w+)")
SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+\S+")
LABEL = re.compile(r"([a-zA-Z_]\w*)=\"(?:[^\"\\]|\\.)*\"")
LISTED = re.compile(r"[a-zA-Z_:][\w:]*")
KINDS: Mapping[str, tuple[tuple[str, Kind], ...]] = {
    "counter": (("", "counter"), ("_total", "counter")),
    "gauge": (("", "gauge"),),
    "histogram": (("_bucket", "bucket"), ("_count", "counter"), ("_sum", "counter")),
    "summary": (("", "gauge"), ("_count", "counter"), ("_sum", "counter")),
}


class Listed(Struct, frozen=True):
    """What an operator's file tells of metrics: those that there are, by name."""

    metrics: Mapping[str, Metric]


def listed(text: str) -> Listed:
    """Read a text exposition, or a list of names, one a line."""
    kinds: dict[str, Kind] = {}
    labels: dict[str, frozenset[str]] = {}
    for line in text.splitlines():
        if found := TYPE.match(line):
            endings = KINDS.get(found[2], (("", None),))
            kinds |= {found[1] + ending: kind for ending, kind in endings if kind}
        elif found := SAMPLE.match(line):
            seen = frozenset(LABEL.findall(found[2] or ""))
            labels[found[1]] = labels.get(found[1], frozenset()) | seen
        elif found := LISTED.fullmatch(line.strip()):
            labels.setdefault(found[0], frozenset())
    shown = bool(kinds) or any(labels.values())
    return Listed(
        {
            name: _described(name, kinds.get(name), labels.get(name) if shown else None)
            for name in kinds.keys() | labels.keys()
        }
    )


def _described(name: str, kind: Kind | None, labels: frozenset[str] | None) -> Metric:
    guess = guessed(name)
    if labels is None:
        return guess if kind is None else dataclasses.replace(guess, kind=kind, guessed=False)
    known = dataclasses.replace(guess, labels=Labels(SCRAPED, maybe=labels - SCRAPED))
    return known if kind is None else dataclasses.replace(known, kind=kind, guessed=False)


class Catalogue:
    """Knows metrics by name, and expressions by what they are made of."""

    def __init__(
        self, rules: Iterable[Rule], given: Listed | None = None, extra: Iterable[str] = ()
    ) -> None:
        self._records: dict[str, list[Rule]] = {}
        for rule in rules:
            if not rule.is_alert and rule.tree is not None:
                self._records.setdefault(rule.name, []).append(rule)
        self._given = dict(given.metrics) if given else {}
        self._complete = given is not None
        self._metrics = {**well_known(), **self._given, **own()}
        self._extra = frozenset(extra)
        self._busy: set[str] = set()
        self._inference = Inference(self.known)

    def flow(self, tree: Tree) -> Flow:
        """What is known of the value of an expression."""
        return self._inference.flow(tree)

    def known(self, selector: Selector) -> Metric | Flow:
        """The metric, or what is recorded under its name."""
        if selector.metric in self._records:
            return self._recorded(selector.metric)
        metric = self.metric(selector.metric)
        return dataclasses.replace(metric, labels=metric.labels.adding(*self._extra, surely=False))

    def metric(self, name: str) -> Metric:
        """What is known of a metric that is not recorded, if only by its name."""
        return self._metrics.get(name) or guessed(name)

    def is_recorded(self, name: str) -> bool:
        """Whether a rule records it."""
        return name in self._records

    def is_missing(self, name: str) -> bool:
        """Whether it should be known and is not."""
        if not name or name in self._records or name in self._metrics:
            return False
        return self._complete or OWN.search(name) is not None

    def like(self, name: str) -> str | None:
        """A name that there is and that looks much the same."""
        names = [*self._metrics, *self._records]
        return next(iter(difflib.get_close_matches(name, names, 1, 0.8)), None)

    def _recorded(self, name: str) -> Flow:
        if name in self._busy:
            return Flow(labels=ANY)
        self._busy.add(name)
        flows = [self._one(rule) for rule in self._records[name]]
        self._busy.discard(name)
        found = flows[0]
        for flow in flows[1:]:
            found = either(found, flow)
        return found

    def _one(self, rule: Rule) -> Flow:
        assert rule.tree is not None  # noqa: S101 - only such rules are kept
        flow = self.flow(rule.tree)
        return replace(flow, labels=flow.labels.adding(*rule.labels), scalar=False)
