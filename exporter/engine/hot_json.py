"""The fast path for JSON lines: decode only what some rule needs, then move cells by spelling.

Whatever is unusual about a line (no known level, an exception, a field of a strange type, broken
JSON) is left to the exact reading: `run` stops there, and has moved nothing for that line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from exporter.engine.hot import MOST_SETS, Access, Maker, Moves, together
from exporter.engine.meaning import of_message
from exporter.engine.moves import Mover
from exporter.engine.plan import OWN_NAMES, Plan, Rules
from exporter.engine.shape import Shape
from exporter.engine.values import number, text
from parsers import levels
from parsers.times import seconds

_CACHED, _LONGEST_CACHED = 4096, 1024
_MS_LEAST, _MS_MOST = 10**11, 10**14  # a number of this size counts milliseconds

Run = Callable[[list[bytes], int], int]
Level = tuple[int, dict[str, Moves | None]]  # the cell of its records; moves by message


class JsonLines:
    """Counts the JSON lines of one service. `record_cell` gives the cell of a level's records.

    `run(lines, start)` counts from `start` on; the index of the first line it is not sure of.
    """

    def __init__(self, plan: Plan, mover: Mover, record_cell: Callable[[str], int]) -> None:
        self._plan = plan
        self._mover = mover
        self._record_cell = record_cell
        self._shape = Shape(set().union(*(one.fields() for one in plan.rules)) - OWN_NAMES)
        self._access = Access(self._shape.values, _same, number, text)
        self._decode = self._shape.decoder()
        self._maker = Maker(mover)
        self._parts: dict[Rules, Moves] = {}
        self._made: dict[tuple[Rules, ...], Moves] = {}
        self._levels: dict[str | int, Level] = {}
        self.run = self._runner()

    def forget(self, *, streams_only: bool = False) -> None:
        """Forget cells that may mean another series now."""
        self._maker.forget(streams_only=streams_only)
        if not streams_only:
            self._levels.clear()

    def _runner(self) -> Run:
        """The function that counts lines for as long as it is sure of them."""
        mover, levels = self._mover, self._levels
        values, moment = mover.registry.values, mover.moment

        def run(lines: list[bytes], start: int) -> int:
            decode, has_time = self._decode, self._shape.has_time
            for index in range(start, len(lines)):
                line = lines[index]
                if line[:1] != b"{":
                    return index
                try:
                    source = decode(line)
                except msgspec.ValidationError:
                    self._learn(line)
                    return index
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    return index
                message = source.message
                level = levels.get(source.level) or self._level(source.level)
                if level is None or message is None:
                    self._learn(line)
                    return index
                cell, known = level
                found = known.get(message) or self._find(source.level, message)
                if found is None:
                    return index
                timed, moves, late = found
                at = source.time
                if timed:
                    if at.__class__ is int and _MS_LEAST <= at < _MS_MOST:
                        at /= 1000
                    elif at is not None or not has_time:
                        at = self._time(at)
                    else:  # another key may tell it
                        self._learn(line)
                        return index
                    if at is not None and not moment.fresh <= at < moment.soon:
                        if at < moment.fresh:
                            moves = late
                        else:
                            mover.arrive(at)
                values[cell] += 1.0
                for move in moves:
                    move(source, at)
            return len(lines)

        return run

    def _learn(self, line: bytes) -> None:
        """Decode otherwise where enough lines are not as they were expected."""
        if self._shape.learn(line):
            self._decode = self._shape.decoder()
            self._maker.forget()  # 1 and True are one spelling, of which now the other may come

    def _level(self, spelled: str | int | None) -> Level | None:
        name = levels.level(spelled)
        if name is None or spelled is None:
            return None
        if len(self._levels) >= _CACHED:
            self._levels.clear()
        known = (self._levels[one] for one in self._levels if levels.level(one) == name)
        level = self._levels[spelled] = next(known, None) or (self._record_cell(name), {})
        return level

    def _time(self, raw: str | float | None) -> float | None:
        """The record's own time, else its envelope's; since 1970."""
        own = seconds(raw, self._mover.zone)
        return self._mover.since if own is None else own

    def _find(self, spelled: str | int, message: str) -> Moves | None:
        """The moves of a message at a level; None where fields alone do not tell them."""
        if len(self._made) >= MOST_SETS:
            self._begin_again()
            self._level(spelled)
        known, level = self._levels[spelled][1], levels.level(spelled)
        if message in known:
            return None
        rules = of_message(self._plan, self._mover.service, level, message, self._shape.serves)
        found: Moves | None = None
        if rules is not None:
            if rules not in self._made:
                self._made[rules] = together(map(self._part, rules))
            found = self._made[rules]
        if len(known) >= _CACHED:
            known.clear()
        if len(message) <= _LONGEST_CACHED:
            known[message] = found
        return found

    def _begin_again(self) -> None:
        self._maker = Maker(self._mover)
        for made in (self._levels, self._made, self._parts):
            made.clear()

    def _part(self, rules: Rules) -> Moves:
        if rules not in self._parts:
            self._parts[rules] = self._maker.moves(rules, self._access)
        return self._parts[rules]


def _same(value: Any) -> Any:
    """JSON values are what they are."""
    return value
