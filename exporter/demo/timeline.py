"""The applications' own time, which passes faster than ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


@dataclass(slots=True)
class Timeline:
    """Seconds of the applications since they began; a minute of theirs lasts `minute` seconds."""

    minute: float
    now: Callable[[], float] = field(default=_loop_time, repr=False)
    _began: float | None = None

    def begin(self) -> None:
        """Now they begin."""
        self._began = self.now()

    def passed(self) -> float:
        """How long ago they began; 0 before."""
        return 0.0 if self._began is None else (self.now() - self._began) * 60.0 / self.minute

    def left(self, at: float) -> float:
        """How many seconds of ours it is until then; below 0 once that has passed."""
        return (at - self.passed()) * self.minute / 60.0
