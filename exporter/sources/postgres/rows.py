"""The shape of a table whose rows have states, as a profile or an operator writes it.

Every field may be left out: what an operator writes is laid over what the profile says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from exporter.model import Duration

# The state of rows whose own state is not named, and its phase: to be seen, and nobody's success.
OTHER, UNKNOWN = "other", "unknown"

Phase = Literal["waiting", "active", "done", "failed"]


class State(Struct, frozen=True):
    """A state: its phase, the `values` that mean it (its own name), since when a row is in it.

    What is done is history: it is counted only as it comes, unless it is to be `counted` whole.
    """

    phase: Phase | None = None
    values: tuple[str, ...] | None = None
    since: str | None = None
    counted: bool | None = None


class Streak(Struct, frozen=True):
    """Failures in a row of the same `by`, in the order of `at`, not older than `within`.

    `ends` are the states that end it: those that are done, where nothing else is said.
    """

    by: str | None = None
    at: str | None = None
    ends: tuple[str, ...] | None = None
    within: Duration | None = None


class StateTable(Struct, frozen=True):
    """A table and its states.

    `state`, `since`, `by`, `at` name a column, or are SQL where they hold a space, `(` or `{`. In
    SQL, `{x}` is the column x of the table, `{a}` another of its `tables`, `{a.x}` its column x,
    and `{values.v}` the list v of `values`. `columns` gives what the database calls x or a.x.
    `otherwise` changes what is said for databases that lack one of the columns.
    """

    use: bool | None = None
    table: str | None = None
    tables: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    join: str | None = None
    where: str | None = None
    state: str | None = None
    since: str | None = None
    states: Mapping[str, State] = field(default_factory=dict)
    streak: Streak | None = None
    interval: Duration | None = None
    timeout: Duration | None = None
    otherwise: tuple[StateTable, ...] = ()
