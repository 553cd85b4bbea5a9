"""A queue library as data: how it is recognised, and what its tables mean in fragments of SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct, field

from exporter.model import Duration
from exporter.sources.postgres.query import NAME

STATES = ("ready", "scheduled", "overdue", "running", "retrying", "blocked", "failed", "dead")
CLOCKS = ("due", "enqueued", "claimed")
REASONS = ("expired", "heartbeat", "timeout", "lease")
OUTCOMES = ("completed", "failed", "lost", "exhausted", "cancelled")
WORKERS = ("live", "stale")

# What the queries of every library are called, so that no sign of life is.
QUERIES = (
    "jobs",
    "due",
    "claimed",
    "enqueued",
    "stuck",
    "kept",
    "ended",
    "workers",
    "schedules",
)
WORD = re.compile(r"\{([a-z_]+)\}")

# Columns by table, as the database knows them: `schema.table` or `table`.
Columns = Mapping[str, tuple[str, ...]]


def _check(what: str, given: Mapping[str, object], known: tuple[str, ...]) -> None:
    for name in given.keys() - set(known):
        raise ValueError(f"{what}: there is no {name}; there are {', '.join(known)}")


def _check_some(what: str, given: Mapping[str, object], known: tuple[str, ...]) -> None:
    _check(what, given, known)
    if not given:
        raise ValueError(f"{what}: names none of {', '.join(known)}")


class Clocked(Struct, frozen=True):
    """The jobs that `where` picks out grow old from the timestamptz `since`."""

    where: str
    since: str


class Jobs(Struct, frozen=True):
    """The jobs that have not ended, a row each: `from`, the queue's name, and what tells states.

    `where` may narrow the rows for an index; `queues` names those that may have no job. The
    conditions of `states` exclude each other, and so do those of `stuck`. Not `capped` are those
    among which no index finds one queue's jobs in one state: one pass over all costs less than a
    search for each, however many there are.
    """

    from_: str
    queue: str
    states: Mapping[str, str]
    needs: Columns
    clocks: Mapping[str, Clocked] = field(default_factory=dict)
    stuck: Mapping[str, str] = field(default_factory=dict)
    where: str = "true"
    queues: str | None = None
    capped: bool = True

    def __post_init__(self) -> None:
        _check_some("states", self.states, STATES)
        _check("clocks", self.clocks, CLOCKS)
        _check("stuck", self.stuck, REASONS)


class Kept(Struct, frozen=True):
    """The jobs that have ended and still are in a state, as a record, where no index finds them.

    They are among all that ended, so they are asked for apart from those that wait, and seldom.
    """

    from_: str
    queue: str
    states: Mapping[str, str]
    needs: Columns

    def __post_init__(self) -> None:
        _check_some("states", self.states, STATES)


class Ended(Struct, frozen=True):
    """The jobs that have ended, a row each, at the timestamptz `at`, each with one outcome."""

    from_: str
    queue: str
    at: str
    outcomes: Mapping[str, str]
    needs: Columns
    where: str = "true"

    def __post_init__(self) -> None:
        _check_some("outcomes", self.outcomes, OUTCOMES)


class Workers(Struct, frozen=True):
    """The workers that left a row, live or stale by their heartbeat."""

    from_: str
    states: Mapping[str, str]
    needs: Columns

    def __post_init__(self) -> None:
        _check_some("states", self.states, WORKERS)


class Stamp(Struct, frozen=True):
    """A sign of life: a query of one timestamptz, and how often it is renewed at the least."""

    at: str
    interval: Duration
    needs: Columns

    def __post_init__(self) -> None:
        if not self.interval > 0:
            raise ValueError("interval: above 0; how often it is renewed at the least")


class Schedules(Struct, frozen=True):
    """A query with the columns schedule and at: what is enqueued by the clock, and when it was."""

    sql: str
    needs: Columns


class Generation(Struct, frozen=True):
    """One form that the library's tables have had, known by `signs` (and by what it `lacks`)."""

    generation: str
    signs: Columns
    jobs: Jobs
    lacks: Columns = field(default_factory=dict)
    kept: Kept | None = None
    ended: Ended | None = None
    workers: Workers | None = None
    heartbeats: Mapping[str, Stamp] = field(default_factory=dict)
    schedules: Schedules | None = None

    def __post_init__(self) -> None:
        if not self.signs:
            raise ValueError("signs: name a table at the least; else every database would have it")
        if self.kept is not None:
            for state in self.kept.states.keys() & self.jobs.states.keys():
                raise ValueError(f"kept: {state} is told by jobs; a state has one source")
        for name in self.heartbeats:
            if name in QUERIES or not NAME.fullmatch(name):
                raise ValueError(
                    f"heartbeats: {name} cannot be the name of one; write small letters, digits and"
                    f" '_', a letter first, and none of {', '.join(QUERIES)}"
                )

    def tables(self) -> Iterator[str]:
        """Every table that is named, with its placeholders."""
        yield from (*self.signs, *self.lacks, *self.jobs.needs)
        parts = (self.kept, self.ended, self.workers, self.schedules, *self.heartbeats.values())
        for part in parts:
            yield from () if part is None else part.needs


class Library(Struct, frozen=True):
    """A queue library, its newest generation first; an installation may change its `names`."""

    library: str
    about: str
    generations: tuple[Generation, ...]
    names: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.key):
            raise ValueError("library: small letters, digits and '-' or '.', a letter first")
        if not self.generations:
            raise ValueError("generations: describe one at the least")
        for each in self.generations:
            for name in (*QUERIES, *each.heartbeats):
                if not NAME.fullmatch(f"{self.key}_{name}"):
                    raise ValueError(f"library: with {name} the name is too long, above 63 letters")
            for table in each.tables():
                for word in set(WORD.findall(table)) - self.names.keys():
                    raise ValueError(f"{table}: there is no {word} among `names`")

    @property
    def key(self) -> str:
        """The library's name as the beginning of its queries' names."""
        return self.library.translate(str.maketrans("-.", "__"))
