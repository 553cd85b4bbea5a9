"""The fast path for JSON lines: decode only what some rule needs, then move cells by spelling.

Whatever is unusual about a line (no known level, an exception, a field of a strange type, broken
JSON) is left to the exact reading: `run` stops there, and has moved nothing for that line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from exporter.engine.hot import Access, Maker, Moves
from exporter.engine.moves import Mover
from exporter.engine.plan import OWN_NAMES, Compiled, Plan
from exporter.engine.shape import Shape
from exporter.engine.values import number, text
from parsers import levels
from parsers.exceptions import PYTHON_HEAD
from parsers.times import seconds

FORMAT = "jsonlines"
_CACHED, _LONGEST_CACHED = 4096, 1024
_MS_LEAST, _MS_MOST = 10**11, 10**14  # a number of this size counts milliseconds

Run = Callable[[list[bytes], int], int]
Level = tuple[int, str, dict[str, Moves | None]]  # the cell of its records; moves by message


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
        self._made: dict[tuple[Compiled, ...], Moves] = {}
        self._levels: dict[str | int, Level] = {}
        self.run = self._runner()

    def forget(self, *, streams_only: bool = False) -> None:
        """Forget cells that may mean another series now."""
        self._maker.forget(streams_only=streams_only)
        if not streams_only:
            self._levels.clear()

    def _runner(self) -> Run:
        """The function that counts lines for as long as it is sure of them."""
        levels, values, moment = self._levels, self._mover.registry.values, self._mover.moment

        def run(lines: list[bytes], start: int) -> int:
            decode = self._decode
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
                level = levels.get(source.level) or self._level(source)
                if level is None:
                    return index
                message = source.message
                if message is None and (message := self._message(source)) is None:
                    return index
                found = level[2].get(message) or self._find(level, message)
                if found is None:
                    return index
                at, moves = None, found.each
                if found.timed:
                    at = source.time
                    if at.__class__ is int and _MS_LEAST <= at < _MS_MOST:
                        at /= 1000
                    else:
                        at = self._time(source)
                    if at is not None and not moment.fresh <= at < moment.soon:
                        moves = found.late if self._mover.is_late(at) else moves
                values[level[0]] += 1.0
                for move in moves:
                    move(source, at)
            return len(lines)

        return run

    def _learn(self, line: bytes) -> None:
        """Decode otherwise where a line shows that a field holds true and false."""
        if self._shape.learn(line):
            self._decode = self._shape.decoder()

    def _level(self, source: Any) -> Level | None:
        spelled = source.level
        if spelled is None:
            spelled = next((one for one in self._shape.levels(source) if one is not None), None)
        if spelled in self._levels:
            return self._levels[spelled]
        name = levels.level(spelled)
        if name is None:
            return None
        known = next((one for one in self._levels.values() if one[1] == name), None)
        if len(self._levels) >= _CACHED:
            self._levels.clear()
        self._levels[spelled] = known = known or (self._record_cell(name), name, {})
        return known

    def _message(self, source: Any) -> str | None:
        found = (one for one in self._shape.messages(source) if one is not None)
        return next(found, None)

    def _time(self, source: Any) -> float | None:
        """The record's own time, else its envelope's; since 1970."""
        raw = next((one for one in self._shape.times(source) if one is not None), None)
        own = seconds(raw, self._mover.zone)
        return self._mover.since if own is None else own

    def _find(self, level: Level, message: str) -> Moves | None:
        """The moves of a message at a level; None where fields alone do not tell them."""
        if message in level[2]:
            return level[2][message]
        rules = [one for one, _ in self._plan.by_message(message)]
        rules = [one for one in rules if one.possible(FORMAT, level[1], self._mover.service)]
        found: Moves | None = None
        if message != PYTHON_HEAD and all(one.certain() for one in rules):
            chosen = tuple(rules)
            if chosen not in self._made:
                self._made[chosen] = self._maker.moves(chosen, self._access)
            found = self._made[chosen]
        if len(level[2]) >= _CACHED:
            level[2].clear()
        if len(message) <= _LONGEST_CACHED:
            level[2][message] = found
        return found


def _same(value: Any) -> Any:
    """JSON values are what they are."""
    return value
