"""A test alert on its way: each hop is asked until it is passed; one that is not is named."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct, field

from exporter.hops.alertmanager import FAILED, SENT, Alertmanager, Told
from exporter.hops.asking import Address, Stuck, Unanswered
from exporter.hops.prometheus import METRIC, WATCHDOG, Prometheus

EVERY_SECONDS = 0.5


class Hop(Struct, frozen=True):
    """One hop: what it is when it is passed, and a question for why it is not (nothing: it is)."""

    name: str
    ask: Callable[[], str | None]


class Outcome(Struct, frozen=True):
    """How a hop went: `lost` says why, or is empty. `notes` are worth knowing."""

    name: str
    seconds: float
    lost: str = ""
    notes: tuple[str, ...] = ()


class Walk(Struct):
    """What is asked for on the way. Without `sidewatch` and `prometheus` it begins at Alertmanager.

    `before` is what Alertmanager had counted when the test began.
    """

    test: str
    alertmanager: Alertmanager
    before: Told
    sidewatch: Address | None = None
    prometheus: Prometheus | None = None
    deadman: bool = True
    notes: list[str] = field(default_factory=list)
    _alert: Mapping[str, Any] = field(default_factory=dict)
    _kinds: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def hops(self) -> Iterator[Hop]:
        """From the first to the last."""
        if self.sidewatch is not None and self.prometheus is not None:
            here, there = self.sidewatch, self.prometheus
            yield Hop("sidewatch shows it", lambda: self._shown(here))
            yield Hop("Prometheus has scraped it", lambda: there.scraped(self.test))
            yield Hop("its rule fires", lambda: there.fires(self.test))
        yield Hop("Alertmanager has it", self._arrived)
        yield Hop("a route has chosen who is told", self._routed)
        yield Hop("a message has been sent", self._sent)
        if self.deadman:
            yield Hop("the dead man's switch is connected", self._watched)

    def _shown(self, at: Address) -> str | None:
        text = at.get("/metrics").decode("utf-8", "replace")
        if re.search(rf'^{METRIC}{{[^}}]*test="{self.test}"', text, re.MULTILINE):
            return None
        return f"sidewatch at {at.url} does not see the test: its state is elsewhere"

    def _arrived(self) -> str | None:
        if self.alertmanager.find(test=self.test) is not None:
            return None
        if self.prometheus is None:
            return "Alertmanager has taken the alert, and does not show it"
        return self.prometheus.sends_to(self.alertmanager.at)

    def _routed(self) -> str | None:
        alert = self.alertmanager.find(test=self.test)
        if alert is None:
            return "Alertmanager has forgotten the alert"
        status = alert["status"]
        for key, words in (
            ("silencedBy", "a silence keeps it back"),
            ("inhibitedBy", "another alert holds it back"),
            ("mutedBy", "it falls into hours in which its route is quiet"),
        ):
            if status.get(key):
                raise Stuck(f"{words}: {', '.join(status[key])}")
        if status["state"] == "unprocessed":
            return "Alertmanager has not looked at it yet"
        self._alert, self._kinds = alert, self.alertmanager.kinds()
        names = self._receivers()
        if not any(self._kinds.get(name) for name in names):
            raise Stuck(
                f"its receiver {' and '.join(names)} has no way to tell anybody: fill in"
                " alertmanager.yml, or let `sidewatch export alertmanager` write it"
            )
        return None

    def _sent(self) -> str | None:
        # It counts a message before the failure of it, and tells of no one moment: who failed is
        # asked for when who was sent is known.
        now, later = self.alertmanager.told(), self.alertmanager.told()
        waiting, failing = [], []
        for receiver in self._receivers():
            for kind, ways in self._kinds.get(receiver, {}).items():
                sent, failed = (
                    told.sum(name, kind, receiver) - self.before.sum(name, kind, receiver)
                    for told, name in ((now, SENT), (later, FAILED))
                )
                calls = self._calls(kind)
                text = f"{receiver} by {kind}"
                if failed > 0 and (calls or sent - failed < ways):
                    failing.append(text + _why(later, kind))
                elif sent - failed < ways + calls:
                    waiting.append(text)
        if failing:
            return f"messages fail: {', '.join(failing)}; Alertmanager's log says more"
        if waiting:
            return f"nothing has been sent to {', '.join(waiting)} yet (group_wait?)"
        return None

    def _calls(self, kind: str) -> int:
        """How many of the messages of this kind may have been the Watchdog's, which calls always.

        It calls once a minute, so of two messages one is the test's.
        """
        if any("receiver_name" in one.labels for one in self.before.counts):
            return 0
        watchdog = self.alertmanager.find(alertname=WATCHDOG)
        names = [one["name"] for one in watchdog["receivers"]] if watchdog else []
        calls = sum(self._kinds.get(name, {}).get(kind, 0) for name in names)
        if calls:
            told = f"{' and '.join(names)} is told by {kind} too, and Alertmanager counts both"
            self.notes[:] = [f"{told} together: this time is that of the second message"]
        return calls

    def _watched(self) -> str | None:
        if self.prometheus is not None and (why := self.prometheus.watches()) is not None:
            return why
        alert = self.alertmanager.find(alertname=WATCHDOG)
        if alert is None:
            return f"Alertmanager has no alert {WATCHDOG}"
        names = [one["name"] for one in alert["receivers"]]
        if not any(self._kinds.get(name) for name in names):
            raise Stuck(
                f"{WATCHDOG} goes to {' and '.join(names)}, which tells nobody: set"
                " SIDEWATCH_DEADMAN_URL and write alertmanager.yml anew"
            )
        return None

    def _receivers(self) -> list[str]:
        return [one["name"] for one in self._alert["receivers"]]


def _why(told: Told, kind: str) -> str:
    reasons = sorted(told.reasons(kind))
    return f" ({', '.join(reasons)})" if reasons else ""


def walk(
    way: Walk, *, wait: float, now: Callable[[], float], sleep: Callable[[float], None]
) -> Iterator[Outcome]:
    """Pass hop after hop, for as long as `wait` seconds in all; the first that is lost ends it."""
    began = last = now()
    for hop in way.hops():
        try:
            while (why := _asked(hop)) is not None:
                if now() - began >= wait:
                    raise Stuck(why)  # noqa: TRY301 - no more time is as good as no hope
                sleep(EVERY_SECONDS)
        except Stuck as error:
            yield Outcome(hop.name, now() - last, str(error))
            return
        yield Outcome(hop.name, now() - last, notes=tuple(way.notes))
        way.notes.clear()
        last = now()


def _asked(hop: Hop) -> str | None:
    try:
        return hop.ask()
    except Unanswered as error:
        return str(error)
    except (KeyError, TypeError, AttributeError, ValueError):
        return "the answer is none that Prometheus or Alertmanager would give"
