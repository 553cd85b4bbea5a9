"""The fast path for text that comes again letter for letter: banners, rules, the same complaint."""

from __future__ import annotations

from collections.abc import Callable

from exporter.engine.exact import UNKNOWN
from exporter.engine.meaning import is_plain_text
from exporter.engine.moves import Mover
from exporter.engine.plan import Effect, Plan, Update

_CACHED, _LONGEST_CACHED = 4096, 256


class KnownTexts:
    """Counts lines of no known format that move nothing else, once they are known."""

    def __init__(self, plan: Plan, mover: Mover, record_cell: Callable[[str], int]) -> None:
        self._plan = plan
        self._mover = mover
        self._record_cell = record_cell
        unparsed = Effect("count", plan.families["watched_log_unparsed_total"], ())
        self._unparsed = Update(unparsed, (mover.service,), 1.0)
        self._once: set[bytes] = set()
        self._known: dict[bytes, bool] = {}

    def take(self, line: bytes) -> bool:
        """Count a line that begins a record, where one is sure of it."""
        known = self._known.get(line)
        if known is None:
            known = self._meet(line)
        if known:
            self._mover.registry.values[self._record_cell(UNKNOWN)] += 1.0
            self._mover.move(self._unparsed, None)
        return known

    def _meet(self, line: bytes) -> bool:
        """Whether a line is known from now on: it is looked at when it comes a second time."""
        if len(line) > _LONGEST_CACHED:
            return False
        if line not in self._once:
            if len(self._once) >= _CACHED:
                self._once.clear()
            self._once.add(line)
            return False
        known = is_plain_text(self._plan, self._mover.service, line)
        if len(self._known) >= _CACHED:
            self._known.clear()
        self._known[line] = known
        return known
