"""A database asked: one connection, one query at a time, each read-only and within its budget."""

from exporter.sources.postgres.query import Needs, Part, Query, Versions
from exporter.sources.postgres.queue_sql import queries as library_queries
from exporter.sources.postgres.queues import Library
from exporter.sources.postgres.row_sql import queries as row_queries
from exporter.sources.postgres.rows import State, StateTable, Streak
from exporter.sources.postgres.settings import Postgres, Use
from exporter.sources.postgres.source import Database

__all__ = [
    "Database",
    "Library",
    "Needs",
    "Part",
    "Postgres",
    "Query",
    "State",
    "StateTable",
    "Streak",
    "Use",
    "Versions",
    "library_queries",
    "row_queries",
]
