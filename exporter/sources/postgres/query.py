"""A query is data: its SQL, which column is which metric, and what it needs to run at all."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from exporter.errors import SidewatchError
from exporter.model import Duration

MAX_ROWS = 500
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class Versions:
    """The major versions of PostgreSQL for which a query is written, both ends included."""

    since: int = 0
    until: int = 1000

    def __post_init__(self) -> None:
        if self.since > self.until:
            raise ValueError("no version is both after `since` and before `until`")


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be there: columns by table (`schema.table` or `table`), and predefined roles."""

    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """One question. `metrics` names the column of each metric's value, `labels` those of labels.

    A counter's column is the server's own running total; `epoch` is a column that changes when that
    total starts anew. `interval` and `timeout` are the source's where they are not given.
    """

    name: str
    sql: str
    metrics: Mapping[str, str]
    labels: tuple[str, ...] = ()
    subject: str = "custom"
    epoch: str | None = None
    interval: Duration | None = None
    timeout: Duration | None = None
    versions: Versions = Versions()
    needs: Needs = Needs()

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError("a query's name has small letters, digits and '_', a letter first")
        if not self.metrics:
            raise ValueError("gives no metric a value; write metrics: {metric: column}")
        if self.interval is not None and self.interval < 1:
            raise ValueError("a query rests for 1s at the least")
        if self.timeout is not None and not 0 < self.timeout <= 60:
            raise ValueError("a query's timeout is above 0 and not above 60s")

    def columns(self) -> tuple[str, ...]:
        """The columns that are read, in the order in which `points` expects them."""
        epoch = () if self.epoch is None else (self.epoch,)
        return (*self.metrics.values(), *self.labels, *epoch)

    def wrapped(self) -> str:
        """The SQL as it is sent: only the named columns, as types that every driver knows.

        A driver looks up types unknown to it with queries, and settings, of its own.
        """
        values = [f"(q.{_quoted(name)})::float8" for name in self.metrics.values()]
        texts = [f"(q.{_quoted(name)})::text" for name in self.columns()[len(values) :]]
        inner = self.sql.strip().rstrip(";")
        return f"SELECT {', '.join([*values, *texts])} FROM (\n{inner}\n) AS q LIMIT {MAX_ROWS + 1}"  # noqa: S608 - the operator's own SQL, sent in a read-only transaction

    def points(self, rows: Sequence[Sequence[Any]]) -> Iterator[Point]:
        """What the rows say; a NULL says nothing. Raises RowsError."""
        if len(rows) > MAX_ROWS:
            raise RowsError(f"more than {MAX_ROWS} rows; group them, or give a LIMIT")
        size = len(self.metrics)
        if len({tuple(row[size : size + len(self.labels)]) for row in rows}) < len(rows):
            raise RowsError("two rows have the same labels; group them by all of the labels")
        for row in rows:
            texts = ["" if text is None else str(text) for text in row[size:]]
            labels = dict(zip(self.labels, texts, strict=False))
            epoch = "" if self.epoch is None else texts[-1]
            for metric, value in zip(self.metrics, row, strict=False):
                if value is not None and not math.isnan(value):
                    yield Point(metric, labels, float(value), epoch)


@dataclass(frozen=True, slots=True)
class Point:
    """One value that a query gave a metric."""

    metric: str
    labels: Mapping[str, str]
    value: float
    epoch: str


class RowsError(SidewatchError):
    """A query's rows cannot be series."""


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
