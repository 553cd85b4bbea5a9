"""The pairs of a key-value line: the needed values, by a learned shape or by find and slice.

Lines of one message nearly always have the same keys in the same order. Such a shape is learned as
an expression that names every pair up to the last needed one, so that one match gives all values.
Each part of it can match in one way only: nothing backtracks.
"""

from __future__ import annotations

import re
from collections.abc import Callable

Raw = bytes | None
Match = Callable[[bytes, int], "re.Match[bytes] | None"]

# Quoted, where only a backslash before a quote escapes (possessive: one way only), bare, or empty.
_VALUE = rb"(?:\"[^\"\\]*+(?:\\\"?+[^\"\\]*+)*+\"|[^ \"'][^ ]*+|)"
_PAIR = re.compile(rb" ([A-Za-z_][\w.\-]*)=" + _VALUE + rb"(?= |\Z)")
_SEEN_BEFORE_LEARNING = 3
_SHAPES = 8
_PAIRS_IN_A_SHAPE = 32
_BACKSLASH, _QUOTE = b'\\"'
_AFTER = (b" ", b"")


class Pairs:
    """The values of `names` on the lines of one head (a message and its first key).

    A value stays as the line spells it, in its quotes and with its escapes.
    """

    __slots__ = ("_keys", "_names", "_seen", "_shapes")

    def __init__(self, names: list[str]) -> None:
        self._names = [name.encode() for name in names]
        self._keys = [(b" " + name + b"=", len(name) + 2) for name in self._names]
        self._shapes: list[tuple[Match, tuple[int, ...]]] = []
        self._seen = 0

    def values(self, line: bytes, at: int) -> tuple[Raw, ...] | None:
        """The values, None for an absent key; None in all where the exact reading must decide.

        `at` is where the pairs begin, at the space before the first key.
        """
        for match, order in self._shapes:
            found = match(line, at)
            if found is not None:
                return found.group(*order)
        raws = self._search(line, at)
        self._seen += 1
        if self._seen > _SEEN_BEFORE_LEARNING and len(self._shapes) < _SHAPES and raws:
            self._seen = 0
            self._learn(line, at)
        return raws

    def _learn(self, line: bytes, at: int) -> None:
        """Remember the shape of a line that has all the names, two at least."""
        parts, order = [], dict.fromkeys(self._names, 0)
        missing = set(self._names)
        for _ in range(_PAIRS_IN_A_SHAPE):
            pair = _PAIR.match(line, at)
            if pair is None or not missing:
                break
            at = pair.end()
            name = pair[1]
            wanted = name in missing
            value = b"(" + _VALUE + b")" if wanted else _VALUE
            parts.append(b" " + re.escape(name) + b"=" + value + rb"(?= |\Z)")
            if wanted:
                missing.discard(name)
                order[name] = len(self._names) - len(missing)
        if not missing and len(self._names) > 1:
            self._shapes.append((re.compile(b"".join(parts)).match, tuple(order.values())))

    def _search(self, line: bytes, at: int) -> tuple[Raw, ...] | None:
        raws: list[Raw] = []
        last, find, size = at, line.find, len(line)
        for key, length in self._keys:
            found = find(key, at)
            if found < 0:
                raws.append(None)
                last = size
                continue
            last = max(last, found)
            start = found + length
            first = line[start : start + 1]
            if first == b'"':
                end = find(b'"', start + 1)
                if end < 0 or line[end - 1] == _BACKSLASH or line[end + 1 : end + 2] not in _AFTER:
                    return None
                raws.append(line[start : end + 1])
            elif first == b"'":
                return None
            else:
                end = find(b" ", start)
                raws.append(line[start:] if end < 0 else line[start:end])
        return tuple(raws) if _well_quoted(line, at, last + 1) else None


def _well_quoted(line: bytes, at: int, end: int) -> bool:
    """Whether quotes in the region only open after "=" and close before a space or the end."""
    if line.find(b"='", at, end) >= 0 or line.find(b'\\"', at, end) >= 0:
        return False
    opened = line.count(b'="', at, end)
    closed = line.count(b'" ', at, end) + (end > len(line) and line.endswith(b'"'))
    return line.count(b'"', at, end) == 2 * opened == 2 * closed


def spelled(raw: Raw) -> str | None:
    """A value as text, out of its quotes."""
    if raw is None:
        return None
    quoted = len(raw) > 1 and raw[0] == _QUOTE
    return (raw[1:-1].replace(b'\\"', b'"') if quoted else raw).decode("utf-8", "replace")


def number(raw: Raw) -> float | None:
    """What `values.number` makes of the spelled value."""
    if raw is None:
        return None
    try:
        found = float(raw)
    except ValueError:
        return number(raw[1:-1]) if len(raw) > 1 and raw[0] == _QUOTE else None
    if found - found != 0.0 or b"_" in raw:  # Python's own spellings: inf, nan, 1_000
        return None
    return found if raw == raw.strip() else None
