"""The fast path for JSON lines: decode only what some rule needs, then move cells by spelling.

Whatever is unusual about a line (no known level, an exception, a field of a strange type, broken
JSON) is left to the exact reading: `run` stops there, and has moved nothing for that line.
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

Run = Callable[[list[bytes], int], int]
Moves = tuple[Get | None, tuple[hot.Move, ...]]


class JsonLines:
    """Counts the JSON lines of one service. `record_cell` gives the cell of a level's records.

    `run(lines, start)` counts from `start` on; the index of the first line it is not sure of.
    """

    def __init__(self, plan: Plan, mover: Mover, record_cell: Callable[[str], int]) -> None:
        self._plan = plan
        self._mover = mover
        self._shape = Shape(set().union(*(one.fields() for one in plan.rules)) - OWN_NAMES)
        self._record_cell = record_cell
        self._levels: dict[Any, tuple[int, dict[str, Moves]]] = {}
        self._compiled: dict[Compiled, list[hot.Move]] = {}
        self._spellings: list[Spellings] = []
        self._when = self._clock()
        self.run = self._runner()

    def clear(self) -> None:
        """Forget all cells: an index may mean another series now."""
        self._levels.clear()
        for spellings in self._spellings:
            spellings.clear()

    def _runner(self) -> Run:
        """The function that counts lines for as long as it is sure of them."""
        decode = msgspec.json.Decoder(self._shape.type).decode
        first, no_exception = self._shape.first, (None,) * (self._shape.first_size - 2)
        message_of, level_of = self._shape.message, self._shape.level
        known, values = self._levels, self._mover.registry.values

        def run(lines: list[bytes], start: int) -> int:
            for at in range(start, len(lines)):
                line = lines[at]
                if line[:1] != b"{":
                    return at
                try:
                    source = decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    return at
                head = first(source)
                if head[2:] != no_exception:
                    return at
                spelled = level_of(source) if head[1] is None else head[1]
                level = known.get(spelled) or self._level(spelled)
                if level is None:
                    return at
                message = message_of(source) if head[0] is None else head[0]
                if message.__class__ is not str:
                    return at
                found = level[1].get(message)
                doubt, moves = self._find(spelled, message) if found is None else found
                if doubt is not None and doubt(source):
                    return at
                values[level[0]] += 1.0
                for move in moves:
                    move(source)
            return len(lines)

        return run

    def _level(self, spelled: Any) -> tuple[int, dict[str, Moves]] | None:
        level = levels.level(spelled) if spelled.__class__ in (str, int) else None
        if level is None:
            return None
        found: tuple[int, dict[str, Moves]] = self._record_cell(level), {}
        self._levels[spelled] = found
        return found

    def _find(self, spelled: Any, message: str) -> Moves:
        """The moves of a message at a level, and what must not be true of its line."""
        level, service = levels.level(spelled), self._mover.service
        rules = [one for one, _ in self._plan.by_message(message)]
        rules = [one for one in rules if one.possible(FORMAT, level, service)]
        found: Moves = (_always, ())
        if all(one.certain() for one in rules):
            names = set().union(*(one.fields() for one in rules))
            moves = tuple(move for one in rules for move in self._moves(one))
            found = (self._shape.literals(names), moves)
        known = self._levels[spelled][1]
        if len(known) >= _CACHED_MESSAGES:
            known.clear()
        if len(message) <= _LONGEST_CACHED:
            known[message] = found
        return found

    def _moves(self, one: Compiled) -> list[hot.Move]:
        """What a rule moves, made once; behind its conditions, where it has some."""
        if one not in self._compiled:
            moves = [self._move(effect) for effect in one.effects]
            tests = [
                hot.test(where, self._shape.value(where.field), _same)
                for where in one.rule.where
                if where.field != "service"
            ]
            self._compiled[one] = [hot.guarded(tests, moves)] if tests else moves
        return self._compiled[one]

    def _move(self, effect: Effect) -> hot.Move:
        shape, mover = self._shape, self._mover
        names = sorted({label.field for label in effect.labels if label.field} - {"service"})
        spellings = Spellings(effect, mover, self._named(names), typed=True)
        self._spellings.append(spellings)
        access = hot.Access(
            shape.values(names),
            shape.value(effect.value) if effect.value else None,
            number,
            self._text(effect.exemplar) if effect.exemplar else None,
            self._when,
        )
        if effect.action == "count":
            return hot.count(spellings, mover, effect, access)
        if effect.action == "observe":
            return hot.observe(spellings, mover, effect, access)
        if effect.action == "set":
            return hot.gauge(spellings, mover, effect, access)
        return hot.rare(mover, effect, self._whole, self._when)

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

    def _text(self, name: str) -> Get:
        get = self._shape.value(name)
        return lambda source: text(get(source))

    def _clock(self) -> Callable[[Any], float | None]:
        """The record's own time, else its envelope's; since 1970."""
        usual, rest, mover = self._shape.usual_time, self._shape.time, self._mover

        def when(source: Any) -> float | None:
            raw = usual(source)
            if raw.__class__ is int and _MS_LEAST <= raw < _MS_MOST:
                return float(raw / 1000)
            own = seconds(rest(source), mover.zone)
            return mover.since if own is None else own

        return when


def _always(_: Any) -> bool:
    """A message some of whose rules look at more than this path decodes."""
    return True


def _same(value: Any) -> Any:
    """JSON values are what they are."""
    return value
