"""What is remembered of probes, across a restart and a reload: since when one fails, what started.

No endpoint tells it again. It holds for as long as a result may be shown: who was away for longer
does not know what was meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from exporter.model import Board
from exporter.sources.probes.checks import Check, fresh_seconds


@dataclass(slots=True)
class Memory:
    """Notes of one source, which the board saves with the counters. Times are since 1970."""

    board: Board
    source: str
    _notes: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        self._notes = dict(self.board.recall(self.source))

    def keep(self, checks: Iterable[Check]) -> None:
        """Forget what is about no check any more."""
        known = {key for check in checks for key in (*_failing(check), _started(check))}
        self._notes = {key: value for key, value in self._notes.items() if key in known}
        self.board.remember(self.source, self._notes)

    def failing_since(self, check: Check, now: float) -> float | None:
        """Since when it failed when it was last asked; None where it did not, or long ago."""
        since, seen = (self._notes.get(key) for key in _failing(check))
        if since is None or seen is None or not since <= seen <= now <= seen + fresh_seconds(check):
            return None
        return since

    def fails(self, check: Check, since: float | None, now: float) -> None:
        """It fails now, since then; or it does not."""
        for key, value in zip(_failing(check), (since, now), strict=True):
            if since is None:
                self._notes.pop(key, None)
            else:
                self._notes[key] = value or 0.0
        self.board.remember(self.source, self._notes)

    def started(self, check: Check) -> bool:
        """Whether its start had ended when it was last asked."""
        return _started(check) in self._notes

    def starts(self, check: Check, *, started: bool) -> None:
        """Whether its start has ended."""
        if started:
            self._notes[_started(check)] = 1.0
        else:
            self._notes.pop(_started(check), None)
        self.board.remember(self.source, self._notes)


def _failing(check: Check) -> tuple[str, str]:
    return f"since {check.kind} {check.name}", f"seen {check.kind} {check.name}"


def _started(check: Check) -> str:
    return f"started {check.name}"
