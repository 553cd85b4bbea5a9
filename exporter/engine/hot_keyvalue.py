"""The fast path for key-value lines that begin with a message: match, then move by spelling.

A line is only taken where its head (all up to the first equals sign) is known from an earlier
exact reading, and where its pairs hold no surprise up to the last needed one. All else is left to
the exact reading. A line without pairs is all head.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import itemgetter
from typing import Any

from exporter.engine.hot import MOST_SETS, Access, Get, Maker, Move, together
from exporter.engine.hot_json import Run
from exporter.engine.meaning import Meaning, of_head
from exporter.engine.moves import Mover
from exporter.engine.pairs import Pairs, Raw, Values, number, spelled
from exporter.engine.plan import Plan, Rules
from parsers.times import seconds

# An upper-case word, or one in brackets, that may be a level, a time, and what follows up to the
# first equals sign.
_HEAD = re.compile(
    rb"(?:(\[[A-Za-z]{3,13}\]|[A-Z]{3,13}) )?"
    rb"(?:(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:)([0-5]\d(?:[.,]\d{1,9})?)(Z|[+-]\d\d:?\d\d)? )?"
    rb"([A-Za-z][^=]*+=?)"
)
_CACHED, _LONGEST_CACHED, _ZONES = 4096, 1024, 64
_ACCESS = b'] "'  # what access lines alone have between their time and their request

# What gives the needed values, and the `Moves`. Of a head also the cell of its level's records, and
# how far back from its end the pairs begin.
Taken = tuple[Values, bool, tuple[Move, ...], tuple[Move, ...]]
Learned = tuple[int, int, Values, bool, tuple[Move, ...], tuple[Move, ...]]
Heads = dict[bytes | None, dict[bytes, Learned | None]]  # by the word in front, then by head


class KeyValueLines:
    """Counts the key-value lines of one service. `record_cell` and `run` as for `JsonLines`."""

    def __init__(self, plan: Plan, mover: Mover, record_cell: Callable[[str], int]) -> None:
        self._plan = plan
        self._mover = mover
        self._record_cell = record_cell
        self._maker = Maker(mover)
        self._made: dict[tuple[Rules, ...], Taken] = {}
        self._heads: tuple[Heads, Heads] = {}, {}  # without a time in front, and with one
        self._learned = 0
        self._once: set[bytes] = set()
        self._minutes: dict[bytes | None, dict[bytes, float]] = {}  # when they began, by zone
        self.run = self._runner()

    def forget(self, *, streams_only: bool = False) -> None:
        """Forget cells that may mean another series now."""
        self._maker.forget(streams_only=streams_only)
        if not streams_only:
            self._forget_heads()

    def _forget_heads(self) -> None:
        self._learned = 0
        for heads in self._heads:
            heads.clear()

    def _runner(self) -> Run:
        """The function that counts lines for as long as it is sure of them."""
        mover, match = self._mover, _HEAD.match
        values, moment = mover.registry.values, mover.moment
        bare, dated = self._heads
        minutes = self._minutes

        def run(lines: list[bytes], start: int) -> int:
            for index in range(start, len(lines)):
                line = lines[index]
                found = match(line)
                if found is None:
                    return index
                token, minute, second, zone, head = found.groups()
                try:
                    learned = (bare if minute is None else dated)[token][head]
                except KeyError:
                    learned = self._learn(line, found)
                if learned is None or (token is None and b"]" in line and _ACCESS in line):
                    return index
                cell, back, pairs, timed, moves, late = learned
                raws = pairs(line, found.end() - back)
                if raws is None:
                    return index
                at = None
                if timed:
                    try:
                        at = minutes[zone][minute] + float(second)
                    except (KeyError, ValueError):
                        at = self._time(minute, second, zone)
                    if at is not None and not moment.fresh <= at < moment.soon:
                        if at < moment.fresh:
                            moves = late
                        else:
                            mover.arrive(at)
                values[cell] += 1.0
                for move in moves:
                    move(raws, at)
            return len(lines)

        return run

    def _time(self, minute: bytes | None, second: bytes, zone: bytes | None) -> float | None:
        """The record's own time, else its envelope's; since 1970."""
        if minute is None:
            return self._mover.since
        if minute not in self._minutes.setdefault(zone, {}):
            began = seconds((minute + b"00" + (zone or b"")).decode(), self._mover.zone)
            if began is None:
                return self._mover.since
            if len(self._minutes) >= _ZONES or len(self._minutes[zone]) >= _CACHED:
                self._minutes.clear()
            self._minutes.setdefault(zone, {})[minute] = began
        return self._minutes[zone][minute] + float(second.replace(b",", b"."))

    def _learn(self, line: bytes, found: re.Match[bytes]) -> Learned | None:
        """Read a line with a new head exactly; what holds for every line with that head."""
        token, minute, *_, head = found.groups()
        if head not in self._once:  # most heads that come once never come again
            if len(self._once) >= _CACHED:
                self._once.clear()
            if len(head) <= _LONGEST_CACHED:
                self._once.add(head)
            return None
        if self._learned >= _CACHED or len(self._made) >= MOST_SETS:
            self._forget_heads()
            self._made.clear()
            self._maker = Maker(self._mover)
        begins = found.end() - len(head)
        span = slice(begins, found.end())
        meaning = of_head(self._plan, self._mover.service, line, span, dated=minute is not None)
        learned = None
        if meaning is not None:
            moves = self._moves(meaning)
            learned = self._record_cell(meaning.level), meaning.back, *moves
        self._learned += 1
        self._heads[minute is not None].setdefault(token, {})[head] = learned
        return learned

    def _moves(self, meaning: Meaning) -> Taken:
        """The pairs that rules need and what they move, made once."""
        rules, names = meaning.rules, meaning.names
        if rules not in self._made:

            def values(wanted: list[str]) -> Get:
                return itemgetter(*map(names.index, wanted)) if wanted else _nothing

            access = Access(values, spelled, number, spelled)
            moves = together(self._maker.moves(one, access) for one in rules)
            self._made[rules] = Pairs(names).values if names else _no_values, *moves
        return self._made[rules]


def _no_values(_: bytes, __: int) -> tuple[Raw, ...]:
    return ()


def _nothing(_: Any) -> None:
    return None
