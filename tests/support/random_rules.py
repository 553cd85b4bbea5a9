"""Rules drawn by chance, as no profile would have them, over the fields that hostile lines have.

Few rules for the most part: where none of them leaves a line to the exact reading, the fast paths
take most of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Literal

from exporter.engine.rules import (
    Count,
    Drain,
    Event,
    Label,
    LogRule,
    LogRules,
    Observe,
    Set,
    Unit,
    Where,
)
from exporter.engine.template import template
from exporter.gauges import Aggregate
from tests.support.wide_rules import OWN

FIELDS = (
    "kind", "took", "size", "ok", "who", "status", "a.b", "note", "x", "x.b.c", "level", "msg",
    "message", "service", "exception", "logger", "request_id", "process", "pid", "client", "method",
    "path", "query", "category", "event_id", "server", "connection", "remote_addr", "err.type",
)  # fmt: skip
MESSAGES = (
    "Job done", "Job 5 done", "Task ended", "Cache", "x", "", "Step 1: ready", "Job {*}", "{*}",
    "Job {what} done", "{what} done", "Step {n:number}: {*}", "{a} {b}", "{kind} {*}", "{n:number}",
    "Request {*} in {n:number} ms", "GET /{path}", "{*}: {*}", "{status} {*}", "{*}o{x}e",
    "{logger} done", "Job {took:number} {*}", "{level} done", "{service} {*}",
)  # fmt: skip
EXCEPTIONS = ("ValueError: {*}", "{type}: {*}", "{*}", "KeyError: {n}", "{kind}: {*}", "{*}no")
FORMATS = ("jsonlines", "keyvalue", "dotnet", "uvicorn", "nginx", "python_text", "text")
TEXTS = (
    "a", "b", "1", "1.0", "0", "5", "-3", "true", "200", "app.jobs", "two words", "", "a*", "t*",
    "1*", "*", "GET", "info", "none", "INFO*", "service",
)  # fmt: skip
UNITS: tuple[Unit, ...] = ("s", "ms", "us", "1")
AGGREGATES: tuple[Aggregate, ...] = ("last", "min", "max", "sum")
STEPS: tuple[Literal["begin", "extend", "end", "abort"], ...] = ("begin", "extend", "end", "abort")
HEARTBEATS = {"jobs": 60.0, "requests": 3600.0}


class Drawn:
    """One draw of rules. Each gauge is gathered in one way, as profiles have to."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._fields = dice.sample(FIELDS, dice.randrange(2, 7))
        self._gauges = {
            family.name: (dice.choice(AGGREGATES), dice.random() < 0.3)
            for family in OWN.values()
            if family.kind == "gauge"
        }

    def rules(self) -> LogRules:
        """A few rules, or so many like each other that they are found and not tried."""
        dice = self._dice
        messages = dice.choices((None, None, *MESSAGES), k=dice.choice((1, 1, 2, 3, 12)))
        count = dice.choice((1, 1, 2, 3, 4, 7, 14, 40))
        return LogRules(tuple(self._rule(dice.choice(messages)) for _ in range(count)), HEARTBEATS)

    def _rule(self, message: str | None) -> LogRule:
        dice = self._dice
        exception = dice.choice(EXCEPTIONS) if self._is(0.1) else None
        names = [gap.name for text in (message, exception) if text for gap in template(text).gaps]
        gaps = [name for name in names if name]
        return LogRule(
            message=message,
            exception=exception,
            format=dice.choice(FORMATS) if self._is(0.12) else None,
            level=tuple(dice.sample(("info", "error", "warning"), 2)) if self._is(0.15) else (),
            where=tuple(self._where(gaps) for _ in range(dice.choice((0, 1, 1, 2)))),
            count=tuple(self._count(gaps) for _ in range(dice.choice((1, 1, 2)))),
            observe=(self._observe(gaps),) if self._is(0.25) else (),
            set=(self._set(gaps),) if self._is(0.25) else (),
            event=Event("drawn", "ticket") if self._is(0.08) else None,
            heartbeat=dice.choice((*HEARTBEATS,)) if self._is(0.08) else None,
            drain=self._drain(gaps) if self._is(0.05) else None,
        )

    def _is(self, share: float) -> bool:
        return self._dice.random() < share

    def _field(self, gaps: list[str]) -> str:
        return self._dice.choice(gaps if gaps and self._is(0.4) else self._fields)

    def _labels(self, metric: str, gaps: list[str]) -> Mapping[str, Label]:
        return {name: self._label(gaps) for name in OWN[metric].labels if name != "service"}

    def _label(self, gaps: list[str]) -> Label:
        dice = self._dice
        if self._is(0.1):
            return Label(value="any")
        default = dice.choice(("none", "none", None, ""))
        drawn = {dice.choice(TEXTS): dice.choice(("A", "B", "")) for _ in range(2)}
        shown = drawn if self._is(0.2) else None
        return Label(field=self._field(gaps), default=default, map=shown, lower=self._is(0.15))

    def _where(self, gaps: list[str]) -> Where:
        dice = self._dice
        values = tuple(dice.choices(TEXTS, k=dice.randrange(1, 4)))
        none_of = tuple(dice.choices(TEXTS, k=2)) if self._is(0.3) else ()
        least = dice.choice((0.0, 1.0, -3.0)) if self._is(0.2) else None
        most = dice.choice((1.0, 200.0, 1e9)) if self._is(0.2) else None
        if self._is(0.3) and (none_of or least is not None or most is not None):
            values = ()
        return Where(self._field(gaps), values=values, none_of=none_of, min=least, max=most)

    def _count(self, gaps: list[str]) -> Count:
        metric = self._metric("counter")
        by = self._field(gaps) if self._is(0.25) else None
        return Count(metric, self._labels(metric, gaps), by)

    def _observe(self, gaps: list[str]) -> Observe:
        metric = self._metric("histogram")
        exemplar = self._field(gaps) if self._is(0.6) else None
        unit = self._dice.choice(UNITS)
        return Observe(metric, self._field(gaps), self._labels(metric, gaps), unit, exemplar)

    def _set(self, gaps: list[str]) -> Set:
        metric = self._metric("gauge")
        aggregate, per_stream = self._gauges[metric]
        labels = self._labels(metric, gaps)
        return Set(metric, self._field(gaps), labels, aggregate=aggregate, per_stream=per_stream)

    def _drain(self, gaps: list[str]) -> Drain:
        step = self._dice.choice(STEPS)
        return Drain(step, self._field(gaps) if self._is(0.5) else None)

    def _metric(self, kind: str) -> str:
        return self._dice.choice([one.name for one in OWN.values() if one.kind == kind])
