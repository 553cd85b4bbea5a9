"""A state table made into queries: one reading for its rows, and one more for its streak.

Names are those that the database has, and are quoted; only conditions and expressions are SQL as
they were written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from msgspec import Struct, field

from exporter.sources.postgres.query import Needs, Part, Query
from exporter.sources.postgres.rows import OTHER, UNKNOWN, StateTable, Streak

SUBJECT = "rows"
ENTITY = re.compile(r"[a-z][a-z0-9_]{0,39}")
WINDOWS = {"15m": 900, "1h": 3600}
DAY = "interval '1 day'"  # more than the longest window, whatever the zone of a time without one
STREAK_WITHIN = 30 * 86_400.0
TABLE = "row"
LISTS = "values"
EXPRESSION = re.compile(r"[{( ]")  # whatever is none of these is a column's name
HOLE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


def queries(entity: str, forms: Sequence[StateTable]) -> Iterator[Query]:
    """What to ask of a table, which may have several forms. Raises ValueError."""
    if not ENTITY.fullmatch(entity):
        raise ValueError("an entity's name has small letters, digits and '_', a letter first")
    for make, what in ((_rows, "rows"), (_streak, "streak")):
        made = [make(entity, f"{what}_{entity}", one) for one in forms]
        yield from _in_order(f"{what} of {entity}", [one for one in made if one is not None])


def _in_order(group: str, found: Sequence[Query]) -> Iterator[Query]:
    """The first whose columns are there is asked; those that read the same are one."""
    unlike: list[Query] = []
    for one in found:
        if all(one.needs != other.needs for other in unlike):
            unlike.append(one)
    for order, one in enumerate(unlike):
        part = Part(group, order, one.needs.tables, asked=True)
        yield replace(one, part=part if len(unlike) > 1 else None)


# -- names into SQL ------------------------------------------------------------------------------


class Names(Struct):
    """What the table's fragments call something, as the database calls it; notes what is read."""

    table: StateTable
    read: dict[str, dict[str, None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._table(TABLE)

    def sql(self, text: str, where: str) -> str:
        """A fragment with its names filled in. Raises ValueError."""

        def fill(found: re.Match[str]) -> str:
            if found[1] is None:
                return found[0][0]
            try:
                return self._name(found[1])
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from None

        return HOLE.sub(fill, text)

    def term(self, text: str, where: str) -> str:
        """A column by its name, or an expression. Raises ValueError."""
        if EXPRESSION.search(text):
            return f"({self.sql(text, where)}\n)"
        return self._column(TABLE, text)

    def needs(self) -> Needs:
        """The tables and columns that have been named."""
        return Needs({table: tuple(columns) for table, columns in self.read.items()})

    def _name(self, name: str) -> str:
        first, dot, second = name.partition(".")
        if not dot:
            if first == TABLE or first in self.table.tables:
                return f"{identifier(*self._table(first).split('.', 1))} AS {identifier(first)}"
            return self._column(TABLE, first)
        if first != LISTS:
            return self._column(first, second)
        if second not in self.table.values:
            raise ValueError(f"there are no values {second}")
        return spellings(self.table.values[second])

    def _table(self, alias: str) -> str:
        name = self.table.table if alias == TABLE else self.table.tables.get(alias)
        if not name:
            if alias == TABLE:
                raise ValueError("names no table; write table: NAME, or table: SCHEMA.NAME")
            raise ValueError(f"there is no table {alias} under `tables`")
        self.read.setdefault(name, {})
        return name

    def _column(self, alias: str, column: str) -> str:
        known = self.table.columns
        name = known.get(column if alias == TABLE else f"{alias}.{column}", column)
        if not name:
            raise ValueError("{} names nothing")
        self.read[self._table(alias)][name] = None
        return identifier(alias, name)


def identifier(*names: str) -> str:
    """A name as SQL, whatever it is made of."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def literal(text: str) -> str:
    """A text as SQL, whatever it is made of."""
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in quoted else quoted


def spellings(texts: Sequence[str]) -> str:
    """A list for IN; one that is empty holds nothing."""
    return f"({', '.join(map(literal, texts)) or 'NULL'})"


def _epoch(term: str) -> str:
    """Seconds since 1970; a time that has no zone is one of UTC."""
    return f"extract(epoch FROM {term})::float8"


NOW = _epoch("now()")


# -- states --------------------------------------------------------------------------------------


class Word(Struct, frozen=True):
    """A state as it is asked for; `since` as it was written, "" where nothing tells."""

    name: str
    phase: str
    values: tuple[str, ...]
    since: str
    counted: bool

    @property
    def aged(self) -> bool:
        """Whether it is told for how long the oldest row has been in it."""
        return self.counted and bool(self.since)

    @property
    def comes(self) -> bool:
        """Whether it is told how many rows lately came into it, to stay."""
        return self.phase in ("done", "failed") and bool(self.since)


def _words(table: StateTable) -> tuple[Word, ...]:
    found: list[Word] = []
    for name, state in table.states.items():
        if state.phase is None:
            raise ValueError(f"the state {name} has no phase: waiting, active, done or failed")
        if name == OTHER:
            raise ValueError(f"the name {OTHER} is for states that are not named here")
        since = table.since if state.since is None else state.since
        values = (name,) if state.values is None else state.values
        counted = state.phase != "done" if state.counted is None else state.counted
        if values:  # else this table has no such state
            found.append(Word(name, state.phase, values, since or "", counted))
    spelled = [value for word in found for value in word.values]
    if twice := next((value for value in spelled if spelled.count(value) > 1), None):
        raise ValueError(f"two states are spelled {twice!r}")
    if not found:
        raise ValueError("names no state; write states: {NAME: PHASE}")
    if table.state is None and len(found) > 1:
        raise ValueError("does not say which column is the state; write state: COLUMN")
    return tuple(found)


def _word(table: StateTable, names: Names, words: Sequence[Word]) -> str:
    """The expression that tells the state of a row, as text whatever its type."""
    if table.state is None:
        return literal(words[0].values[0])
    return f"{names.term(table.state, 'state')}::text"


def _source(table: StateTable, names: Names, *conditions: str) -> str:
    """Where the rows come from, and which of them are meant."""
    parts = [f"FROM {names.sql('{row}', 'table')}"]
    if table.join is not None:
        parts.append(names.sql(table.join, "join"))
    own = () if table.where is None else (names.sql(table.where, "where"),)
    # What an operator wrote may end in a comment, so what closes it stands on a line of its own.
    wanted = [f"({one}\n)" for one in (*own, *conditions)]
    return "\n".join([*parts, *([f"WHERE {' AND '.join(wanted)}"] if wanted else ())])


# -- queries -------------------------------------------------------------------------------------


def _rows(entity: str, name: str, table: StateTable) -> Query:
    """Rows by state with the oldest, and those that newly came to their end, in one reading."""
    names, words = Names(table), _words(table)
    word = _word(table, names, words)
    texts = dict.fromkeys(one.since for one in words if one.since)
    clocks = {text: names.term(text, "since") for text in texts}
    columns = {text: f"since_{i}" for i, text in enumerate(clocks)}
    read = "".join(f", {_epoch(clocks[text])} AS {columns[text]}" for text in clocks)
    states = " ".join(_when(one, literal(one.name)) for one in words)
    since = " ".join(_when(one, columns[one.since]) for one in words if one.since)
    within = ", ".join(
        f"count(*) FILTER (WHERE {NOW} - since < {seconds}) AS within_{window}"
        for window, seconds in WINDOWS.items()
    )
    recent = " ".join(f"WHEN '{one}' THEN coalesce(found.within_{one}, 0)" for one in WINDOWS)
    told = ", ".join(_told(words, others=table.state is not None))
    sql = f"""SELECT {literal(entity)} AS entity, s.state, s.phase, s.window AS "window",
  CASE WHEN s.counted THEN coalesce(found.n, 0) END AS rows,
  CASE WHEN s.aged AND found.n IS NULL THEN 0
       WHEN s.aged AND found.since IS NOT NULL THEN greatest({NOW} - found.since, 0)
       END AS oldest,
  CASE s.window {recent} END AS recent
FROM (VALUES {told}) AS s(state, phase, "window", counted, aged)
LEFT JOIN (
  SELECT state, count(*) AS n, min(since) FILTER (WHERE since > '-Infinity') AS since, {within}
  FROM (
    SELECT CASE {states} ELSE {literal(OTHER)} END AS state,
      {f"CASE {since} END" if since else "NULL::float8"} AS since
    FROM (
      SELECT {word} AS word{read}
      {_source(table, names, *_live(words, word, clocks))}
    ) AS t
  ) AS r GROUP BY state
) AS found ON found.state = s.state"""  # noqa: S608 - every name is quoted, every condition the configuration's own
    metrics = {
        "watched_rows": "rows",
        "watched_rows_oldest_seconds": "oldest",
        "watched_rows_recent": "recent",
    }
    # `window` is a label of watched_rows_recent alone; the others are shown without it.
    return _query(name, sql, metrics, ("entity", "state", "phase", "window"), table, names)


def _query(
    name: str,
    sql: str,
    metrics: Mapping[str, str],
    labels: tuple[str, ...],
    table: StateTable,
    names: Names,
) -> Query:
    return Query(
        name,
        sql,
        metrics,
        labels,
        subject=SUBJECT,
        interval=table.interval,
        timeout=table.timeout,
        needs=names.needs(),
    )


def _when(word: Word, value: str) -> str:
    return f"WHEN word IN {spellings(word.values)} THEN {value}"


def _told(words: Sequence[Word], *, others: bool) -> Iterator[str]:
    """The label sets that are always told, so that there is an explicit zero for each."""
    other = (Word(OTHER, UNKNOWN, (), "", counted=True),) if others else ()
    for one in (*words, *other):
        labels = f"{literal(one.name)}, {literal(one.phase)}"
        if one.counted:
            yield f"({labels}, '', true, {str(one.aged).lower()})"
        if one.comes:
            yield from (f"({labels}, '{window}', false, false)" for window in WINDOWS)


def _live(words: Sequence[Word], word: str, clocks: Mapping[str, str]) -> Iterator[str]:
    """The rows that are worth reading: of those that are history only the newest."""
    past = [one for one in words if not one.counted]
    if past:
        gone = spellings([value for one in past for value in one.values])
        ways = [f"coalesce({word}, '') NOT IN {gone}"]
        for one in past:
            if one.since:
                new = f"{clocks[one.since]} > now() - {DAY}"
                ways.append(f"{word} IN {spellings(one.values)} AND {new}")
        yield " OR ".join(ways)


def _streak(entity: str, name: str, table: StateTable) -> Query | None:
    """The most failures of the same that no success has followed."""
    streak = table.streak
    if streak is None:
        return None
    names, words = Names(table), _words(table)
    failed = [value for one in words if one.phase == "failed" for value in one.values]
    ends = [value for one in words if _ends(one, streak) for value in one.values]
    if streak.by is None or streak.at is None:
        raise ValueError("streak: write {by: COLUMN, at: COLUMN}")
    if not failed or not ends:
        raise ValueError("streak: needs a state that failed, and one that ends the streak")
    by, at = names.term(streak.by, "streak.by"), names.term(streak.at, "streak.at")
    within = round(STREAK_WITHIN if streak.within is None else streak.within)
    sql = f"""SELECT {literal(entity)} AS entity, coalesce(max(n), 0) AS streak
FROM (
  SELECT count(*) AS n
  FROM (
    SELECT which, moment, word,
      max(moment) FILTER (WHERE word IN {spellings(ends)}) OVER (PARTITION BY which) AS ended
    FROM (
      SELECT {by} AS which, {at} AS moment, {_word(table, names, words)} AS word
      {_source(table, names, f"{at} > now() - interval '{within} seconds'")}
    ) AS t
  ) AS r
  WHERE word IN {spellings(failed)} AND (ended IS NULL OR moment > ended) GROUP BY which
) AS s"""  # noqa: S608 - every name is quoted, every condition the configuration's own
    return _query(name, sql, {"watched_failure_streak": "streak"}, ("entity",), table, names)


def _ends(word: Word, streak: Streak) -> bool:
    return word.name in streak.ends if streak.ends is not None else word.phase == "done"
