"""Gauges out of log lines: an aggregate over a time window, gone when nothing fresh comes.

The engine writes into a cell of the arena as if time did not exist. `Windows.turn` moves what the
cells hold into a short history, stamped with the time of the turn, and empties them again.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Callable
from typing import Any, Literal

from msgspec import Struct, field

Aggregate = Literal["last", "min", "max", "sum"]
EMPTY: dict[Aggregate, float] = {
    "last": math.nan,
    "min": math.inf,
    "max": -math.inf,
    "sum": math.nan,
}
COMBINE: dict[Aggregate, Callable[[list[float]], float]] = {"min": min, "max": max, "sum": sum}
PARTS_OF_A_WINDOW = 6


class Window(Struct):
    """One windowed cell. `seconds` is how long a value stays: the window and the maximum age."""

    aggregate: Aggregate
    seconds: float
    cell: int
    turned: float = -math.inf
    history: deque[tuple[float, float]] = field(default_factory=deque)

    @property
    def due(self) -> float:
        """When it is to be turned next."""
        return self.turned + self.seconds / PARTS_OF_A_WINDOW

    def turn(self, now: float, gathered: float, arena: array[float]) -> None:
        """Move what the cell gathered, the last of it at `gathered`, into the history."""
        if self.turned <= now < self.due:
            return
        value = arena[self.cell]
        empty = EMPTY[self.aggregate]
        if not math.isnan(value) and value != empty:
            self.history.append((gathered, value))
            arena[self.cell] = empty
        self.turned = now
        while self.history and self.history[0][0] <= now - self.seconds:
            self.history.popleft()

    def value(self, now: float, arena: array[float]) -> float:
        """The aggregate of what is still fresh; NaN when nothing is."""
        fresh = [value for at, value in self.history if at > now - self.seconds]
        value = arena[self.cell]
        if not math.isnan(value) and value != EMPTY[self.aggregate]:
            fresh.append(value)
        if not fresh:
            return math.nan
        if self.aggregate == "last":
            return fresh[-1]
        return COMBINE[self.aggregate](fresh)


class Windows:
    """The windowed gauges of one registry, by the arena index of the series that shows them.

    A series may have several cells, one a stream (container or file): the last values of the
    streams are summed, since each worker tells of itself alone.
    """

    def __init__(self) -> None:
        self._by_series: dict[int, dict[str, Window]] = {}
        self._turned = -math.inf
        self._present = -math.inf  # when a cell was last open for writing
        self._begun, self._due = -math.inf, -math.inf  # between them no window has to be turned

    @property
    def quiet(self) -> tuple[float, float]:
        """From when to when no window has to be turned, as long as none is added or kept anew."""
        return self._begun, self._due

    def find(self, index: int, part: str) -> Window | None:
        """The window of this series and stream, where there is one."""
        return self._by_series.get(index, {}).get(part)

    def add(self, index: int, part: str, window: Window) -> None:
        """Show `window` at the series whose number lies at `index`."""
        self._by_series.setdefault(index, {})[part] = window
        self._due = -math.inf

    def keep(self, window: Window, seconds: float) -> None:
        """Let its values stay so long: a reload may have shortened that."""
        if window.seconds != seconds:
            window.seconds, self._due = seconds, -math.inf

    def turn(self, now: float, arena: array[float]) -> None:
        """Turn every window whose time has come; call it before each burst of writing.

        It does something once a second at most: a value's age is known to a second, or to a sixth
        of its window where that is longer.
        """
        gathered, self._present = self._present, now
        if 0 <= now - self._turned < 1.0:
            return
        self._turned = now
        if self._begun <= now < self._due:
            return
        windows = [window for parts in self._by_series.values() for window in parts.values()]
        for window in windows:
            window.turn(now, min(gathered, now), arena)
        self._begun = max((window.turned for window in windows), default=now)
        self._due = min((window.due for window in windows), default=math.inf)

    def show(self, now: float, arena: array[float], shown: array[float]) -> None:
        """Write the present value of every windowed gauge into `shown`."""
        for index in self._by_series:
            shown[index] = self.present(index, now, arena)

    def present(self, index: int, now: float, arena: array[float]) -> float:
        """The value at `now` of the gauge at `index`, windowed or not; NaN when it is unknown."""
        parts = self._by_series.get(index)
        if parts is None:
            return arena[index]
        values = [window.value(now, arena) for window in parts.values()]
        fresh = [value for value in values if not math.isnan(value)]
        return math.fsum(fresh) if fresh else math.nan

    def remove(self, index: int) -> list[int]:
        """Forget the windows of the series at `index`; the cells they used."""
        return [window.cell for window in self._by_series.pop(index, {}).values()]

    def dump(self) -> list[list[Any]]:
        """Everything as plain values, for the saved state."""
        return [
            [index, part, w.aggregate, w.seconds, w.cell, w.turned, list(w.history)]
            for index, parts in self._by_series.items()
            for part, w in parts.items()
        ]

    def load(self, rows: list[list[Any]]) -> None:
        """Take up what `dump` gave."""
        for index, part, aggregate, seconds, cell, turned, history in rows:
            window = Window(aggregate, seconds, cell, turned, deque(map(tuple, history)))
            self.add(index, part, window)
