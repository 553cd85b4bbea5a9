"""What a real sidewatch shows at some moments, told as hours: the world stands still in between.

What is looked at is really there, but nobody waits for it: from one look to the next a gauge stays
as it was, and what happens again and again has always just happened, so that its time goes along.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from exporter.exposition import blocks, choose
from exporter.shard import Shard
from tests.support.firing import MINUTE, Story, metrics_used

# Times of what happens once; all others are of what happens again and again.
ONCE = ("_since_", "_start_", "_started_", "_event_", "_exit_")
# Gauges that go on to rise as counters do, while what makes them rise goes on.
HEAPS = ("watched_postgres_size_bytes", "watched_queue_jobs")
DIGITS = 6

_LABEL = re.compile(r'\w+="(?:[^"\\]|\\.)*"')

Shown = Mapping[str, float]


@dataclass(frozen=True)
class Look:
    """All that is shown at one time: by series, as the exposition spells it, its value."""

    at: float
    shown: Shown

    def tells(self, line: str) -> bool:
        """Whether a series with this name and at least these labels has this value."""
        series, value = line.rsplit(" ", 1)
        labels = _LABEL.findall(series)
        return any(
            _name(each) == _name(series) and all(label in each for label in labels)
            for each, shown in self.shown.items()
            if shown == float(value)
        )


@dataclass(frozen=True)
class Act:
    """From this minute on all is as it was seen; `moves` is by how much what moves does so each."""

    minute: int
    look: Look
    moves: Shown = field(default_factory=dict)


def look(shard: Shard) -> Look:
    """What a scrape shows now, without waiting for what has just begun to be shown."""
    text = b"".join(blocks([shard.snapshot(final=True)], choose(None))).decode()
    pairs = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return Look(time.time(), {series: float(value) for series, value in pairs})


def moves(first: Look, second: Look, minutes: int) -> Shown:
    """What has risen between two looks, which stand for so many minutes."""
    return {
        series: (value - first.shown.get(series, 0.0)) / minutes
        for series, value in second.shown.items()
        if _name(series).endswith("_total") or _name(series) in HEAPS
    }


def held(app: str, acts: Sequence[Act], minutes: int) -> Story:
    """The acts one after the other, as a scrape each minute shows them: what a rule reads."""
    used = metrics_used()
    ends = [*(act.minute for act in acts[1:]), minutes + 1]
    series: dict[str, list[float | None]] = {}
    risen: dict[str, float] = {}
    before: Act | None = None
    for act, end in zip(acts, ends, strict=True):
        for name in act.look.shown:
            if _name(name) not in used:
                continue
            values = series.setdefault(name, [])
            values += [None] * (act.minute - len(values))
            values += _course(name, act, end - act.minute, before, values, risen.get(name, 0.0))
        for name, move in act.moves.items():
            risen[name] = risen.get(name, 0.0) + move * (end - act.minute - 1)
        before = act
    return Story(app, minutes, series)


def _course(
    name: str,
    act: Act,
    length: int,
    before: Act | None,
    values: Sequence[float | None],
    risen: float,
) -> Iterable[float]:
    """A series' values in the minutes of one act."""
    value = act.look.shown[name]
    if _name(name).endswith("_timestamp_seconds"):
        if not any(word in name for word in ONCE):
            return [
                _rounded((act.minute + n) * MINUTE + value - act.look.at) for n in range(length)
            ]
        if before is not None and value <= before.look.at and values and values[-1] is not None:
            return [values[-1]] * length  # it was so already, however exactly it is known
        return [_rounded(act.minute * MINUTE + value - act.look.at)] * length
    move = act.moves.get(name, 0.0)
    found = [_rounded(value + risen + move * n) for n in range(length)]
    born = before is not None and name not in before.look.shown
    if born and _name(name).endswith("_total"):  # it is shown as 0 first
        found[0] = 0.0
    return found


def _name(series: str) -> str:
    return series[: series.find("{")]


def _rounded(value: float) -> float:
    return round(value, DIGITS)
