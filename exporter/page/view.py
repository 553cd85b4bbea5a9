"""What the page says, as plain values: all judged already, nothing escaped yet."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from exporter.samples import ErrorGroup, Unparsed

# good: as it should be. watch: not yet, or late. bad: a fault. off: not asked for, or not known.
Tone = Literal["good", "watch", "bad", "off"]
Plot = tuple[float | None, ...]  # a value a minute, the newest last; None where none is known


class Source(Struct, frozen=True):
    """A source of lines or of answers. Times are seconds since 1970."""

    name: str
    kind: str
    tone: Tone
    state: str
    lag_seconds: float | None
    lag_bytes: float | None
    looked: float | None


class Service(Struct, frozen=True):
    """What a service's logs have said: when the newest byte came, how many lines, how many not."""

    name: str
    newest: float | None
    lines: float
    unparsed: float


class Query(Struct, frozen=True):
    """A query of the database that runs."""

    name: str
    last: float
    late: bool


class Queue(Struct, frozen=True):
    """A queue's jobs by state, and the age of its oldest by the clock that tells most."""

    name: str
    states: tuple[tuple[str, float], ...]
    age: float | None
    clock: str


class Probe(Struct, frozen=True):
    """A probe, how it fares, and its latency over the last hour, in seconds."""

    name: str
    kind: str
    tone: Tone
    state: str
    took: float | None
    hour: Plot


class Destination(Struct, frozen=True):
    """Where records are forwarded to: how it fares, what waits, what it has taken, what is lost."""

    name: str
    tone: Tone
    state: str
    lag_seconds: float
    lag_bytes: float
    acknowledged: float | None
    records: float
    lost: float


class Off(Struct, frozen=True):
    """What is not measured, and why."""

    name: str
    why: str


class App(Struct, frozen=True):
    """One application."""

    name: str
    profile: str
    problems: tuple[str, ...]
    sources: tuple[Source, ...]
    services: tuple[Service, ...]
    queries: tuple[Query, ...]
    queues: tuple[Queue, ...]
    probes: tuple[Probe, ...]
    destinations: tuple[Destination, ...]
    exceptions: tuple[tuple[str, str, float], ...]
    off: tuple[Off, ...]
    errors: tuple[ErrorGroup, ...]
    unparsed: tuple[Unparsed, ...]


class View(Struct, frozen=True):
    """The page. `complaints` are those of a configuration that was not taken.

    `open`: whoever asks may see what logs said. `waiting`: why the start is not complete.
    """

    version: str
    at: float
    began: float
    open: bool
    complaints: str
    waiting: tuple[str, ...]
    degraded: bool
    apps: tuple[App, ...]
