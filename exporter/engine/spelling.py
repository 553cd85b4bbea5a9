"""The spelling cache: from labels as the line spells them to the cell that they move.

A hit costs one look-up: no decoding, no defaults, no limits. A miss is answered once by the same
code that the exact reading uses, and remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from exporter.engine.moves import Mover
from exporter.engine.plan import Effect, Lookup

NOTHING = -1  # these labels move nothing: one is absent and has no default
_SPARE = 4  # spellings kept for each series that the family may have


class Spellings:
    """The cells of one effect, by the raw spelling of its labels.

    `lookup` makes of a spelling the names that the labels ask for. 1, 1.0 and True are one key in
    a dictionary but not one label, so keys that hold such are remembered with their types.
    """

    __slots__ = ("_bound", "_effect", "_locate", "_lookup", "_mover", "_typed", "cells")

    def __init__(
        self, effect: Effect, mover: Mover, lookup: Callable[[Any], Lookup], *, typed: bool
    ) -> None:
        self.cells: dict[Hashable, int] = {}
        self._typed: dict[Hashable, int] | None = {} if typed else None
        self._effect = effect
        self._mover = mover
        self._lookup = lookup
        self._locate = mover.cell if effect.action == "set" else mover.index
        self._bound = _SPARE * effect.family.limit

    def cell(self, key: Any) -> int:
        """The cell of a spelling, or NOTHING."""
        cell = self.cells.get(key)
        return self.miss(key) if cell is None else cell

    def miss(self, key: Any) -> int:
        """The cell of a spelling that `cells` does not know, or NOTHING."""
        if self._typed is None:
            return self._remember(self.cells, key, key)
        exact = (key, *map(type, key)) if key.__class__ is tuple else (key, type(key))
        cell = self._typed.get(exact)
        if cell is not None:
            return cell
        return self._remember(self._typed if _ambiguous(key) else self.cells, exact, key)

    def _remember(self, cells: dict[Hashable, int], kept: Hashable, key: Any) -> int:
        labels = self._effect.label_texts(self._lookup(key))
        cell = NOTHING if labels is None else self._locate(self._effect, labels)
        if len(cells) >= self._bound:
            cells.clear()
        cells[key if cells is self.cells else kept] = cell
        return cell

    def clear(self) -> None:
        """Forget all: an index may mean another series now."""
        self.cells.clear()
        if self._typed is not None:
            self._typed.clear()


def _ambiguous(key: Any) -> bool:
    return (0 in key or 1 in key) if key.__class__ is tuple else (key in (0, 1))
