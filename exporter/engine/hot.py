"""The moves of the fast paths: one closure for each effect, over the values of one line.

A closure takes `source` (a decoded JSON object, or the raw values of a key-value line) and moves
one series. It does all or nothing and cannot fail: what cannot be done exactly is decided before.
Each asks as few Python functions as it can, since calling them is what a line costs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from exporter.engine.moves import Mover, gathered
from exporter.engine.plan import Effect, Lookup, Update, meets
from exporter.engine.rules import Where
from exporter.engine.spelling import Spellings

_CACHED_TESTS = 4096

Move = Callable[[Any], None]
Get = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Access:
    """How a fast path reads its sources.

    `key` gives the labels as spelled, `amount` the value as spelled, `number` makes a float of
    what is neither float nor int, `exemplar` names the line, `when` is the record's own time.
    """

    key: Get
    amount: Get | None
    number: Callable[[Any], float | None]
    exemplar: Get | None
    when: Callable[[Any], float | None]


def count(spellings: Spellings, mover: Mover, effect: Effect, access: Access) -> Move:
    """Add 1, or the amount that the line tells."""
    cells, miss, values, key = spellings.cells, spellings.miss, mover.registry.values, access.key
    if access.amount is not None:
        return _add(spellings, mover, effect, access)

    def move(source: Any) -> None:
        spelled = key(source)
        cell = cells.get(spelled)
        if cell is None:
            cell = miss(spelled)
        if cell >= 0:
            values[cell] += 1.0

    return move


def _add(spellings: Spellings, mover: Mover, effect: Effect, access: Access) -> Move:
    amount, values, key = scaled(access, effect.scale), mover.registry.values, access.key

    def move(source: Any) -> None:
        value = amount(source)
        if value is not None and value >= 0:
            cell = spellings.cell(key(source))
            if cell >= 0:
                values[cell] += value

    return move


def scaled(access: Access, scale: float) -> Callable[[Any], float | None]:
    """The amount as a float; None where there is none."""
    get, number = access.amount, access.number

    def amount(source: Any) -> float | None:
        value = number(get(source)) if get is not None else None
        return None if value is None else value * scale

    return amount


def observe(spellings: Spellings, mover: Mover, effect: Effect, access: Access) -> Move:
    """Put the amount into a histogram, and keep the line's exemplar for its bucket."""
    cells, miss, values, key = spellings.cells, spellings.miss, mover.registry.values, access.key
    amount, number, scale = access.amount or access.key, access.number, effect.scale
    bounds, last = effect.family.buckets, len(effect.family.buckets) + 1
    exemplar = access.exemplar
    kept, name, moment, when = (
        mover.registry.exemplars,
        effect.exemplar or "",
        mover.moment,
        access.when,
    )

    def move(source: Any) -> None:
        value = amount(source)
        if value.__class__ is not float and (value := number(value)) is None:
            return
        value *= scale
        spelled = key(source)
        start = cells.get(spelled)
        if start is None:
            start = miss(spelled)
        if start < 0 or value < 0:
            return
        cell = start + bisect_left(bounds, value)
        values[cell] += 1.0
        values[start + last] += value
        if exemplar is not None:
            stands_for = exemplar(source)
            if stands_for:
                kept[cell] = (name, stands_for, value, moment.of(when(source)))

    return move


def gauge(spellings: Spellings, mover: Mover, effect: Effect, access: Access) -> Move:
    """Gather the amount in a windowed gauge, unless the record is too old."""
    cells, miss, values, key = spellings.cells, spellings.miss, mover.registry.values, access.key
    amount, number, scale = access.amount or access.key, access.number, effect.scale
    when, late, moment = access.when, mover.late, mover.moment
    aggregate = effect.setting.aggregate if effect.setting else "last"

    def move(source: Any) -> None:
        value = amount(source)
        if value.__class__ is not float and (value := number(value)) is None:
            return
        at = when(source)
        if at is not None and not moment.fresh <= at < moment.soon and late(at):
            return
        spelled = key(source)
        cell = cells.get(spelled)
        if cell is None:
            cell = miss(spelled)
        if cell >= 0:
            value *= scale
            values[cell] = (
                value if aggregate == "last" else gathered(aggregate, values[cell], value)
            )

    return move


def guarded(tests: list[Callable[[Any], bool]], moves: list[Move]) -> Move:
    """All the moves where all the tests hold."""

    def move(source: Any) -> None:
        for test in tests:
            if not test(source):
                return
        for each in moves:
            each(source)

    return move


def test(where: Where, get: Get, plain: Callable[[Any], Any]) -> Callable[[Any], bool]:
    """Whether a field meets a condition; asked once for each spelling and type of its value."""
    known: dict[tuple[Any, type], bool] = {}

    def holds(source: Any) -> bool:
        value = get(source)
        key = (value, value.__class__)
        found = known.get(key)
        if found is None:
            if len(known) >= _CACHED_TESTS:
                known.clear()
            known[key] = found = meets(where, plain(value))
        return found

    return holds


def rare(mover: Mover, effect: Effect, lookup: Callable[[Any], Lookup], when: Get) -> Move:
    """Anything else (events, heartbeats, drains): by an update, as the exact reading does."""

    def move(source: Any) -> None:
        look = lookup(source)
        labels, value = effect.label_texts(look), effect.amount(look)
        if labels is not None and value is not None:
            mover.move(Update(effect, labels, value), when(source))

    return move
