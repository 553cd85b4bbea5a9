"""Shutdowns into quiet windows: pure; facts and the time in, gauges out.

A drain is what the application says of its own shutdown. While it lasts, and for one catch-up
after it, its effects need no page: that is the quiet window. A window is bounded, so that no fault
mutes itself: two an hour and 20 minutes a day for an application, and never beyond the deadline.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

Step = Literal["begin", "extend", "end", "abort"]

DEFAULT_GRACE_SECONDS = 600.0
CATCH_UP_SECONDS = 120.0
WINDOWS_AN_HOUR = 2
SECONDS_A_DAY = 20 * 60.0
HOUR, DAY = 3600.0, 24 * 3600.0


@dataclass(slots=True)
class Drain:
    """The newest shutdown of one service; times in seconds since 1970, NaN where there is none."""

    began: float = math.nan
    deadline: float = math.nan
    ended: float = math.nan
    quiet: bool = False

    def draining(self) -> bool:
        """Whether it has begun and not ended."""
        return not math.isnan(self.began) and math.isnan(self.ended)

    def quiet_until(self) -> float:
        """When its quiet window closes by itself."""
        if math.isnan(self.ended):
            return self.deadline
        return min(self.ended, self.deadline) + CATCH_UP_SECONDS


@dataclass(slots=True)
class Drains:
    """The shutdowns of one application's services, and the quiet windows that they opened."""

    services: dict[str, Drain] = field(default_factory=dict)
    opened: list[tuple[float, float]] = field(default_factory=list)

    def step(self, service: str, what: Step, at: float, grace: float) -> None:
        """Take a line of the shutdown: `grace` seconds to the deadline, NaN where it tells none."""
        drain = self.services.setdefault(service, Drain())
        grace = DEFAULT_GRACE_SECONDS if math.isnan(grace) else grace
        if what == "begin":
            if not drain.draining():
                self._close(drain, at)
                self.services[service] = Drain(at, at + grace, quiet=self._allowed(at))
            return
        if what == "extend":
            if drain.draining():
                drain.deadline = at + grace
            return
        if drain.draining():
            drain.ended = at
        if what == "abort":
            self._close(drain, at)

    def turn(self, now: float) -> None:
        """Close the windows whose time has come; forget those of yesterday."""
        for drain in self.services.values():
            if drain.quiet and (now >= drain.quiet_until() or self._spent(now) >= SECONDS_A_DAY):
                self._close(drain, min(now, drain.quiet_until()))
        self.opened = [one for one in self.opened if one[1] > now - DAY]

    def quiet(self, service: str) -> bool:
        """Whether this service's effects need no page."""
        drain = self.services.get(service)
        return drain is not None and drain.quiet

    def _allowed(self, now: float) -> bool:
        recent = sum(1 for began, _ in self.opened if began > now - HOUR)
        recent += sum(1 for drain in self.services.values() if drain.quiet)
        return recent < WINDOWS_AN_HOUR and self._spent(now) < SECONDS_A_DAY

    def _spent(self, now: float) -> float:
        closed = sum(end - max(began, now - DAY) for began, end in self.opened if end > now - DAY)
        return closed + sum(now - d.began for d in self.services.values() if d.quiet)

    def _close(self, drain: Drain, at: float) -> None:
        if drain.quiet:
            drain.quiet = False
            self.opened.append((drain.began, max(at, drain.began)))

    def dump(self) -> dict[str, Any]:
        """Plain values for the saved state."""
        rows = {
            name: [one.began, one.deadline, one.ended, one.quiet]
            for name, one in self.services.items()
        }
        return {"services": rows, "opened": self.opened}

    @classmethod
    def load(cls, saved: dict[str, Any]) -> Drains:
        """Take up what `dump` gave."""
        rows = {name: Drain(*row) for name, row in saved["services"].items()}
        return cls(rows, [(began, ended) for began, ended in saved["opened"]])
