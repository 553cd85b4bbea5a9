"""Shutdowns and deploys into quiet windows: pure; facts and the time in, gauges out.

A drain is what the application says of its own shutdown; a deploy is a container replaced by one of
a new image or configuration. While either lasts, and for one catch-up after it, its effects need no
page: that is the quiet window. A window is bounded, so that no fault mutes itself: two an hour and
20 minutes a day for an application, and never beyond the deadline. Of services that are quiet at
the same time the window is one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Struct, field

Step = Literal["begin", "extend", "end", "abort"]

DEFAULT_GRACE_SECONDS = 600.0
DEPLOY_SECONDS = 300.0  # how long a new container may take to answer
CATCH_UP_SECONDS = 120.0
WINDOWS_AN_HOUR = 2
SECONDS_A_DAY = 20 * 60.0
HOUR, DAY = 3600.0, 24 * 3600.0


class Drain(Struct):
    """The newest shutdown, or deploy, of one service.

    Times are in seconds since 1970, NaN where there is none.
    """

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

    def dump(self) -> list[float | bool]:
        """Plain values for the saved state."""
        return [self.began, self.deadline, self.ended, self.quiet]


class Drains(Struct):
    """Shutdowns and deploys of one application's services, and the quiet windows they opened."""

    services: dict[str, Drain] = field(default_factory=dict)
    deploys: dict[str, Drain] = field(default_factory=dict)
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

    def replaced(self, service: str, at: float) -> None:
        """A container of this service gave way to one of a new image or configuration."""
        before = self.deploys.get(service)
        if before is not None:
            if before.draining() and at < before.deadline:
                return  # another replica of the same deploy
            self._close(before, at)
        self.deploys[service] = Drain(at, at + DEPLOY_SECONDS, quiet=self._allowed(at))

    def settled(self, service: str, at: float) -> bool:
        """All of its containers are up; whether that ends a deploy."""
        deploy = self.deploys.get(service)
        if deploy is None or not deploy.draining():
            return False
        deploy.ended = at
        return True

    def turn(self, now: float) -> None:
        """Close the windows whose time has come; forget those of yesterday."""
        for drain in self._all():
            past = now >= drain.quiet_until() or self._spent(now) >= SECONDS_A_DAY
            set_back = now < drain.began - CATCH_UP_SECONDS  # the clock: it would be quiet for long
            if drain.quiet and (past or set_back):
                self._close(drain, min(now, drain.quiet_until()))
        self.opened = [one for one in self.opened if one[1] > now - DAY]

    def quiet(self, service: str) -> bool:
        """Whether this service's effects need no page."""
        known = (self.services.get(service), self.deploys.get(service))
        return any(one is not None and one.quiet for one in known)

    def _all(self) -> Iterator[Drain]:
        yield from self.services.values()
        yield from self.deploys.values()

    def _allowed(self, now: float) -> bool:
        if self._spent(now) >= SECONDS_A_DAY:
            return False
        if any(one.quiet for one in self._all()):
            return True  # it is the same window
        recent = [one for one in self._windows(now) if one[0] > now - HOUR]
        return len(recent) < WINDOWS_AN_HOUR

    def _spent(self, now: float) -> float:
        return sum(end - max(began, now - DAY) for began, end in self._windows(now))

    def _windows(self, now: float) -> list[tuple[float, float]]:
        """The windows of the last day, those that overlap as one."""
        still = [(one.began, now) for one in self._all() if one.quiet]
        merged: list[tuple[float, float]] = []
        for began, end in sorted([*self.opened, *still]):
            if end <= now - DAY:
                continue
            if merged and began <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((began, end))
        return merged

    def _close(self, drain: Drain, at: float) -> None:
        if drain.quiet:
            drain.quiet = False
            self.opened.append((drain.began, max(at, drain.began)))

    def dump(self) -> dict[str, Any]:
        """Plain values for the saved state."""
        return {
            "services": {name: one.dump() for name, one in self.services.items()},
            "deploys": {name: one.dump() for name, one in self.deploys.items()},
            "opened": self.opened,
        }

    @classmethod
    def load(cls, saved: dict[str, Any]) -> Drains:
        """Take up what `dump` gave."""
        services = {name: Drain(*row) for name, row in saved["services"].items()}
        deploys = {name: Drain(*row) for name, row in saved.get("deploys", {}).items()}
        return cls(services, deploys, [(began, ended) for began, ended in saved["opened"]])
