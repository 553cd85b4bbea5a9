"""The engine's oracle: every line through the exact reading alone, into a registry of its own."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from zoneinfo import ZoneInfo

import pytest

from exporter.config import load_profile
from exporter.engine.choosing import Choice
from exporter.engine.counting import Stream
from exporter.engine.feeding import Engine
from exporter.engine.finding import Finder
from exporter.engine.joining import Lane
from exporter.engine.plan import Plan, compile_rules
from exporter.engine.rules import LogRules
from exporter.model import Family
from exporter.registry import Registry
from exporter.windows import Drains
from parsers import cri, docker_json
from parsers.times import seconds

UTC = ZoneInfo("UTC")
COLOUR = re.compile(rb"\x1b(?:\[[0-9;:]{0,64}[mK])?")
Numbers = dict[tuple[str, tuple[str, ...]], tuple[float, ...]]


@dataclass
class Counted:
    """An engine over a registry of its own; `by` names it where it is not the chosen one."""

    plan: Plan
    now: float
    limits: Mapping[str, int] = field(default_factory=dict)
    replaying: bool = False
    by: str | None = None

    def __post_init__(self) -> None:
        self.registry = Registry(limits=self.limits)
        self.drains = Drains()
        self.engine = Engine(
            self.plan, self.registry, self.drains, UTC, replaying=self.replaying, name=self.by
        )
        self.stream = Stream("key", "service", "file")
        self.counting = self.engine.service("service", self.now)

    def feed(self, chunks: Iterable[bytes]) -> None:
        """Hand over chunks as a source does: what is not consumed comes again."""
        rest = b""
        for chunk in chunks:
            rest += chunk
            rest = rest[self.engine.feed(self.stream, rest, self.now) :]
        assert not rest

    def numbers(self) -> Numbers:
        """Every series with all its numbers as they would be shown at the end."""
        snapshot = self.registry.snapshot(self.now, final=True)
        found: Numbers = {}
        for family, series in snapshot.layout:
            size = len(family.buckets) + 2 if family.kind == "histogram" else 1
            for one in series:
                numbers = snapshot.values[one.index : one.index + size]
                found[family.name, one.labels] = tuple(numbers)
        return found

    def exemplars(self) -> dict[tuple[str, tuple[str, ...], int], tuple[str, str, float, float]]:
        """What stands for the buckets: family, labels, which bucket; name, value, amount, time."""
        kept = self.registry.exemplars
        return {
            (family.name, one.labels, i): kept[one.index + i]
            for family, many in self.registry.layout()
            for one in many
            for i in range(len(family.buckets) + 1)
            if one.index + i in kept
        }


class Oracle(Counted):
    """The same numbers, by the exact reading alone."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.replaying:
            self.engine.moment.reach(self.now)
        self.lanes: dict[str, Lane] = {}
        self.pieces: dict[str, list[bytes]] = {}

    def read(self, lines: Iterable[bytes]) -> None:
        """Count whole physical lines."""
        self.registry.windows.turn(self.now, self.registry.values)
        for line in lines:
            self._line(line)

    def _line(self, line: bytes) -> None:
        found = docker_json.unwrap(line) or cri.unwrap(line)
        self.counting.lines(found.stream if found else "file", 1)
        if found is None:
            self._text("file", line, None)
            return
        pieces = self.pieces.setdefault(found.stream, [])
        pieces.append(found.text)
        if not found.partial:
            text = b"".join(pieces)
            pieces.clear()
            for inner in text.split(b"\n"):
                self._text(found.stream, inner, seconds(found.time, UTC))

    def _text(self, name: str, text: bytes, since: float | None) -> None:
        lane = self.lanes.setdefault(name, Lane())
        bare = COLOUR.sub(b"", text).rstrip(b"\r").decode("utf-8", "replace")
        step, updates = self.counting.exact.read(lane, bare)
        if step is None:
            return
        if step.begins:
            lane.since = since
        at = self.counting.exact.time(step.record, lane.since)
        for update in updates:
            self.counting.mover.move(update, at)


class Tried(Oracle):
    """The same, where no rule is found by a text of its own: each is tried."""

    def __post_init__(self) -> None:
        self.plan = replace(self.plan, _known={}, _together={}, _possible={})
        super().__post_init__()

    def read(self, lines: Iterable[bytes]) -> None:
        """Count whole physical lines."""
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Choice, "places", _all_rules)
            patched.setattr(Finder, "places", _all_templates)
            super().read(lines)


def _all_rules(choice: Choice, *_: object) -> list[int]:
    chosen = (kind for switch in choice.switches.values() for kind in switch.kinds())
    return sorted({*choice.always, *chain.from_iterable(chosen)})


def _all_templates(finder: Finder, _: str) -> list[int]:
    told = (*finder.begins.values(), *finder.holds.values())
    return sorted({*finder.always, *chain.from_iterable(told)})


def profile_plan(name: str) -> Plan:
    """The plan of a profile that comes with sidewatch."""
    profile = load_profile(name)
    return compile_rules(profile.rules, profile.families)


def plan_of(rules: LogRules, families: Mapping[str, Family]) -> Plan:
    """A plan of rules and families made by hand."""
    return compile_rules(rules, families)


def differences(found: Numbers, expected: Numbers) -> list[str]:
    """What is not the same, in words; sums may differ in their last digits."""
    told = []
    for name in sorted(found.keys() | expected.keys()):
        one, other = found.get(name), expected.get(name)
        if one is None or other is None or not _same(one, other):
            told.append(f"{name}: {one}, exactly {other}")
    return told


def _same(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one == pytest.approx(other, rel=1e-9, nan_ok=True)


def is_nan(value: float) -> bool:
    """Whether a gauge is not known."""
    return math.isnan(value)
