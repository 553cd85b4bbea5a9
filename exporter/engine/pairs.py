"""The pairs of a key-value line: the needed values, by a learned shape or pair by pair.

Lines of one message nearly always have the same keys in the same order. Such a shape is learned as
an expression that names every pair up to the last needed one, so that one match gives all values.
Each part of it can match in one way only: nothing backtracks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

Raw = bytes | None
Match = Callable[[bytes, int], "re.Match[bytes] | None"]
Values = Callable[[bytes, int], tuple[Raw, ...] | None]

# Quoted, where only a backslash before a quote escapes (possessive: one way only), bare, or empty.
_VALUE = rb"(?:\"[^\"\\]*+(?:\\\"?+[^\"\\]*+)*+\"|[^ \"'][^ ]*+|)"
_PAIR = re.compile(rb" ++([A-Za-z_][A-Za-z0-9_.\-]*+)=(" + _VALUE + rb")(?= |\Z)")
_END = re.compile(rb" *+\Z")
_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_.\-]*")
_SHAPES = 8
_FEW, _MANY = 4, 1024  # misses before a shape is learned: where there is room, and where not
_PAIRS_IN_A_SHAPE = 32
_NO_MORE = rb" *+\Z(?:(?!)())?"  # the end, and a group that never takes part
_NUMERIC = b"0123456789+-.eE"
_QUOTE = ord('"')


class Pairs:
    """The values of `names` on the lines of some messages; quickest where names stand in order.

    `values(line, at)` gives them as the line spells them, in their quotes and with their escapes:
    None for an absent key, None in all where the exact reading must decide. `at` is where the
    pairs begin, at the space before the first key.
    """

    __slots__ = ("_missed", "_names", "_shapes", "values")

    def __init__(self, names: Iterable[str]) -> None:
        self._names = [name.encode() for name in names]
        self._shapes: list[tuple[Match, tuple[int, ...]]] = []
        self._missed = 0
        self.values = self._getter()

    def _getter(self) -> Values:
        """The function that gives values for as long as the shapes are what they are."""
        shapes, walk = self._shapes, self._walk

        def values(line: bytes, at: int) -> tuple[Raw, ...] | None:
            for match, order in shapes:
                found = match(line, at)
                if found is not None:
                    return found.group(*order) if order else found.groups()
            return walk(line, at)

        return values

    def _walk(self, line: bytes, at: int) -> tuple[Raw, ...] | None:
        """The values, pair by pair, and now and then their shape for the next time."""
        wanted: dict[bytes, Raw] = dict.fromkeys(self._names)
        missing = set(self._names)
        keys = []
        while missing and (pair := _PAIR.match(line, at)) is not None:
            at = pair.end()
            key, value = pair.groups()
            keys.append(key)
            if key in missing:
                missing.discard(key)
                wanted[key] = value
        if missing and not _END.match(line, at):
            return None
        self._missed += 1
        if self._missed >= (_FEW if len(self._shapes) < _SHAPES else _MANY):
            self._missed = 0
            self._learn(keys, missing)
        return tuple(wanted.values())

    def _learn(self, keys: list[bytes], missing: set[bytes]) -> None:
        """Remember these keys in their order, and that lines with them lack those in `missing`."""
        if len(keys) > _PAIRS_IN_A_SHAPE:
            return
        parts: list[bytes] = []
        groups: dict[bytes, int] = {}
        for key in keys:
            value = _VALUE
            if key in self._names and key not in groups:
                groups[key] = len(groups) + 1
                value = b"(" + _VALUE + b")"
            parts.append(b" " + re.escape(key) + b"=" + value)
        parts.append(_NO_MORE if missing else rb"(?= |\Z)")
        groups |= dict.fromkeys(missing, len(groups) + 1)
        order = tuple(groups[name] for name in self._names)
        if order == tuple(range(1, len(order) + 1)):
            order = ()
        elif len(order) == 1:
            order *= 2  # one group would come alone and not as a tuple
        self._shapes.insert(0, (re.compile(b"".join(parts)).match, order))
        del self._shapes[_SHAPES:]


def is_key(name: bytes) -> bool:
    """Whether a pair can have this name."""
    return _NAME.fullmatch(name) is not None


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
    # Python's own spellings (inf, nan, 1_000, spaces around) are no numbers.
    return None if found - found != 0.0 or raw.translate(None, _NUMERIC) else found
