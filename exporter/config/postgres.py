"""`postgres:` of an application: where its database is, and every query that it will be asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from functools import cache
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from exporter.config.build import Builder, Raw, entries, instead
from exporter.config.families import unfit
from exporter.config.nodes import At, Entries, Refused, compose
from exporter.config.queues import FOLDER, queue_queries
from exporter.config.rows import queries as row_queries
from exporter.config.settings import SHORT, PostgresPart
from exporter.config.texts import SHIPPED
from exporter.model import Family
from exporter.sources.postgres import Postgres, Query

HEALTH = "queries/health.yaml"
ROWS = "rows"
GIVEN = "database"  # the label that a query need not have as a column


class Queries(Struct, frozen=True):
    """A file of queries."""

    queries: tuple[Query, ...]


@cache
def health() -> tuple[Query, ...]:
    """The queries about the health of any database, which come with sidewatch."""
    text = (SHIPPED / HEALTH).read_text(encoding="utf-8")
    at = At(HEALTH)
    try:
        return Builder().build(Queries, compose(text, at, shipped=True), at).queries
    except Refused:
        raise AssertionError("\n".join(map(str, at.complaints))) from None


def postgres(
    part: Raw | None, profile: PostgresPart, families: Mapping[str, Family], base: Path
) -> Postgres | None:
    """The settings with every query that is to run; mistakes go to the complaints of the place.

    They go before what the profile says.
    """
    if part is None:
        return None
    try:
        settings = _over(profile, Builder(short=SHORT).build(Postgres, part.node, part.at))
    except Refused:
        return None
    mapping = entries(part.node, part.at)
    known = health()
    _check_subjects(settings, known, mapping, part.at)
    asked = [one for one in known if settings.subjects.get(one.subject, True)]
    queues = tuple(queue_queries(settings, part.node, part.at, base))
    rows = row_queries(profile.rows, settings.rows, _complains(mapping, part.at))
    taken = {one.name for one in (*known, *queues, *rows)}
    _check_queries(settings.queries, taken, mapping, part.at, families)
    return dataclasses.replace(
        settings,
        password_file=settings.password_file and base / settings.password_file,
        passfile=settings.passfile and base / settings.passfile,
        queries=(
            *asked,
            *queues,
            *(rows if settings.subjects.get(ROWS, True) else ()),
            *settings.queries,
        ),
    )


def check_rows(profile: PostgresPart, whole: Entries, at: At) -> None:
    """Complain of a profile's state tables, whether or not a database is named."""
    row_queries(profile.rows, {}, _complains(_part(whole, "postgres"), at.child("postgres")))


def _complains(part: Entries, at: At) -> Callable[[str, str], None]:
    """How to complain of one of the state tables of this part."""
    here, rows = at.child(ROWS), _part(part, ROWS)
    return lambda name, wrong: here.child(name).say(rows.line_of(name), wrong)


def _part(whole: Entries, key: str) -> Entries:
    """What stands under this key, as a mapping, empty where it is none."""
    nodes = [pair.node for pair in whole.pairs if pair.key == key]
    found = next((node for node in nodes if isinstance(node, Entries)), None)
    return found or Entries((), whole.line_of(key))


def _over(profile: PostgresPart, settings: Postgres) -> Postgres:
    """The settings, with what the profile says where they say nothing."""
    limit = profile.pool_limit if settings.pool_limit is None else settings.pool_limit
    queues = {
        name: replace(use, names={**profile.queues[name].names, **use.names})
        for name, use in settings.queues.items()
        if name in profile.queues
    }
    return dataclasses.replace(
        settings,
        pool_limit=limit,
        queues={**profile.queues, **settings.queues, **queues},
    )


def _check_subjects(settings: Postgres, known: tuple[Query, ...], mapping: Entries, at: At) -> None:
    subjects = {FOLDER, ROWS, *(one.subject for one in known)}
    for name in settings.subjects.keys() - subjects:
        text = f"there is no subject {name}{instead(name, subjects)}"
        at.child("subjects").say(mapping.line_of("subjects"), text)


def _check_queries(
    queries: tuple[Query, ...],
    taken: Collection[str],
    mapping: Entries,
    at: At,
    families: Mapping[str, Family],
) -> None:
    """Complain of names that stand twice, and of metrics that the columns cannot fill."""
    line, here = mapping.line_of("queries"), at.child("queries")
    seen = set(taken)
    for query in queries:
        if query.name in seen:
            here.say(line, f"there is a query {query.name} already")
        seen.add(query.name)
        for metric in query.metrics:
            if wrong := misfit(query, metric, families):
                here.say(line, f"{query.name}: {wrong}")


def misfit(query: Query, metric: str, families: Mapping[str, Family]) -> str | None:
    """What is wrong with giving this metric the query's values and labels."""
    return unfit(metric, query.labels, families, ("counter", "gauge"), GIVEN, "a query")
