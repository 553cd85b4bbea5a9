"""What a database has and lets this role see: queries that cannot run are told, with a remedy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from exporter.sources.postgres.query import Part, Query
from exporter.sources.postgres.session import Session

PLAIN = re.compile(r"[a-z_][a-z0-9_]*")

# The first of the path's schemas that has the table is meant where no schema is named. Only the
# catalogs are read: they are open to every role, and a lock on the table does not lock them. Where
# row-level security has no policy for this role, the table would seem to be empty; so it would
# where one is for everybody on a condition, which is that of the application's own sessions. (The
# condition `true` is known by its tree, for pg_get_expr would wait for the table's lock.)
# Names may hold dots, so that of the table may begin after any of them; each is looked up by the
# catalog's index, for there are databases with a hundred thousand tables.
COLUMNS = """
SELECT w.wanted::text, a.attname::text,
       (has_schema_privilege(c.relnamespace, 'USAGE')
        AND has_column_privilege(c.oid, a.attnum, 'SELECT'))::int::float8,
       c.hidden::int::float8
FROM unnest($1::text[]) AS w(wanted)
CROSS JOIN LATERAL (
    SELECT c.oid, c.relnamespace, row_security_active(c.oid) AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_policy AS y
        WHERE y.polrelid = c.oid AND y.polpermissive AND y.polcmd IN ('r', '*')
          AND (0 = ANY (y.polroles)
               AND y.polqual::text LIKE '{CONST :consttype 16 %:constisnull false %[% 1 %]%'
               OR EXISTS (SELECT FROM unnest(y.polroles) AS r(role)
                          WHERE r.role <> 0 AND pg_has_role(r.role, 'USAGE')))
    ) AS hidden
    FROM (
        SELECT w.wanted UNION ALL SELECT substr(w.wanted, dot + 1)
        FROM generate_series(1, length(w.wanted)) AS dot WHERE substr(w.wanted, dot, 1) = '.'
    ) AS t(name)
    JOIN pg_catalog.pg_class c ON c.relname = t.name
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN unnest(current_schemas(true)) WITH ORDINALITY AS p(name, place)
        ON p.name = n.nspname
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND (n.nspname || '.' || c.relname = w.wanted
           OR (c.relname = w.wanted AND p.place IS NOT NULL))
    ORDER BY p.place NULLS LAST LIMIT 1
) AS c
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
"""
ROLES = """
SELECT r.rolname::text, pg_has_role(r.oid, 'USAGE')::int::float8
FROM pg_catalog.pg_roles r WHERE r.rolname = ANY($1::text[])
"""
SERVER = "SELECT current_setting('server_version_num')::float8, current_user::text"


class Obstacle(Struct, frozen=True):
    """Why a query is not run: a word for the label, and a sentence with what would help."""

    reason: str
    text: str


class Findings(Struct, frozen=True):
    """What was found: the major version, the role, readable columns by table, roles it is in.

    A column's value says whether this role may read it; a predefined role's whether it is a member.
    The rows of tables that are `hidden` are kept from this role, all of them.
    """

    version: int
    role: str
    tables: Mapping[str, Mapping[str, bool]]
    roles: Mapping[str, bool]
    hidden: frozenset[str] = frozenset()
    generations: Mapping[str, int] = field(default_factory=dict)

    def has(self, query: Query) -> bool:
        """Whether what the query asks about is here; what was asked for is missed where not."""
        part = query.part
        if part is None:
            return True
        return part.order == self.generations.get(part.group, 0 if part.asked else None)

    def fits(self, part: Part) -> bool:
        """Whether the tables are those of this generation."""
        return not any(self._lack(*each) for each in part.signs.items()) and not any(
            self._shows(*each) for each in part.lacks.items()
        )

    def _lack(self, table: str, columns: Iterable[str]) -> str | None:
        """What is not there of a table, as a sentence."""
        known = self.tables.get(table)
        if known is None:
            return f"there is no table {table}"
        missing = [name for name in columns if name not in known]
        return f"{table} has no column {', '.join(missing)}" if missing else None

    def _shows(self, table: str, columns: tuple[str, ...]) -> bool:
        known = self.tables.get(table)
        return known is not None and (not columns or any(name in known for name in columns))

    def obstacle(self, query: Query) -> Obstacle | None:
        """What keeps this query from running, the first thing there is."""
        if query.part is not None and query.part.group not in self.generations:
            lacking = (self._lack(*each) for each in query.part.signs.items())
            what = next(filter(None, lacking), "its tables are of a form that is not known")
            return Obstacle("missing", f"no {query.part.group} is here: {what}")
        since, until = query.versions.since, query.versions.until
        if not since <= self.version <= until:
            return Obstacle("version", f"is not for PostgreSQL {self.version}")
        for table, columns in query.needs.tables.items():
            if found := self._table(table, columns):
                return found
        for role in query.needs.roles:
            if not self.roles.get(role, False):
                text = f"needs what members of {role} may see: GRANT {role} TO {self.who}"
                return Obstacle("privilege", text)
        return None

    def _table(self, table: str, columns: Iterable[str]) -> Obstacle | None:
        if lack := self._lack(table, columns):
            return Obstacle("missing", lack)
        known = self.tables[table]
        hidden = [name for name in columns if not known[name]]
        if hidden:
            columns, names = ", ".join(map(_spelled, hidden)), table.split(".", 1)
            grant = f"GRANT SELECT ({columns}) ON {'.'.join(map(_spelled, names))} TO {self.who}"
            schema = _spelled(names[0]) if len(names) > 1 else ""
            usage = f", and GRANT USAGE ON SCHEMA {schema} TO {self.who}" if schema else ""
            return Obstacle("privilege", f"may not be read: {grant}{usage}")
        if table in self.hidden:
            where = ".".join(map(_spelled, table.split(".", 1)))
            policy = f"CREATE POLICY sidewatch ON {where} FOR SELECT TO {self.who} USING (true)"
            return Obstacle("privilege", f"row-level security may hide all rows: {policy}")
        return None

    @property
    def who(self) -> str:
        """The role as SQL names it."""
        return _quoted(self.role)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _spelled(name: str) -> str:
    """A name as SQL, in quotes where it needs them."""
    return name if PLAIN.fullmatch(name) else _quoted(name)


async def introspect(session: Session, queries: Iterable[Query], limit: float) -> Findings:
    """Look at the catalogs. Raises QueryError or SourceError."""
    asked = list(queries)
    parts = list(
        {(query.part.group, query.part.order): query.part for query in asked if query.part}.values()
    )
    tables = sorted(
        {table for query in asked for table in query.needs.tables}
        | {table for part in parts for table in (*part.signs, *part.lacks)}
    )
    roles = sorted({role for query in asked for role in query.needs.roles})
    ((version, role),) = await session.ask(SERVER, timeout=limit)
    columns = await session.ask(COLUMNS, tables, timeout=limit) if tables else ()
    member = await session.ask(ROLES, roles, timeout=limit) if roles else ()
    found = Findings(
        int(version) // 10_000,
        role,
        _by_table(columns),
        {name: bool(value) for name, value in member},
        frozenset(table for table, _, _, hidden in columns if hidden),
    )
    return replace(found, generations=_generations(found, parts))


def _generations(found: Findings, parts: Iterable[Part]) -> dict[str, int]:
    """Of what may be here in several forms, the first form that fits."""
    generations: dict[str, int] = {}
    for part in sorted(parts, key=lambda part: part.order):
        if part.group not in generations and found.fits(part):
            generations[part.group] = part.order
    return generations


def _by_table(rows: Iterable[Any]) -> dict[str, dict[str, bool]]:
    tables: dict[str, dict[str, bool]] = {}
    for table, column, readable, _ in rows:
        tables.setdefault(table, {})[column] = bool(readable)
    return tables
