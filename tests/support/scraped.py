"""The signals that an application's own metrics tell: what /metrics says, scraped every minute.

A signal's file has `scraped` in place of `variants`; near and fault change, by target and series,
how much a counter rises a minute and what a gauge is: for all of the time, or minute by minute, of
which the last holds on. A counter that health does not have is born with its first increment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.support import yamls
from tests.support.faults import FAULTS, told
from tests.support.firing import Story
from tests.support.signals import CALM, MINUTES
from tests.support.voices import HEALTHY

Change = float | Sequence[float]


@dataclass(frozen=True)
class Scraped:
    """One way in which an application tells of a signal, and when the fault begins."""

    signal: str
    app: str
    form: str
    notified: Mapping[str, str]
    beside: frozenset[str]
    near: Mapping[str, Mapping[str, Change]]
    fault: Mapping[str, Mapping[str, Change]]
    minutes: Mapping[str, int]

    @property
    def alerts(self) -> Sequence[Mapping[str, str]]:
        """Of which one notification tells."""
        return (self.notified,)

    @property
    def name(self) -> str:
        """Told apart from all others."""
        return f"{self.signal}-{self.form}"

    def story(self, _: Path) -> Story:
        """Scrape both processes as targets that carry the application's name."""
        series: dict[str, list[float | None]] = {}
        for target, well in _healthy(self.app).items():
            for minute, text in enumerate(self._pages(target, well)):
                for name, value in _samples(text, self.name, target):
                    values = series.setdefault(name, [])
                    values += [None] * (minute - len(values))
                    values.append(value)
        return Story(self.name, self.minutes["end"], series)

    def _pages(self, target: str, well: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
        """What the target answers, minute by minute."""
        totals = dict.fromkeys(well["rises"], 1000.0)
        for minute in range(self.minutes["end"] + 1):
            now = {**well["rises"], **well["is"], **self._changes(target, minute)}
            for name in now.keys() - well["is"].keys():
                if name in totals or now[name]:
                    totals[name] = totals.get(name, 0.0) + now[name]
            shown = totals | {name: now[name] for name in well["is"]}
            yield "".join(f"{name} {value!r}\n" for name, value in shown.items())

    def _changes(self, target: str, minute: int) -> dict[str, float]:
        """What is not as ever in this minute."""
        for begin, end, changes in (
            (self.minutes["near"], self.minutes["fault"] - CALM, self.near),
            (self.minutes["fault"], self.minutes["end"] + 1, self.fault),
        ):
            if begin <= minute < end:
                return {
                    name: change if isinstance(change, int | float) else _at(change, minute - begin)
                    for name, change in changes.get(target, {}).items()
                }
        return {}


def _at(course: Sequence[float], minute: int) -> float:
    return course[min(minute, len(course) - 1)]


@cache
def _healthy(app: str) -> Mapping[str, Any]:
    found: dict[str, Any] = yamls.read((HEALTHY / f"{app}-metrics.yaml").read_text())
    return found


def _samples(text: str, app: str, target: str) -> Iterator[tuple[str, float]]:
    """What Prometheus keeps of a page: each sample, with the labels of its target."""
    given = {"app": app, "instance": target, "job": "agledger"}
    yield _spelled("up", given), 1.0
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            yield _spelled(one.name, {**one.labels, **given}), one.value


def _spelled(name: str, labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{pairs}}}"


def _all() -> list[Scraped]:
    return [
        Scraped(
            name,
            one["app"],
            given["form"],
            signal["notified"],
            frozenset(given.get("beside", ())),
            given["near"],
            given["fault"],
            MINUTES | signal.get("minutes", {}),
        )
        for name, one in FAULTS.items()
        if one["from"] == "native"
        for signal in [told(name)]
        for given in signal["scraped"]
    ]


SCRAPED = _all()
