"""The fast path for key-value lines that begin with a message: find, slice, move by spelling.

A line is only taken where find and slice give what the grammar of `parsers.keyvalue` gives: its
head is known from an earlier exact reading, and up to the last needed field every quote opens
right after an equals sign and closes before a space. All else is left to the exact reading.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC
from operator import itemgetter
from typing import Any

from exporter.engine import hot
from exporter.engine.exact import UNKNOWN
from exporter.engine.hot_json import Run
from exporter.engine.moves import Mover
from exporter.engine.pairs import Pairs, Raw, number, spelled
from exporter.engine.plan import Compiled, Effect, Lookup, Plan
from exporter.engine.spelling import Spellings
from parsers import Record
from parsers.reading import read
from parsers.times import seconds

FORMAT = "keyvalue"
# An upper-case word that may be a level, a time in UTC, and what follows up to the first "=".
_HEAD = re.compile(
    rb"(?:(\[[A-Z]+\]|[A-Z]+) )?"
    rb"(?:(\d{4}-\d\d-\d\dT\d\d:\d\d:)([0-5]\d\.\d{3})Z )?"
    rb"([A-Za-z][^=]*=?)"
)
_CACHED_HEADS, _LONGEST_CACHED = 4096, 1024
_BRACE = ord("}")

Learned = tuple[int, Pairs | None, tuple[hot.Move, ...]]
Level = tuple[int, str | None, dict[bytes, Learned]]  # the cell, the level, what heads mean


class KeyValueLines:
    """Counts the key-value lines of one service. `record_cell` and `run` as for `JsonLines`."""

    def __init__(self, plan: Plan, mover: Mover, record_cell: Callable[[str], int]) -> None:
        self._plan = plan
        self._mover = mover
        self._record_cell = record_cell
        self._levels: dict[bytes | None, Level | None] = {}
        self._minutes: dict[bytes, float] = {}
        self._spellings: list[Spellings] = []
        self._began, self._second = 0.0, b""  # the present line's time: its minute, and the rest
        self.run = self._runner()

    def clear(self) -> None:
        """Forget all cells: an index may mean another series now."""
        self._levels.clear()
        for spellings in self._spellings:
            spellings.clear()

    def _runner(self) -> Run:
        """The function that counts lines for as long as it is sure of them."""
        levels, minutes = self._levels, self._minutes
        values, match = self._mover.registry.values, _HEAD.match

        def run(lines: list[bytes], start: int) -> int:
            for at in range(start, len(lines)):
                line = lines[at]
                found = match(line)
                if found is None:
                    return at
                token, minute, self._second, head = found.groups()
                level = levels[token] if token in levels else self._level(token)
                if level is None:  # no level but the first word of a message
                    if minute is not None:
                        return at
                    level = self._unlevelled()
                    head = line[: found.end()]
                if minute is not None:
                    self._began = minutes[minute] if minute in minutes else self._minute(minute)
                    if self._began < 0:
                        return at
                known = level[2].get(head)
                back, pairs, moves = self._learn(level, head, line) if known is None else known
                if back < 0 or line[-1] == _BRACE:
                    return at  # what ends in a brace may be JSON behind a prefix
                raws: tuple[Raw, ...] | None = ()
                if pairs is not None:
                    raws = pairs.values(line, found.end() - back)
                    if raws is None:
                        return at
                values[level[0]] += 1.0
                for move in moves:
                    move(raws)
            return len(lines)

        return run

    def _unlevelled(self) -> Level:
        """The level of lines that tell none."""
        known = self._levels.get(None)
        if known is None:
            known = self._levels[None] = self._record_cell(UNKNOWN), None, {}
        return known

    def _level(self, token: bytes | None) -> Level | None:
        """What a level's spelling means; None where it is none."""
        if token is None:
            return self._unlevelled()
        record = read(token.decode() + " probe")
        known: Level | None = None
        if record.format == FORMAT and record.level and record.message == "probe":
            known = self._record_cell(record.level), record.level, {}
        if len(self._levels) >= _CACHED_HEADS:
            self._levels.clear()
        self._levels[token] = known
        return known

    def _minute(self, minute: bytes) -> float:
        """When a minute began, since 1970; negative where the grammar takes it for no time."""
        stamp = minute.decode() + "00.000Z"
        record = read(f"INFO {stamp} probe")
        began = seconds(stamp, UTC) if record.message == "probe" else None
        if len(self._minutes) >= _CACHED_HEADS:
            self._minutes.clear()
        self._minutes[minute] = found = -1.0 if began is None else began
        return found

    def _when(self, _: Any) -> float | None:
        """The time of the present line, else its envelope's."""
        return self._began + float(self._second) if self._second else self._mover.since

    def _learn(self, level: Level, head: bytes, line: bytes) -> Learned:
        """Read a line with a new head exactly; what holds for every line with that head."""
        known = self._understand(level, head, read(line.decode("utf-8", "replace")))
        if len(level[2]) >= _CACHED_HEADS:
            level[2].clear()
        if len(head) <= _LONGEST_CACHED:
            level[2][head] = known
        return known

    def _understand(self, level: Level, head: bytes, record: Record) -> Learned:
        """How far back from the end of the head the pairs begin, and what they move."""
        doubt: Learned = -1, None, ()
        paired = head.endswith(b"=")
        space = head.rfind(b" ") if paired else len(head)
        message = head[: max(space, 0)].decode("utf-8", "replace").strip()
        if record.format != FORMAT or space <= 0 or record.message != message:
            return doubt
        if paired and head[space + 1 : -1].decode("utf-8", "replace") not in record.fields:
            return doubt
        if record.level != level[1] or not (paired or level[1]):
            return doubt  # text without a head: joining decides what it belongs to
        rules = [one for one, _ in self._plan.by_message(message)]
        rules = [one for one in rules if one.possible(FORMAT, level[1], self._mover.service)]
        if not all(one.certain() for one in rules):
            return doubt
        names = sorted(set().union(*(one.fields() for one in rules)) - {"service"})
        moves = tuple(move for one in rules for move in self._moves(one, names))
        return len(head) - space, Pairs(names) if names else None, moves

    def _moves(self, one: Compiled, names: list[str]) -> list[hot.Move]:
        """What a rule moves; behind its conditions, where it has some."""
        moves = [self._move(effect, names) for effect in one.effects]
        tests = [
            hot.test(where, itemgetter(names.index(where.field)), spelled)
            for where in one.rule.where
            if where.field != "service"
        ]
        return [hot.guarded(tests, moves)] if tests else moves

    def _move(self, effect: Effect, names: list[str]) -> hot.Move:
        mover = self._mover
        wanted = sorted({label.field for label in effect.labels if label.field} - {"service"})
        spellings = Spellings(effect, mover, self._named(wanted), typed=False)
        self._spellings.append(spellings)
        access = hot.Access(
            itemgetter(*map(names.index, wanted)) if wanted else _nothing,
            itemgetter(names.index(effect.value)) if effect.value else None,
            number,
            _text(names.index(effect.exemplar)) if effect.exemplar else None,
            self._when,
        )
        if effect.action == "count":
            return hot.count(spellings, mover, effect, access)
        if effect.action == "observe":
            return hot.observe(spellings, mover, effect, access)
        if effect.action == "set":
            return hot.gauge(spellings, mover, effect, access)
        return hot.rare(mover, effect, self._named(names), self._when)

    def _named(self, names: list[str]) -> Callable[[Any], Lookup]:
        """What makes of raw values the names that labels ask for."""
        service = self._mover.service

        def lookup(key: Any) -> Lookup:
            raws = key if key.__class__ is tuple else (key,)
            values = {name: spelled(raw) for name, raw in zip(names, raws, strict=False)}
            values["service"] = service
            return values.get

        return lookup


def _nothing(_: Any) -> None:
    return None


def _text(index: int) -> Callable[[tuple[Raw, ...]], str | None]:
    return lambda raws: spelled(raws[index])
