"""What is read out of a JSON body beside the verdict: numbers, and the states of components. Pure.

What is not there gives nothing: unknown is not zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from msgspec import Struct, field

from exporter.sources.probes.assertions import Expectation, as_number, spelled
from exporter.sources.probes.jsonpath import ROOT, Found, JsonPath

COMPONENT = "watched_component_up"
FIELD = "watched_probe_field"
VERSION = "watched_probe_info"
MOST_POINTS = 500  # of one answer
LONGEST_LABEL = 120

Meaning = Literal["number", "length", "time", "age"]


class Point(Struct, frozen=True):
    """A value of a gauge. `probe` is not among the labels yet."""

    metric: str
    labels: Mapping[str, str]
    value: float


class Number(Struct, frozen=True):
    """A number in the body: `queue.depth`, or `{path: jobs, as: length}`.

    `as: length` counts items, members or characters; `as: time` takes a date of ISO 8601 as
    seconds since 1970; `as: age` takes seconds that have passed as the time that was then.
    `divide` brings another unit to seconds or bytes: 1000 for milliseconds.
    """

    path: JsonPath
    as_: Meaning = "number"
    divide: float = 1.0

    def __post_init__(self) -> None:
        if self.divide <= 0:
            raise ValueError("divide: above 0")

    def of(self, value: Any, now: float) -> float | None:
        """The number that a value gives at `now`, if it gives any."""
        if self.as_ == "length":
            return float(len(value)) if isinstance(value, list | dict | str) else None
        number = _time(value) if self.as_ == "time" else as_number(value)
        if number is None:
            return None
        return now - number / self.divide if self.as_ == "age" else number / self.divide


class RowLabel(Struct, frozen=True):
    """A label of a row: what stands at a path in it, the key that leads to it, or a constant."""

    path: JsonPath | None = None
    value: str | None = None
    key: bool = False

    def __post_init__(self) -> None:
        if (self.path is not None) + (self.value is not None) + self.key != 1:
            raise ValueError("needs one of path, value and key")

    def of(self, row: Found) -> str | None:
        """The label's value, if the row has it."""
        if self.key:
            return as_label(row.keys[-1])
        if self.path is None:
            return self.value
        found = next(self.path.find(row.value), None)
        if found is None or isinstance(found.value, dict | list) or found.value is None:
            return None
        return as_label(spelled(found.value))


class Rows(Struct, frozen=True):
    """Things of one kind in the body, each with a name: `{path: "components[*]", ...}`.

    `gauges` has the number of each metric, its path inside the row; `up`, what a row must be for
    its `watched_component_up` to be 1. With `down` that is 0 for each row: a list of what is wrong.
    """

    path: JsonPath = ROOT
    labels: Mapping[str, RowLabel] = field(default_factory=dict)
    gauges: Mapping[str, Number] = field(default_factory=dict)
    up: tuple[Expectation, ...] = ()
    down: bool = False

    def __post_init__(self) -> None:
        if not self.gauges and not self.up and not self.down:
            raise ValueError("reads nothing; give gauges, up or down")
        if self.up and self.down:
            raise ValueError("up and down: one of them")
        if any(one.key for one in self.labels.values()) and not self.path.wildcards:
            raise ValueError("a label can be the key only where the path has a *")

    def metrics(self) -> tuple[str, ...]:
        """The metrics that it gives values to."""
        return (*self.gauges, *((COMPONENT,) if self.up or self.down else ()))

    def points(self, document: Any, now: float) -> Iterator[Point]:
        """What the document says."""
        for row in self.path.find(document):
            labels = {name: label.of(row) for name, label in self.labels.items()}
            known = {name: text for name, text in labels.items() if text is not None}
            if len(known) < len(labels):
                continue
            for metric, number in self.gauges.items():
                found = next(number.path.find(row.value), None)
                value = None if found is None else number.of(found.value, now)
                if value is not None:
                    yield Point(metric, known, value)
            if self.up or self.down:
                up = not self.down and all(one.holds(row.value) for one in self.up)
                yield Point(COMPONENT, known, float(up))


class Readings(Struct, frozen=True):
    """All that is read out of a body.

    `components` has what must hold for each to be up. The `*` of a field's name stands for what the
    `*` of its path found.
    """

    fields: Mapping[str, Number] = field(default_factory=dict)
    components: Mapping[str, Expectation] = field(default_factory=dict)
    rows: tuple[Rows, ...] = ()
    version: JsonPath | None = None

    def __bool__(self) -> bool:
        return bool(self.fields or self.components or self.rows or self.version)

    def points(self, document: Any, now: float) -> list[Point]:
        """What the document says, the first of those that have the same labels."""
        found: dict[tuple[str, tuple[tuple[str, str], ...]], Point] = {}
        for point in self._points(document, now):
            if len(found) >= MOST_POINTS:
                break
            found.setdefault((point.metric, tuple(sorted(point.labels.items()))), point)
        return list(found.values())

    def _points(self, document: Any, now: float) -> Iterator[Point]:
        for name, component in self.components.items():
            yield Point(COMPONENT, {"component": name}, float(component.holds(document)))
        for name, number in self.fields.items():
            for each in number.path.find(document):
                if (value := number.of(each.value, now)) is not None:
                    yield Point(FIELD, {"field": _named(name, each)}, value)
        if self.version is not None:
            version = RowLabel(self.version).of(Found(document))
            if version:
                yield Point(VERSION, {"version": version}, 1.0)
        for rows in self.rows:
            yield from rows.points(document, now)


def _named(name: str, found: Found) -> str:
    for key in found.keys:
        name = name.replace("*", key.replace("*", ""), 1)
    return as_label(name)


def as_label(text: str) -> str:
    """A text as a label: not too long, and without the halves of letters that JSON can spell."""
    return text[:LONGEST_LABEL].encode("utf-8", "replace").decode()


def _time(value: Any) -> float | None:
    if not isinstance(value, str):
        return None
    try:
        when = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
