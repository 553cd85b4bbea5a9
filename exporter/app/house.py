"""sidewatch's own series: what it is, how it fares, and the canary that betrays renamed labels."""

from __future__ import annotations

import platform
from collections import Counter

from exporter import __version__
from exporter.app.discovery import WHY, Discoverer
from exporter.clock import Clock
from exporter.engine import choice
from exporter.model import Snapshot
from exporter.registry import Registry
from exporter.saving import Saver
from exporter.trial import Trial
from exporter.vocabulary import FAMILIES

DISCOVERY = (
    "sidewatch_discovery_up",
    "sidewatch_discovered_apps",
    "sidewatch_discovery_refused_apps",
)
REFUSED = FAMILIES["sidewatch_http_refused_total"]
RECEIVED = FAMILIES["sidewatch_receiver_records_total"]
REQUESTS = FAMILIES["sidewatch_receiver_requests_total"]
OUTCOMES = ("counted", "rejected")
REFUSALS = ("busy", "certificate", "connections", "credentials", "exhausted", "handshake")
PUSH = (
    "sidewatch_push_up",
    "sidewatch_push_last_success_timestamp_seconds",
    "sidewatch_push_failures_total",
)
TRIAL = FAMILIES["sidewatch_test_alert_timestamp_seconds"]


class House:
    """The registries that belong to no application."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._own = Registry()
        self._canary = Registry((("app", "canary"),))
        now = clock.now()
        self._canary.put(FAMILIES["sidewatch_label_canary"], ("canary", "canary"), now, 1.0)
        build = (__version__, choice.running(), platform.python_version())
        self._own.put(FAMILIES["sidewatch_build_info"], build, now, 1.0)
        self.loop_lag = 0.0
        self._trial: Trial | None = None
        self._config_taken = self._web_taken = True
        for outcome in OUTCOMES:
            self._own.inc(RECEIVED, (outcome,), now, 0.0)
        for why in REFUSALS:
            self._own.inc(REFUSED, (why,), now, 0.0)
        self.reloaded(taken=True)

    def reloaded(self, *, taken: bool) -> None:
        """Note whether the newest configuration was taken, the endpoint's file with it."""
        self._config_taken, self._web_taken = taken, taken or self._web_taken
        self._show_reload(taken=taken)

    def web_reloaded(self, *, taken: bool) -> None:
        """Note whether the newest file of the endpoint was taken by itself."""
        self._web_taken = taken
        self._show_reload(taken=taken)

    def _show_reload(self, *, taken: bool) -> None:
        now, both = self._clock.now(), self._config_taken and self._web_taken
        self._own.put(FAMILIES["sidewatch_config_reload_success"], (), now, float(both))
        if taken:
            family = FAMILIES["sidewatch_config_last_reload_timestamp_seconds"]
            self._own.put(family, (), now, now)

    def refused(self, why: str) -> None:
        """Count a client that was turned away."""
        self._own.inc(REFUSED, (why,), self._clock.now())

    def received(self, status: int) -> None:
        """Count an export by what it was answered."""
        self._own.inc(REQUESTS, (str(status),), self._clock.now())

    def received_records(self, counted: int, rejected: int) -> None:
        """Count the records of an export that was taken."""
        for outcome, count in zip(OUTCOMES, (counted, rejected), strict=True):
            self._own.inc(RECEIVED, (outcome,), self._clock.now(), count)

    def discovered(self, found: Discoverer | None) -> None:
        """Note how the search for applications fares; None where there is none."""
        up, apps, refused = map(FAMILIES.__getitem__, DISCOVERY)
        if found is None:
            for family, labels in ((up, ()), (apps, ()), *((refused, (why,)) for why in WHY)):
                self._own.drop(family, labels)
            return
        now, reasons = self._clock.now(), Counter(found.refused.values())
        self._own.put(up, (), now, float(found.up))
        self._own.put(apps, (), now, float(len(found.known)))
        for why in WHY:
            self._own.put(refused, (why,), now, float(reasons[why]))

    def pushed(self, failure: str | None) -> None:
        """Note how the newest push of metrics fared: "" is well; None where none is wanted."""
        up, last, failures = map(FAMILIES.__getitem__, PUSH)
        now = self._clock.now()
        if failure is None:
            self._own.drop(up, ())
            self._own.drop(last, ())
            return
        self._own.put(up, (), now, float(not failure))
        if failure:
            self._own.inc(failures, (failure,), now, 1.0)
        else:
            self._own.put(last, (), now, now)

    def tries(self, trial: Trial | None) -> None:
        """Show this test alert, and none before it."""
        if self._trial is not None and self._trial != trial:
            self._own.drop(TRIAL, (self._trial.test,))
        self._trial = trial

    def snapshots(self, saver: Saver) -> list[Snapshot]:
        """What may be shown now."""
        now = self._clock.now()
        put = self._own.put
        put(FAMILIES["sidewatch_state_degraded"], (), now, float(saver.degraded))
        put(FAMILIES["sidewatch_event_loop_lag_seconds"], (), now, self.loop_lag)
        last = FAMILIES["sidewatch_state_last_save_timestamp_seconds"]
        put(last, (), now, saver.saved_at)
        if self._trial is not None and self._trial.runs(now):
            put(TRIAL, (self._trial.test,), now, self._trial.began)
        elif self._trial is not None:
            self.tries(None)
        return [self._own.snapshot(now, final=True), self._canary.snapshot(now, final=True)]
