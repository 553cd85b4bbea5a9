"""What a dashboard is made of, before Grafana's own words for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["stat", "timeseries", "bargauge", "table"]
Tone = Literal["ok", "warn", "bad", "calm", "quiet"]
Step = tuple[float, Tone]
Word = tuple[int, str, Tone]  # a value, what it is called, and how that is

MATCHERS = re.compile(r"<(\w+(?: \w+)*)>")
SHORTHAND: Mapping[str, tuple[str, ...]] = {
    "ours": ("app", "job", "instance"),  # what sidewatch tells of an application
    "targets": ("job", "instance"),  # what has no application
}
MANY = 24  # units of width
UP: tuple[Word, ...] = ((1, "UP", "ok"), (0, "DOWN", "bad"))


@dataclass(frozen=True, slots=True)
class Query:
    """One question to Prometheus. `<ours queue>` in it are the variables that it is limited by.

    `goal`: an alert's own limit, drawn as a dashed line. `column`: its name in a table.
    """

    text: str
    legend: str = ""
    goal: bool = False
    exemplars: bool = False
    column: str = ""
    unit: str = ""
    tones: Mapping[str, Tone] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    words: tuple[Word, ...] = ()

    @property
    def expression(self) -> str:
        """PromQL, with Grafana's variables."""
        return filled(self.text)


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: what it tells, what is normal, which alerts watch it, and its questions.

    `steps` colour a value from a number on, as the alerts judge it. `link` is the dashboard that a
    click leads to, with the labels named in `carries`. `order` are a table's columns. What may be
    `negative` is not cut off at 0.
    """

    kind: Kind
    title: str
    tells: str
    normal: str
    queries: tuple[Query, ...]
    unit: str = "short"
    alerts: tuple[str, ...] = ()
    width: int = 12
    height: int = 8
    steps: tuple[Step, ...] = ()
    words: tuple[Word, ...] = ()
    stacked: bool = False
    stepped: bool = False
    log: bool = False
    negative: bool = False
    highest: float | None = None
    link: str = ""
    carries: tuple[str, ...] = ("app",)
    order: tuple[str, ...] = ()
    nothing: str = ""  # what a stat says when there is nothing
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading; a folded one is for reference. The first row has no heading."""

    title: str
    panels: tuple[Panel, ...]
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard. `variables` come after those that all have."""

    uid: str
    title: str
    tells: str
    rows: tuple[Row, ...]
    variables: tuple[str, ...] = ()

    @property
    def panels(self) -> Iterator[Panel]:
        """All of them, in their order."""
        for row in self.rows:
            yield from row.panels


def filled(text: str) -> str:
    """The text with `<name ...>` spelled as matchers on Grafana's variables."""

    def matchers(found: re.Match[str]) -> str:
        names = [name for word in found[1].split() for name in SHORTHAND.get(word, (word,))]
        return ", ".join(f'{name}=~"${name}"' for name in names)

    return MATCHERS.sub(matchers, " ".join(text.split()))


def stat(
    title: str,
    tells: str,
    normal: str,
    text: str,
    *,
    unit: str = "short",
    alerts: tuple[str, ...] = (),
    width: int = 4,
    height: int = 4,
    steps: tuple[Step, ...] = (),
    words: tuple[Word, ...] = (),
    link: str = "",
    nothing: str = "",
    decimals: int | None = None,
) -> Panel:
    """One number, or one word."""
    return Panel(
        "stat",
        title,
        tells,
        normal,
        (Query(text, title),),
        unit,
        alerts,
        width,
        height,
        steps,
        words,
        link=link,
        nothing=nothing,
        decimals=1 if decimals is None and unit == "percentunit" else decimals,
    )


def lines(
    title: str,
    tells: str,
    normal: str,
    *queries: Query,
    unit: str = "short",
    alerts: tuple[str, ...] = (),
    width: int = 12,
    height: int = 8,
    steps: tuple[Step, ...] = (),
    words: tuple[Word, ...] = (),
    stacked: bool = False,
    stepped: bool = False,
    log: bool = False,
    negative: bool = False,
    highest: float | None = None,
) -> Panel:
    """Values over time."""
    return Panel(
        "timeseries",
        title,
        tells,
        normal,
        queries,
        unit,
        alerts,
        width,
        height,
        steps,
        words,
        stacked=stacked,
        stepped=stepped,
        log=log,
        negative=negative,
        highest=highest,
    )


def bars(
    title: str,
    tells: str,
    normal: str,
    query: Query,
    *,
    unit: str = "short",
    alerts: tuple[str, ...] = (),
    width: int = 12,
    height: int = 8,
    steps: tuple[Step, ...] = (),
    highest: float | None = None,
) -> Panel:
    """The newest values beside each other."""
    return Panel(
        "bargauge",
        title,
        tells,
        normal,
        (query,),
        unit,
        alerts,
        width,
        height,
        steps,
        highest=highest,
    )


def table(
    title: str,
    tells: str,
    normal: str,
    *queries: Query,
    order: tuple[str, ...] = (),
    unit: str = "short",
    alerts: tuple[str, ...] = (),
    width: int = 24,
    height: int = 8,
    link: str = "",
    carries: tuple[str, ...] = ("app",),
) -> Panel:
    """A line for each thing, newest values only."""
    return Panel(
        "table",
        title,
        tells,
        normal,
        queries,
        unit,
        alerts,
        width,
        height,
        link=link,
        carries=carries,
        order=order,
    )
