"""What tests of queue libraries share: the settings, the rights, and when all has been told."""

from __future__ import annotations

from collections.abc import Mapping

from exporter.sources.postgres import Library, Query, library_queries
from tests.support.asking import Asked, until
from tests.support.pg import Server

SETTINGS = """\
url: "{url}"
password: first
interval: 1s
subjects: {{traffic: false, server: false, connections: false}}
"""


def queries(library: Library) -> dict[str, Query]:
    """All queries about a library, by name."""
    return {query.name: query for query in library_queries(library, {}, asked=False)}


def grant(postgres: Server, database: str, library: Library) -> None:
    """Let the role that asks read what the library's queries need, and nothing else."""
    for query in queries(library).values():
        for table, columns in query.needs.tables.items():
            names = ", ".join(f'"{name}"' for name in columns)
            postgres.psql(f"GRANT SELECT ({names}) ON {table} TO watcher", database)


async def told(app: Asked, library: Library) -> None:
    """Wait until every query about the library has been answered."""
    wanted = queries(library).keys()
    await until(
        lambda: wanted <= {name for (name,) in app.series("sidewatch_query_duration_seconds")},
        f"all answers about {library.library}",
    )


def without_zeros(series: Mapping[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
    """The series that are not zero."""
    return {labels: value for labels, value in series.items() if value}
