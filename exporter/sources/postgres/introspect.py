"""What a database has and lets this role see: queries that cannot run are told, with a remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from exporter.sources.postgres.query import Query
from exporter.sources.postgres.session import Session

# The first of the path's schemas that has the table is meant where no schema is named. Only the
# catalogs are read: they are open to every role, and a lock on the table does not lock them.
COLUMNS = """
SELECT w.wanted::text, a.attname::text,
       (has_schema_privilege(c.relnamespace, 'USAGE')
        AND has_column_privilege(c.oid, a.attnum, 'SELECT'))::int::float8
FROM unnest($1::text[]) AS w(wanted)
CROSS JOIN LATERAL (
    SELECT c.oid, c.relnamespace
    FROM pg_catalog.pg_class c
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


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a query is not run: a word for the label, and a sentence with what would help."""

    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found: the major version, the role, readable columns by table, roles it is in.

    A column's value says whether this role may read it; a predefined role's whether it is a member.
    """

    version: int
    role: str
    tables: Mapping[str, Mapping[str, bool]]
    roles: Mapping[str, bool]

    def obstacle(self, query: Query) -> Obstacle | None:
        """What keeps this query from running, the first thing there is."""
        since, until = query.versions.since, query.versions.until
        if not since <= self.version <= until:
            return Obstacle("version", f"is not for PostgreSQL {self.version}")
        for table, columns in query.needs.tables.items():
            if found := self._table(table, columns):
                return found
        for role in query.needs.roles:
            if not self.roles.get(role, False):
                text = f"needs what members of {role} may see: GRANT {role} TO {self._who}"
                return Obstacle("privilege", text)
        return None

    def _table(self, table: str, columns: Iterable[str]) -> Obstacle | None:
        known = self.tables.get(table)
        if known is None:
            return Obstacle("missing", f"there is no table {table}")
        missing = [name for name in columns if name not in known]
        if missing:
            return Obstacle("missing", f"{table} has no column {', '.join(missing)}")
        hidden = [name for name in columns if not known[name]]
        if hidden:
            grant = f"GRANT SELECT ({', '.join(hidden)}) ON {table} TO {self._who}"
            schema = table.rpartition(".")[0]
            usage = f", and GRANT USAGE ON SCHEMA {schema} TO {self._who}" if schema else ""
            return Obstacle("privilege", f"may not be read: {grant}{usage}")
        return None

    @property
    def _who(self) -> str:
        return '"' + self.role.replace('"', '""') + '"'


async def introspect(session: Session, queries: Iterable[Query], limit: float) -> Findings:
    """Look at the catalogs. Raises QueryError or SourceError."""
    asked = list(queries)
    tables = sorted({table for query in asked for table in query.needs.tables})
    roles = sorted({role for query in asked for role in query.needs.roles})
    ((version, role),) = await session.ask(SERVER, timeout=limit)
    columns = await session.ask(COLUMNS, tables, timeout=limit) if tables else ()
    member = await session.ask(ROLES, roles, timeout=limit) if roles else ()
    return Findings(
        int(version) // 10_000,
        role,
        _by_table(columns),
        {name: bool(value) for name, value in member},
    )


def _by_table(rows: Iterable[Any]) -> dict[str, dict[str, bool]]:
    tables: dict[str, dict[str, bool]] = {}
    for table, column, readable in rows:
        tables.setdefault(table, {})[column] = bool(readable)
    return tables
