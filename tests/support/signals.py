"""The signals that logs tell of: tests/signals/<id>.yaml into timelines, and what comes of them.

notified   the alert's name and labels that somebody then hears of
settings   of the application in sidewatch.yaml, where the signal needs one
minutes    {near, fault, end}: when what only looks like the fault begins (10), the fault (40), and
           the timeline's end (70)
variants   form: one of the application's in tests/signals/healthy
           notified, minutes: others, for this variant
           beside: warnings of other signals whose fault is a part of this one
           near, fault: {say: [voices], stop: {a voice of health: for how long, or `on`}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.app.assembly import assemble, declare
from exporter.clock import SetClock
from exporter.config import AppPlan, parse, seconds
from exporter.exposition import timeline
from exporter.history import SOURCE, Log, steps
from exporter.model import Cursor
from tests.support.faults import FAULTS, files, told
from tests.support.firing import MINUTE, Firing, Story, fired, story
from tests.support.voices import BEGIN, Phase, Voice, forms, spoken, write

MINUTES = {"near": 10, "fault": 40, "end": 70}
CALM = 10  # minutes between what only looks like the fault and the fault
LONG = 6 * 60  # a timeline of more minutes is scraped and evaluated less often
SCRAPED = {False: 1, True: 2}
EVALUATED = {False: 1, True: 5}


@dataclass(frozen=True)
class Case:
    """One variant of a signal: an application's logs over some hours, and when the fault begins."""

    signal: str
    app: str
    form: str
    notified: Mapping[str, str]
    beside: frozenset[str]
    settings: Mapping[str, Any]
    near: Mapping[str, Any]
    fault: Mapping[str, Any]
    minutes: Mapping[str, int]

    @property
    def alerts(self) -> Sequence[Mapping[str, str]]:
        """Of which one notification tells."""
        return (self.notified,)

    @property
    def name(self) -> str:
        """Told apart from all others."""
        return f"{self.signal}-{self.form}"

    @property
    def long(self) -> bool:
        """Whether it takes so long that fewer looks must do."""
        return self.minutes["end"] > LONG

    def story(self, folder: Path) -> Story:
        """Write the logs, and let sidewatch read them."""
        form = forms(self.app)[self.form]
        near = _phase(self.near, self.minutes["near"], self.minutes["fault"] - CALM)
        fault = _phase(self.fault, self.minutes["fault"], self.minutes["end"])
        end = self.minutes["end"] * MINUTE
        paths = write(folder, form, spoken(form, [near, fault], end))
        plan, clock = self._plan(), SetClock()
        shard = assemble(plan, clock)
        shard.uid = SOURCE
        declare(shard, plan)
        logs = [Log(Cursor(path.name, path.name, "file"), [path.read_bytes()]) for path in paths]
        step = MINUTE * SCRAPED[self.long]
        shown = timeline(steps(shard, clock, logs, step, until=BEGIN + end))
        return story(shown, self.name, BEGIN, self.minutes["end"])

    def _plan(self) -> AppPlan:
        """The application in a configuration; which files it names is nothing to a replay."""
        given: dict[str, Any] = {
            "name": self.name,
            "profile": self.app,
            "logs": [{"files": ["/var/log/*"]}],
        }
        text = json.dumps({"apps": [{**given, **self.settings}]})
        (plan,) = parse(text, Path("sidewatch.yaml"), {}).apps
        return plan


def _phase(given: Mapping[str, Any], begin: int, end: int) -> Phase:
    stop = {
        name: float("inf") if length is True else seconds(length)
        for name, length in given.get("stop", {}).items()
    }
    said = tuple(Voice.of(voice) for voice in given.get("say", ()))
    return Phase(begin * MINUTE, end * MINUTE, said, stop)


def _cases() -> list[Case]:
    """Every variant of every signal that logs tell of."""
    return [
        Case(
            name,
            one["app"],
            variant["form"],
            variant.get("notified", signal["notified"]),
            frozenset(variant.get("beside", ())),
            signal.get("settings", {}),
            variant["near"],
            variant["fault"],
            MINUTES | variant.get("minutes", signal.get("minutes", {})),
        )
        for name, one in FAULTS.items()
        if one["from"] == "logs" and name in files()
        for signal in [told(name)]
        for variant in signal["variants"]
    ]


CASES = _cases()


def outcomes(
    promtool: Path, folder: Path, stories: Mapping[str, Story]
) -> dict[str, Sequence[Firing]]:
    """The alerts that fired over each case, by its name; `folder` is made."""
    found: dict[str, Sequence[Firing]] = {}
    folder.mkdir()
    for long in (False, True):
        some = {name: one for name, one in stories.items() if (one.minutes > LONG) == long}
        if some:
            path = folder / f"rules-{long}.yaml"
            answers = fired(promtool, path, list(some.values()), every=EVALUATED[long])
            found |= dict(zip(some, answers, strict=True))
    return found
