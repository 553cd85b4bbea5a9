"""A test alert on its way: each hop is asked until it is passed; one that is not is named."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from exporter.hops.alertmanager import FAILED, SENT, Alertmanager, Told
from exporter.hops.asking import Address, Unanswered
from exporter.hops.prometheus import METRIC, WATCHDOG, Prometheus

EVERY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Hop:
    """One hop: what it is when it is passed, and a question for why it is not (nothing: it is)."""

    name: str
    ask: Callable[[], str | None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a hop went: `lost` says why, or is empty. `notes` are worth knowing."""

    name: str
    seconds: float
    lost: str = ""
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Walk:
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
            yield Hop("the dead man's switch is fed", self._watched)

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
                return f"{words}: {', '.join(status[key])}"
        if status["state"] == "unprocessed":
            return "Alertmanager has not looked at it yet"
        self._alert, self._kinds = alert, self.alertmanager.kinds()
        names = self._receivers()
        if not any(self._kinds.get(name) for name in names):
            return (
                f"its receiver {' and '.join(names)} has no way to tell anybody: fill in"
                " alertmanager.yml, or let `sidewatch export alertmanager` write it"
            )
        return None

    def _sent(self) -> str | None:
        now = self.alertmanager.told()
        waiting, failing = [], []
        for receiver in self._receivers():
            for kind, ways in self._kinds.get(receiver, {}).items():
                sent, failed = (
                    now.sum(name, kind, receiver) - self.before.sum(name, kind, receiver)
                    for name in (SENT, FAILED)
                )
                if sent - failed < ways:
                    text = f"{receiver} by {kind}"
                    failing += [text + _why(now, kind)] if failed > 0 else []
                    waiting += [text] if failed <= 0 else []
        if failing:
            return f"messages fail: {', '.join(failing)}; Alertmanager's log says more"
        if waiting:
            return f"nothing has been sent to {', '.join(waiting)} yet (group_wait?)"
        self._note_shared()
        return None

    def _watched(self) -> str | None:
        if self.prometheus is not None and (why := self.prometheus.watches()) is not None:
            return why
        alert = self.alertmanager.find(alertname=WATCHDOG)
        if alert is None:
            return f"Alertmanager has no alert {WATCHDOG}"
        names = [one["name"] for one in alert["receivers"]]
        if not any(self._kinds.get(name) for name in names):
            return (
                f"{WATCHDOG} goes to {' and '.join(names)}, which tells nobody: set"
                " SIDEWATCH_DEADMAN_URL and write alertmanager.yml anew"
            )
        return None

    def _receivers(self) -> list[str]:
        return [one["name"] for one in self._alert["receivers"]]

    def _note_shared(self) -> None:
        """Say where other receivers' messages are counted together with those of the test."""
        told_apart = any("receiver_name" in one.labels for one in self.before.counts)
        own = set(self._receivers())
        kinds = {kind for name in own for kind in self._kinds.get(name, {})}
        for other, theirs in self._kinds.items():
            for kind in kinds & set(theirs) if other not in own and not told_apart else ():
                self.notes.append(
                    f"{other} is told by {kind} too, and Alertmanager counts both together:"
                    " look whether the message has come"
                )


def _why(told: Told, kind: str) -> str:
    reasons = sorted(told.reasons(kind))
    return f" ({', '.join(reasons)})" if reasons else ""


def walk(
    way: Walk, *, wait: float, now: Callable[[], float], sleep: Callable[[float], None]
) -> Iterator[Outcome]:
    """Pass hop after hop, for as long as `wait` seconds in all; the first that is lost ends it."""
    began = last = now()
    for hop in way.hops():
        while (why := _asked(hop)) is not None:
            if now() - began >= wait:
                yield Outcome(hop.name, now() - last, why)
                return
            sleep(EVERY_SECONDS)
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
