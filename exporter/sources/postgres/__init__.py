"""A database asked: one connection, one query at a time, each read-only and within its budget."""

from exporter.sources.postgres.query import Needs, Query, Versions
from exporter.sources.postgres.settings import Postgres
from exporter.sources.postgres.source import Database

__all__ = ["Database", "Needs", "Postgres", "Query", "Versions"]
