"""The fast path for key-value lines that begin with a message: find, slice, move by spelling.

A line is only taken where find and slice give what the grammar of `parsers.keyvalue` gives: its
head is known from an earlier exact reading, and up to the last needed field every quote opens
right after an equals sign and closes before a space. All else is left to the exact reading.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from exporter.engine import hot
from exporter.engine.exact import UNKNOWN
from exporter.engine.moves import Mover
from exporter.engine.plan import OWN_NAMES, Compiled, Effect, Lookup, Plan
from exporter.engine.spelling import Spellings
from exporter.engine.values import number
from parsers import Record
from parsers.reading import read
from parsers.times import seconds

FORMAT = "keyvalue"
_CACHED_HEADS, _LONGEST_CACHED = 4096, 1024
_LONGEST_LEVEL = 12
_NO_LEVEL = -1
_STAMP_SIZE = len("2026-11-20T23:58:31.100Z")
_SPACE, _BACKSLASH, _DOT, _SIX, _ZULU = b" \\.6Z"

Raw = bytes | None


class Rule:
    """The needed fields of the rules of one message, and what to move by them."""

    def __init__(self, names: list[str], moves: tuple[hot.Move, ...]) -> None:
        self._keys = [(f" {name}=".encode(), len(name) + 2) for name in names]
        self.moves = moves

    def raw_values(self, line: bytes, at: int) -> list[Raw] | None:
        """The fields as the line spells them, quotes and all; None where that is in doubt.

        `at` is where the pairs begin, at the space before the first key.
        """
        raws: list[Raw] = []
        last, size = at, len(line)
        for key, length in self._keys:
            found = line.find(key, at)
            if found < 0:
                raws.append(None)
                last = size
                continue
            last = max(last, found)
            start = found + length
            first = line[start : start + 1]
            if first == b'"':
                end = line.find(b'"', start + 1)
                if end < 0 or line[end - 1] == _BACKSLASH:
                    return None
                end += 1
                if end < size and line[end] != _SPACE:
                    return None
            elif first == b"'":
                return None
            else:
                end = line.find(b" ", start)
                end = size if end < 0 else end
            raws.append(line[start:end])
        return raws if self._plain(line, at, last + 1) else None

    def _plain(self, line: bytes, at: int, end: int) -> bool:
        """Whether quotes in the region only open after "=" and close before a space or the end."""
        if line.find(b"='", at, end) >= 0:
            return False
        quotes = line.count(b'"', at, end)
        if not quotes:
            return True
        opened = line.count(b'="', at, end)
        closed = line.count(b'" ', at, end) + (end > len(line) and line.endswith(b'"'))
        return quotes == 2 * opened == 2 * closed and line.find(b'\\"', at, end) < 0


class KeyValueLines:
    """Counts the key-value lines of one service. `record_cell` as for `JsonLines`."""

    def __init__(self, plan: Plan, mover: Mover, record_cell: Callable[[str], int]) -> None:
        self._plan = plan
        self._mover = mover
        self._record_cell = record_cell
        self._levels: dict[bytes, int] = {}
        self._heads: dict[bytes, tuple[int, Rule] | None] = {}
        self._minutes: dict[bytes, bool] = {}
        self._spellings: list[Spellings] = []
        self._stamp = b""
        self._values = mover.registry.values
        self._unlevelled = record_cell(UNKNOWN)

    def clear(self) -> None:
        """Forget all cells: an index may mean another series now."""
        self._levels.clear()
        self._unlevelled = self._record_cell(UNKNOWN)
        for spellings in self._spellings:
            spellings.clear()

    def count(self, line: bytes) -> bool:
        """Count one line, or answer False and have moved nothing."""
        start, cell = self._head(line)
        if start < 0 or line.endswith(b"}"):
            return False  # what ends in a brace may be JSON behind a prefix
        equals = line.find(b"=", start)
        if equals < 0 and cell == self._unlevelled:
            return False  # text without a head: joining decides what it belongs to
        head = line[start:equals] if equals >= 0 else line[start:]
        found = self._heads[head] if head in self._heads else self._learn(head, equals, line)
        if found is None:
            return False
        at, rule = found
        raws = rule.raw_values(line, start + at)
        if raws is None:
            return False
        self._values[cell] += 1.0
        for move in rule.moves:
            move(raws)
        return True

    def _head(self, line: bytes) -> tuple[int, int]:
        """Where the message begins, and the cell of its level; -1 where the head is unusual."""
        end = line.find(b" ", 0, _LONGEST_LEVEL)
        token = line[:end] if end > 0 else b""
        cell = self._levels.get(token)
        if cell is None:
            cell = self._level(token)
        if cell == _NO_LEVEL:
            return (0, self._unlevelled) if line[:1].isalpha() else (-1, 0)
        start = end + 1
        self._stamp = b""
        if line[start : start + 1].isdigit():
            end = line.find(b" ", start)
            stamp = line[start:end]
            if not self._is_time(stamp):
                return -1, 0
            self._stamp = stamp
            start = end + 1
        return (start, cell) if line[start : start + 1].isalpha() else (-1, 0)

    def _level(self, token: bytes) -> int:
        record = read(token.decode("utf-8", "replace") + " probe")
        cell = _NO_LEVEL
        if record.format == FORMAT and record.level and record.message == "probe":
            cell = self._record_cell(record.level)
        if len(self._levels) >= _CACHED_HEADS:
            self._levels.clear()
        self._levels[token] = cell
        return cell

    def _is_time(self, stamp: bytes) -> bool:
        """Whether this is a time as 2026-11-20T23:58:31.100Z; the minute is asked for once."""
        if len(stamp) != _STAMP_SIZE or stamp[19] != _DOT or stamp[23] != _ZULU:
            return False
        if not (stamp[17] < _SIX and stamp[17:19].isdigit() and stamp[20:23].isdigit()):
            return False
        minute = stamp[:17]
        known = self._minutes.get(minute)
        if known is None:
            record = read(f"INFO {stamp.decode('utf-8', 'replace')} probe")
            known = record.format == FORMAT and record.message == "probe"
            if len(self._minutes) >= _CACHED_HEADS:
                self._minutes.clear()
            self._minutes[minute] = known
        return known

    def _learn(self, head: bytes, equals: int, line: bytes) -> tuple[int, Rule] | None:
        """Read a line with a new head exactly; what holds for every line with that head."""
        found = self._understand(head, equals, read(line.decode("utf-8", "replace")))
        if len(self._heads) >= _CACHED_HEADS:
            self._heads.clear()
        if len(head) <= _LONGEST_CACHED:
            self._heads[head] = found
        return found

    def _understand(self, head: bytes, equals: int, record: Record) -> tuple[int, Rule] | None:
        space = head.rfind(b" ") if equals >= 0 else len(head)
        message = head[:space].decode("utf-8", "replace").strip()
        if record.format != FORMAT or space <= 0 or record.message != message:
            return None
        if equals >= 0 and head[space + 1 :].decode("utf-8", "replace") not in record.fields:
            return None
        rules = [one for one, _ in self._plan.by_message(message)]
        rules = [one for one in rules if one.rule.format in (None, FORMAT) and not one.exception]
        if any(one.conditional() or one.fields() & (OWN_NAMES | one.captures()) for one in rules):
            return None
        return space, self._rule(tuple(rules))

    def _rule(self, rules: tuple[Compiled, ...]) -> Rule:
        names = sorted(set().union(*(one.fields() for one in rules)) - {"service"})
        moves = (self._move(effect, names) for one in rules for effect in one.effects)
        return Rule(names, tuple(moves))

    def _move(self, effect: Effect, names: list[str]) -> hot.Move:
        mover = self._mover
        wanted = sorted({label.field for label in effect.labels if label.field} - {"service"})
        spellings = Spellings(effect, mover, self._named(wanted), typed=False)
        self._spellings.append(spellings)
        key = itemgetter(*map(names.index, wanted)) if wanted else _nothing
        amount = _amount(names.index(effect.value), effect.scale) if effect.value else _nothing
        if effect.action == "count":
            return hot.count(spellings, mover, key, amount if effect.value else None)
        if effect.action == "observe":
            exemplar = _text(names.index(effect.exemplar)) if effect.exemplar else None
            return hot.observe(spellings, mover, effect, key, amount, exemplar, self._time)
        if effect.action == "set":
            return hot.gauge(spellings, mover, effect, key, amount, self._time)
        return hot.rare(mover, effect, lambda raws: self._named(names)(tuple(raws)), self._time)

    def _named(self, names: list[str]) -> Callable[[Any], Lookup]:
        """What makes of raw values the names that labels ask for."""
        service = self._mover.service

        def lookup(key: Any) -> Lookup:
            raws = (key,) if key.__class__ is not tuple else key
            values = {name: _spelled(raw) for name, raw in zip(names, raws, strict=False)}
            values["service"] = service
            return values.get

        return lookup

    def _time(self, _: Any) -> float | None:
        if not self._stamp:
            return self._mover.since
        return seconds(self._stamp.decode("ascii"), self._mover.zone)


def _nothing(_: Any) -> None:
    return None


def _spelled(raw: Raw) -> str | None:
    """A value as text; quoted ones hold no escape, or the line would have been in doubt."""
    if raw is None:
        return None
    return (raw[1:-1] if raw[:1] == b'"' else raw).decode("utf-8", "replace")


def _amount(index: int, scale: float) -> Callable[[list[Raw]], float | None]:
    def amount(raws: list[Raw]) -> float | None:
        raw = raws[index]
        if raw is None:
            return None
        value = number(_spelled(raw))
        return None if value is None else value * scale

    return amount


def _text(index: int) -> Callable[[list[Raw]], str | None]:
    return lambda raws: _spelled(raws[index])
