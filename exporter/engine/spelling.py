"""The spelling cache: from labels as the line spells them to the cell that they move.

A hit costs one look-up: no decoding, no defaults, no limits. A miss is answered once by the same
code that the exact reading uses, and remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from exporter.engine.moves import Mover
from exporter.engine.plan import Effect, Lookup

_SPARE = 4  # spellings kept for each series that the family may have
_LONGEST = 2048
_USUAL = 128  # bytes of a spelling; of longer ones fewer are kept


class Spellings:
    """The cells of one effect, by the raw spelling of its labels.

    `lookup` makes of a spelling the names that the labels ask for. Spellings that Python takes for
    one key must be one label.
    """

    __slots__ = ("_bound", "_effect", "_lookup", "_mover", "_used", "cells", "per_stream")

    def __init__(self, effect: Effect, mover: Mover, lookup: Callable[[Any], Lookup]) -> None:
        self.cells: dict[Hashable, int] = {}
        self.per_stream = effect.setting is not None and effect.setting.per_stream
        self._effect = effect
        self._lookup = lookup
        self._mover = mover
        self._bound = _SPARE * effect.family.limit
        self._used = 0  # bytes, since they were last too many

    def cell(self, key: Any) -> int:
        """The cell of a spelling, or `moves.NOTHING`."""
        cell = self.cells.get(key)
        return self.miss(key) if cell is None else cell

    def miss(self, key: Any) -> int:
        """The cell of a spelling that `cells` does not know, or `moves.NOTHING`."""
        cell = self._mover.locate(self._effect, self._lookup(key))
        size = length(key)
        self._used += size
        if len(self.cells) >= self._bound or self._used > self._bound * _USUAL:
            self.cells.clear()
            self._used = size
        if size <= _LONGEST:
            self.cells[key] = cell
        return cell


def length(key: Any) -> int:
    """The characters or bytes of a spelling, whether of one value or of several."""
    parts = key if key.__class__ is tuple else (key,)
    return sum(len(part) for part in parts if isinstance(part, str | bytes))
