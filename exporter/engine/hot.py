"""The moves of the fast paths: one closure for each effect, over spelled values.

A closure takes `source` (a decoded JSON object, or the raw values of a key-value line) and moves
one series. It must do all or nothing and cannot fail: what it cannot do exactly is decided before.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from exporter.engine.moves import Mover, gathered
from exporter.engine.plan import Effect, Update
from exporter.engine.spelling import Spellings

Move = Callable[[Any], None]
Get = Callable[[Any], Any]


def count(spellings: Spellings, mover: Mover, key: Get, amount: Get | None) -> Move:
    """Add 1, or the amount that the line tells."""
    cells, miss, values = spellings.cells, spellings.miss, mover.registry.values

    def one(source: Any) -> None:
        spelled = key(source)
        cell = cells.get(spelled)
        if cell is None:
            cell = miss(spelled)
        if cell >= 0:
            values[cell] += 1.0

    def many(source: Any) -> None:
        value = amount(source) if amount is not None else None
        if value is None or value < 0:
            return
        spelled = key(source)
        cell = cells.get(spelled)
        if cell is None:
            cell = miss(spelled)
        if cell >= 0:
            values[cell] += value

    return one if amount is None else many


def observe(
    spellings: Spellings,
    mover: Mover,
    effect: Effect,
    key: Get,
    amount: Get,
    exemplar: Get | None,
    when: Get,
) -> Move:
    """Put the amount into a histogram, and keep the line's exemplar for its bucket."""
    cells, miss, values = spellings.cells, spellings.miss, mover.registry.values
    bounds, last = effect.family.buckets, len(effect.family.buckets) + 1
    kept, name, moment = mover.registry.exemplars, effect.exemplar or "", mover.moment

    def move(source: Any) -> None:
        value = amount(source)
        if value is None or value < 0:
            return
        spelled = key(source)
        start = cells.get(spelled)
        if start is None:
            start = miss(spelled)
        if start < 0:
            return
        cell = start + bisect_left(bounds, value)
        values[cell] += 1.0
        values[start + last] += value
        if exemplar is not None:
            stands_for = exemplar(source)
            if stands_for:
                kept[cell] = (name, stands_for, value, moment.of(when(source)))

    return move


def gauge(
    spellings: Spellings, mover: Mover, effect: Effect, key: Get, amount: Get, when: Get
) -> Move:
    """Gather the amount in a windowed gauge, unless the record is too old."""
    cells, miss, values, late = spellings.cells, spellings.miss, mover.registry.values, mover.late
    aggregate = effect.setting.aggregate if effect.setting else "last"

    def move(source: Any) -> None:
        value = amount(source)
        if value is None:
            return
        spelled = key(source)
        cell = cells.get(spelled)
        if cell is None:
            cell = miss(spelled)
        if cell >= 0 and not late(when(source)):
            values[cell] = (
                value if aggregate == "last" else gathered(aggregate, values[cell], value)
            )

    return move


def rare(
    mover: Mover, effect: Effect, lookup: Callable[[Any], Callable[[str], Any]], when: Get
) -> Move:
    """Anything else (events, heartbeats, drains): by an update, as the exact reading does."""

    def move(source: Any) -> None:
        look = lookup(source)
        labels, value = effect.label_texts(look), effect.amount(look)
        if labels is not None and value is not None:
            mover.move(Update(effect, labels, value), when(source))

    return move
