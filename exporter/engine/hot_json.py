"""The fast path for JSON lines: decode only what some rule needs, then move cells by spelling.

Whatever is unusual about a line (no known level, an exception, a field of a strange type, broken
JSON) is left to the exact reading: `count` answers False then, and has moved nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from exporter.engine import hot
from exporter.engine.moves import Mover
from exporter.engine.plan import OWN_NAMES, Compiled, Effect, Lookup, Plan
from exporter.engine.shape import Get, Shape
from exporter.engine.spelling import Spellings
from exporter.engine.values import number, text
from parsers import levels
from parsers.times import seconds

FORMAT = "jsonlines"
_CACHED_MESSAGES, _LONGEST_CACHED = 4096, 1024
_MS_LEAST, _MS_MOST = 10**11, 10**14  # a number of this size counts milliseconds

Moves = tuple[Get | None, tuple[hot.Move, ...]]


class JsonLines:
    """Counts the JSON lines of one service. `record_cell` gives the cell of a level's records."""

    def __init__(self, plan: Plan, mover: Mover, record_cell: Callable[[str], int]) -> None:
        self._plan = plan
        self._mover = mover
        self._shape = Shape(set().union(*(one.fields() for one in plan.rules)) - OWN_NAMES)
        self._record_cell = record_cell
        self._levels: dict[Any, int] = {}
        self._moves: dict[str, Moves | None] = {}
        self._spellings: list[Spellings] = []
        self.count = self._counter()

    def clear(self) -> None:
        """Forget all cells: an index may mean another series now."""
        self._levels.clear()
        for spellings in self._spellings:
            spellings.clear()

    def _counter(self) -> Callable[[bytes], bool]:
        """The function that counts a line, or answers False and leaves it to the exact reading."""
        decode = msgspec.json.Decoder(self._shape.type).decode
        message_of, level_of = self._shape.message, self._shape.level
        unusual, cells, known = self._shape.exceptions, self._levels, self._moves
        values = self._mover.registry.values

        def count(line: bytes) -> bool:
            try:
                source = decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return False
            if unusual(source):
                return False
            spelled = level_of(source)
            cell = cells.get(spelled)
            if cell is None:
                cell = self._level(spelled)
            message = message_of(source)
            if cell is None or message.__class__ is not str:
                return False
            found = known[message] if message in known else self._find(message)
            if found is None or (found[0] is not None and found[0](source)):
                return False
            values[cell] += 1.0
            for move in found[1]:
                move(source)
            return True

        return count

    def _level(self, spelled: Any) -> int | None:
        level = levels.level(spelled) if spelled.__class__ in (str, int) else None
        if level is None:
            return None
        self._levels[spelled] = cell = self._record_cell(level)
        return cell

    def _find(self, message: str) -> Moves | None:
        """The moves of a message, and what must not be true of its line; None: read it exactly."""
        rules = [one for one, _ in self._plan.by_message(message)]
        rules = [one for one in rules if one.rule.format in (None, FORMAT) and not one.exception]
        found: Moves | None = None
        if not any(one.conditional() or one.fields() & self._exact_names(one) for one in rules):
            names = set().union(*(one.fields() for one in rules))
            moves = tuple(self._move(effect) for one in rules for effect in one.effects)
            found = (self._shape.literals(names), moves)
        if len(self._moves) >= _CACHED_MESSAGES:
            self._moves.clear()
        if len(message) <= _LONGEST_CACHED:
            self._moves[message] = found
        return found

    def _exact_names(self, one: Compiled) -> frozenset[str]:
        return OWN_NAMES | one.captures()

    def _move(self, effect: Effect) -> hot.Move:
        shape, mover = self._shape, self._mover
        names = sorted({label.field for label in effect.labels if label.field} - {"service"})
        spellings = Spellings(effect, mover, self._named(names), typed=True)
        self._spellings.append(spellings)
        key = shape.values(names)
        if effect.action == "count":
            return hot.count(spellings, mover, key, self._amount(effect) if effect.value else None)
        if effect.action == "observe":
            exemplar = self._text(effect.exemplar) if effect.exemplar else None
            amount = self._amount(effect)
            return hot.observe(spellings, mover, effect, key, amount, exemplar, self._time)
        if effect.action == "set":
            return hot.gauge(spellings, mover, effect, key, self._amount(effect), self._time)
        return hot.rare(mover, effect, self._whole, self._time)

    def _named(self, names: list[str]) -> Callable[[Any], Lookup]:
        """What `Spellings` makes of a key: the names back, to look labels up by."""
        service = self._mover.service

        def lookup(key: Any) -> Lookup:
            values = (
                {names[0]: key} if len(names) == 1 else dict(zip(names, key or (), strict=True))
            )
            values["service"] = service
            return values.get

        return lookup

    def _whole(self, source: Any) -> Lookup:
        service, value = self._mover.service, self._shape.value

        def look(name: str) -> Any:
            return service if name == "service" else value(name)(source)

        return look

    def _amount(self, effect: Effect) -> Get:
        get, scale = self._shape.value(effect.value or ""), effect.scale

        def amount(source: Any) -> float | None:
            value = get(source)
            kind = value.__class__
            if kind is int or kind is str:
                value = number(value)
            elif kind is not float:
                return None
            return value if value is None else value * scale

        return amount

    def _text(self, name: str) -> Get:
        get = self._shape.value(name)
        return lambda source: text(get(source))

    def _time(self, source: Any) -> float | None:
        raw = self._shape.time(source)
        if raw.__class__ is int and _MS_LEAST <= raw < _MS_MOST:
            return float(raw / 1000)
        own = None if raw is None else seconds(raw, self._mover.zone)
        return self._mover.since if own is None else own
