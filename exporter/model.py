"""The values that flow between rooms: families of series, snapshots, what a source may do."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol

from msgspec import Struct

from exporter.turns import Turns

# How a setting of this type is spelled: "5m", "1h30m" in seconds; "64KiB", "1GiB" in bytes.
Duration = Annotated[float, "duration"]
Size = Annotated[int, "size"]

Kind = Literal["counter", "gauge", "histogram"]
Scope = Literal["shared", "local", "vantage", "own"]

# Upper bounds in seconds, without +Inf. Every objective is added as a bound of its own.
REQUEST_BUCKETS = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip
JOB_BUCKETS = (
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0,
)  # fmt: skip


class Family(Struct, frozen=True):
    """A metric: its name (with `_total` on counters), type, help, and labels beside `app`.

    `buckets` are a histogram's upper bounds without +Inf. `limit` bounds its series per app.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    scope: Scope = "local"
    buckets: tuple[float, ...] = ()
    limit: int = 1000


@dataclass(slots=True, eq=False)
class Series:
    """One series of a family: its label values, and where its numbers lie in the arena.

    A counter or gauge has one number at `index`. A histogram with N bounds has N + 2 from `index`:
    the N + 1 buckets, each counting its own range only (the last is +Inf), then the sum.
    `created` is its start time in seconds since 1970. `slot` is its row in what the registry keeps
    of its series. `text` is a place for the exposition to keep what never changes about it.
    """

    family: Family
    labels: tuple[str, ...]
    index: int
    created: float
    slot: int = -1
    text: str | None = None


class Lasting:
    """Plain values that never change, made when they are asked for, by any thread.

    `packed` is a place for who saves them to keep how they are written. (No dataclass: msgspec
    would write it as a map.)
    """

    __slots__ = ("make", "packed")

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make
        self.packed: bytes | None = None


# One observation that stands for its bucket: label name, label value, value, time (since 1970).
# A plain tuple, because the engine makes one for every timed line.
Exemplar = tuple[str, str, float, float]


class Snapshot(Struct, frozen=True):
    """The series of one registry at one moment, as they may be shown.

    `constant` are the labels every series carries (`app`, and those of the configuration).
    `layout` groups the series by family; both it and the series only ever grow, so a snapshot
    holds for as long as it is kept. `values` is the snapshot's own copy of the arena: a number
    that is not to be shown (hidden, unknown, withheld) is NaN at the series' `index`.
    `exemplars` has the newest exemplar by the arena index of its bucket.
    """

    constant: tuple[tuple[str, str], ...]
    layout: tuple[tuple[Family, tuple[Series, ...]], ...]
    values: array[float]
    exemplars: Mapping[int, Exemplar]


@dataclass(slots=True)
class Cursor:
    """How far one stream has been read, and what its source needs to find it again.

    `key` names it inside its app for as long as it lives; `offset` counts bytes (of the file as it
    lies on disk, or unpacked where it is compressed); `place` is the source's own (path, inode,
    fingerprints), plain values only, so that it can be saved.
    """

    key: str
    service: str
    stream: str
    offset: int = 0
    place: dict[str, str | int | float | bool | None] | None = None


class Sink(Protocol):
    """What a source of lines is handed: the door into its app's shard, or into forwarding.

    All calls are quick but `room`, for which a source waits before it feeds. So it does for its
    turn, of which it has one of `turns`.
    """

    def cursors(self, source: str) -> list[Cursor]:
        """The saved cursors of this source, as they were left by an earlier run or opening."""

    def open(self, source: str, cursor: Cursor) -> None:
        """Declare a stream; from now on the cursor is saved with the counters."""

    @property
    def full(self) -> bool:
        """Whether nothing more should be fed now; what counts at once never is."""

    async def room(self) -> None:
        """Wait for as long as nothing more should be fed."""

    @property
    def turns(self) -> Turns:
        """Shared with all others that feed in this event loop."""

    def feed(self, cursor: Cursor, chunk: bytes) -> int:
        """Count the whole lines of `chunk`, move `cursor.offset` past them; bytes consumed.

        The rest (half a line) must come again with what follows it. A line longer than the
        longest that is read (1 MiB) is consumed in pieces, so a chunk of that size always moves.
        """

    def finish(self, cursor: Cursor, rest: bytes = b"") -> None:
        """The stream ended for good: count the half line `rest` that it ends in, and forget it."""

    def move(self, cursor: Cursor, offset: int) -> None:
        """Put the cursor elsewhere without reading (a truncated file starts at 0 again)."""

    def lost(self, cursor: Cursor, count: int, reason: str) -> None:
        """`count` bytes are known to be gone unread."""

    def lag(self, cursor: Cursor, count: int, newest: float | None) -> None:
        """`count` bytes wait unread; the newest was appended at `newest` (seconds since 1970)."""

    def looked(self, source: str) -> None:
        """The source was looked at without a failure, whether or not there was anything new."""

    def failed(self, source: str, reason: str) -> None:
        """A part of the source cannot be read now; the others go on. `reason` is a short word."""


class Board(Protocol):
    """What a source that asks (a database, an endpoint) is handed. All calls are quick.

    Labels are given by name; those that the metric does not have are left out.
    """

    def put(self, metric: str, labels: Mapping[str, str], value: float) -> None:
        """Set a gauge."""

    def drop(self, metric: str, labels: Mapping[str, str]) -> None:
        """Show this gauge or foreign total no more until it is told again."""

    def add(self, metric: str, labels: Mapping[str, str], by: float = 1.0) -> None:
        """Add to a counter of our own."""

    def event(self, service: str, name: str, at: float) -> None:
        """What has a name, and is worth a page, has happened at this time."""

    def count(self, metric: str, labels: Mapping[str, str], raw: float, epoch: str = "") -> None:
        """Take note of a total that another counts; `epoch` changes where it starts anew."""

    def looked(self, source: str) -> None:
        """The source has just answered."""

    def source_state(self, source: str, *, up: bool, failure: str | None = None) -> None:
        """The source answers, or does not; `failure` is a short word for why."""

    def recall(self, source: str) -> Mapping[str, float]:
        """What the source has last asked to have remembered, in this run or before; else empty."""

    def remember(self, source: str, notes: Mapping[str, float]) -> None:
        """Save these few numbers with the counters."""

    def deploy(self, service: str, *, settled: bool) -> None:
        """A container of it gave way to a newer one; or, whether one had or not, all are up now."""
