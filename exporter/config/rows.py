"""State tables: what an operator says of them, laid over what a profile says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from exporter.sources.postgres import Query, State, StateTable, Streak, row_queries
from exporter.sources.postgres.rows import OTHER

T = TypeVar("T", State, StateTable, Streak)
Tables = Mapping[str, StateTable]


def queries(profile: Tables, own: Tables, say: Callable[[str, str], None]) -> tuple[Query, ...]:
    """What to ask of the tables of both; `say` takes complaints by entity."""
    found: list[Query] = []
    for entity in {**profile, **own}:
        first, *others = _forms(profile.get(entity, StateTable()), own.get(entity, StateTable()))
        try:
            found += () if first.use is False else row_queries(entity, [first, *others])
        except ValueError as error:
            say(entity, str(error))
    return tuple(found)


def states(profile: Tables, own: Tables) -> dict[str, frozenset[str]]:
    """The states of each entity."""
    return {
        entity: frozenset({OTHER, *_laid(profile.get(entity), own.get(entity)).states})
        for entity in {**profile, **own}
    }


def _forms(profile: StateTable, own: StateTable) -> list[StateTable]:
    """The table as it should be, then as it may be where the database lacks a column."""
    first = laid(profile, own)
    if own.otherwise:
        return [first, *(laid(first, one) for one in own.otherwise)]
    return [first, *(laid(laid(profile, one), own) for one in profile.otherwise)]


def laid(under: T, over: T) -> T:
    """One laid over the other: what is said above goes before what is said below, key by key."""
    merged: dict[str, Any] = {}
    for name in under.__struct_fields__:
        below, above = getattr(under, name), getattr(over, name)
        if isinstance(below, Mapping):
            merged[name] = {**below, **{k: _laid(below.get(k), v) for k, v in above.items()}}
        else:
            merged[name] = _laid(below, above)
    return replace(under, **merged)


def _laid(below: Any, above: Any) -> Any:
    if above is None:
        return below
    return laid(below, above) if isinstance(below, Struct) else above
