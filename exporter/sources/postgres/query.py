"""A query is data: its SQL, which column is which metric, and what it needs to run at all."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import Struct

from exporter.errors import SidewatchError
from exporter.model import Duration

MAX_ROWS = 500
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
QUEUE = "{QUEUE}"  # where the name of a queue is to stand
INNER = {"inner": True}  # no key of a configuration: the queries that we make have it


class Versions(Struct, frozen=True):
    """The major versions of PostgreSQL for which a query is written, both ends included."""

    since: int = 0
    until: int = 1000

    def __post_init__(self) -> None:
        if self.since > self.until:
            raise ValueError("no version is both after `since` and before `until`")


class Needs(Struct, frozen=True):
    """What must be there: columns by table (`schema.table` or `table`), and predefined roles."""

    tables: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    roles: tuple[str, ...] = ()


class Part(Struct, frozen=True):
    """A query that belongs to something which a database may have, in one of its generations.

    Of the queries of one `group` those of the lowest `order` run whose `signs` are all there and
    of whose `lacks` nothing is: tables with columns, or without any for the table itself. The
    others stay silent; but where none fits and the group was `asked` for, its first generation
    says what is missing. `title` is what people call the generation.
    """

    group: str
    order: int
    signs: Mapping[str, tuple[str, ...]]
    lacks: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    asked: bool = False
    title: str = ""


class Fill(Struct, frozen=True):
    """Values of label sets that the rows left out: these, for each known value of the label `per`.

    Queries of one `group` know the same values. `values` has metric, other labels and value.
    """

    group: str
    per: str
    values: tuple[tuple[str, Mapping[str, str], float], ...]


class Counting(Struct, frozen=True):
    """How to count where counting exactly costs too much; the query itself is the exact form.

    `names` finds some queues at little cost. `capped` takes the known queues and the cap as its
    parameters and gives queue, state and jobs, at most one more than the cap; there is none where
    no index would help it. `estimated` has by state a query over the rows of the queue QUEUE, to be
    explained.
    """

    names: str
    capped: str | None
    estimated: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Query:
    """One question. `metrics` names the column of each metric's value, `labels` those of labels.

    A counter's column is the server's own running total; `epoch` is a column that changes when that
    total starts anew. The columns of `ages` are seconds that have passed; they are shown as the
    time that was then by our own clock. `interval` and `timeout` are the source's where they are
    not given, and it rests for `spacing` of the source's intervals. `skew` says that the value is
    the server's time, of which ours at that moment is taken away.
    """

    name: str
    sql: str
    metrics: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    ages: Mapping[str, str] = field(default_factory=dict)
    subject: str = "custom"
    epoch: str | None = None
    interval: Duration | None = None
    timeout: Duration | None = None
    versions: Versions = field(default_factory=Versions)
    needs: Needs = field(default_factory=Needs)
    skew: bool = False
    spacing: int = field(default=1, metadata=INNER)
    most: int = field(default=MAX_ROWS, metadata=INNER)
    part: Part | None = field(default=None, metadata=INNER)
    fill: Fill | None = field(default=None, metadata=INNER)
    counting: Counting | None = field(default=None, metadata=INNER)

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError("a query's name has small letters, digits and '_', a letter first")
        if not self.metrics and not self.ages:
            raise ValueError("gives no metric a value; write metrics: {metric: column}")
        if self.interval is not None and self.interval < 1:
            raise ValueError("a query rests for 1s at the least")
        if self.timeout is not None and not 0 < self.timeout <= 60:
            raise ValueError("a query's timeout is above 0 and not above 60s")

    def values(self) -> tuple[tuple[str, str], ...]:
        """The metrics with their columns, ages last."""
        return (*self.metrics.items(), *self.ages.items())

    def columns(self) -> tuple[str, ...]:
        """The columns that are read, in the order in which `points` expects them."""
        epoch = () if self.epoch is None else (self.epoch,)
        return (*(column for _, column in self.values()), *self.labels, *epoch)

    def wrapped(self) -> str:
        """The SQL as it is sent: only the named columns, as types that every driver knows.

        A driver looks up types unknown to it with queries, and settings, of its own.
        """
        values = [f"(q.{_quoted(name)})::float8" for _, name in self.values()]
        texts = [f"(q.{_quoted(name)})::text" for name in self.columns()[len(values) :]]
        inner = self.sql.strip().rstrip(";")
        return (
            f"SELECT {', '.join([*values, *texts])} FROM (\n{inner}\n) AS q LIMIT {self.most + 1}"  # noqa: S608 - the operator's own SQL, sent in a read-only transaction
        )

    def points(self, rows: Sequence[Sequence[Any]]) -> Iterator[Point]:
        """What the rows say; a NULL says nothing, or NaN where it is to be filled.

        Raises RowsError.
        """
        if len(rows) > self.most:
            raise RowsError(f"more than {self.most} rows; group them, or give a LIMIT")
        metrics = [metric for metric, _ in self.values()]
        size, aged = len(metrics), len(self.metrics)
        if len({tuple(row[size : size + len(self.labels)]) for row in rows}) < len(rows):
            raise RowsError("two rows have the same labels; group them by all of the labels")
        per = None if self.fill is None else size + self.labels.index(self.fill.per)
        for row in rows:
            if per is not None and row[per] is None:
                continue  # a job of no queue is nobody's
            texts = ["" if text is None else str(text) for text in row[size:]]
            labels = dict(zip(self.labels, texts, strict=False))
            epoch = "" if self.epoch is None else texts[-1]
            for i, (metric, value) in enumerate(zip(metrics, row, strict=False)):
                if value is None and per is not None:  # so that it is not filled, either
                    yield Point(metric, labels, math.nan)
                elif value is not None and not math.isnan(value):
                    yield Point(metric, labels, float(value), epoch, age=i >= aged)


class Point(Struct, frozen=True):
    """One value that a query gave a metric; an `age` in seconds is not shown as such."""

    metric: str
    labels: Mapping[str, str]
    value: float
    epoch: str = ""
    age: bool = False


class RowsError(SidewatchError):
    """A query's rows cannot be series."""


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
