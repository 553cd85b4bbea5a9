"""What the rules as they are shipped make of some hours of metrics, by a real promtool.

`promtool test rules` is told what should fire and complains of what did. Here it is told that
nothing should, so its complaints are the answer.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.support import yamls
from tests.support.promql import selectors

RULES = sorted((Path(__file__).parents[2] / "rules").glob("*.yaml"))
MINUTE = 60
# A rule that gives something for nothing; without one, series that are not there move no alert.
OUT_OF_NOTHING = re.compile(r"\b(?:absent|absent_over_time|vector|scalar)\b")
_ANSWER = re.compile(r'expr: "(?:[^"\\]|\\.)*# (\w+) (\d+)", time: .*\n\s+exp: nil\n\s+got: (.*)')
_SAMPLE = re.compile(r'\{((?:[^"{}]|"(?:[^"\\]|\\.)*")*)\} (\S+?)(?:, |$)')
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Story:
    """What an application showed, minute by minute: by series, its values (None: not shown)."""

    app: str
    minutes: int
    series: Mapping[str, Sequence[float | None]]


@dataclass(frozen=True)
class Firing:
    """An alert and the minutes in which it first and last fired."""

    labels: Labels
    first: int
    last: int

    def __getitem__(self, name: str) -> str:
        return dict(self.labels).get(name, "")


def story(text: Iterable[bytes], app: str, begin: float, minutes: int) -> Story:
    """Out of the OpenMetrics that `sidewatch replay` prints with a step of a minute.

    Stamps count from `begin`, since promtool's time does. What no rule reads is left out.
    """
    used = metrics_used()
    series: dict[str, list[float | None]] = {}
    for line in (line for block in text for line in block.decode().splitlines()):
        name = line[: line.find("{")]
        if line[0] == "#" or name not in used:
            continue
        one, value, at = line.rsplit(" ", 2)
        minute = round((float(at) - begin) / MINUTE)
        number = float(value) - begin if name.endswith("_timestamp_seconds") else float(value)
        values = series.setdefault(one, [])
        values += [None] * (minute - len(values))
        values.append(number)
    return Story(app, minutes, series)


def fired(
    promtool: Path, path: Path, stories: Sequence[Story], *, every: int = 1
) -> list[list[Firing]]:
    """The alerts that fire over each story, with the rules evaluated `every` so many minutes.

    Stories of different applications are told side by side, since no rule looks at two.
    """
    order = sorted(range(len(stories)), key=lambda one: -stories[one].minutes)
    beside: list[dict[str, int]] = []
    for one in order:
        app = stories[one].app
        group = next((each for each in beside if app not in each), None)
        if group is None:
            beside.append(group := {})
        group[app] = one
    present = {name.partition("{")[0] for each in stories for name in each.series}
    content = {
        "rule_files": [str(each) for each in moved_by(present)],
        "evaluation_interval": f"{every}m",
        "tests": [_test([stories[one] for one in group.values()], group) for group in beside],
    }
    path.write_text(json.dumps(content))  # JSON is YAML
    return _answers(promtool, path, len(stories))


def moved_by(present: Iterable[str]) -> list[Path]:
    """The files of rules that these metrics can make say something; the others only cost time."""
    known, found = set(present), []
    left = list(RULES)
    while more := [path for path in left if _says_something(path, known)]:
        found += more
        left = [path for path in left if path not in more]
        known |= {rule["record"] for path in more for rule in _rules(path) if "record" in rule}
    return found


@cache
def metrics_used() -> frozenset[str]:
    """The names of all metrics that a rule reads."""
    return frozenset(name for path in RULES for name in _read_by(path))


def _says_something(path: Path, known: Iterable[str]) -> bool:
    return bool(_read_by(path) & set(known)) or any(
        OUT_OF_NOTHING.search(rule["expr"]) for rule in _rules(path)
    )


@cache
def _rules(path: Path) -> tuple[dict[str, Any], ...]:
    groups = yamls.read(path.read_text())["groups"]
    return tuple(rule for group in groups for rule in group["rules"])


@cache
def _read_by(path: Path) -> frozenset[str]:
    return frozenset(one.metric for rule in _rules(path) for one in selectors(rule["expr"]))


def _test(stories: Sequence[Story], group: Mapping[str, int]) -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": [
            {"series": name, "values": _spelled(values, each.minutes)}
            for each in stories
            for name, values in each.series.items()
        ],
        "promql_expr_test": [
            {"expr": f"{question} # {which} {group[each.app]}", "eval_time": f"{each.minutes}m"}
            for each in stories
            for which, question in _questions(each, [one for one in group if one != each.app])
        ],
    }


def _questions(one: Story, beside: Sequence[str]) -> list[tuple[str, str]]:
    """When each alert first and last fired; also one that names no application, or another.

    Not those of the severity none, which are for machines: one of them always fires.
    """
    others = "|".join(beside)
    firing = f'timestamp(ALERTS{{alertstate="firing",severity!="none",app!~"{others}"}})'
    whole = f"[{one.minutes}m:1m]"
    return [
        ("first", f"min_over_time({firing}{whole})"),
        ("last", f"max_over_time({firing}{whole})"),
    ]


def _spelled(values: Sequence[float | None], minutes: int) -> str:
    """Values as promtool wants them. A series that ends is stale at once, as after a scrape."""
    parts: list[str] = []
    for value, run in groupby([*values[: minutes + 1], *[None] * (minutes + 1 - len(values))]):
        length = len(list(run))
        if value is not None:
            parts.append(f"{value!r}+0x{length - 1}" if length > 1 else repr(value))
            continue
        if parts:
            parts.append("stale")
            length -= 1
        parts += [f"_x{length}"] if length else []
    return " ".join(parts)


def _answers(promtool: Path, path: Path, count: int) -> list[list[Firing]]:
    # Each story has a database of its own, in memory and soon gone: collecting costs more than it.
    answer = subprocess.run(
        [promtool, "test", "rules", path],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "GOGC": "400"},
    )
    told = answer.stdout + answer.stderr
    assert answer.returncode == 0 or "FAILED" in told, told
    found: list[dict[str, dict[Labels, int]]] = [defaultdict(dict) for _ in range(count)]
    complaints = _ANSWER.findall(told)
    assert len(complaints) == told.count("expr: "), told
    for which, number, samples in complaints:
        for labels, value in _SAMPLE.findall(samples):
            pairs = frozenset(_LABEL.findall(labels)) - {("alertstate", "firing")}
            found[int(number)][which][pairs] = round(float(value) / MINUTE)
    return [
        [Firing(labels, first, each["last"][labels]) for labels, first in each["first"].items()]
        for each in found
    ]
