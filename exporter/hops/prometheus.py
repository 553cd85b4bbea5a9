"""What Prometheus knows of the test alert: its series, its rule, where alerts are sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from exporter.hops.asking import Address, Stuck

METRIC = "sidewatch_test_alert_timestamp_seconds"
RULE = "SidewatchTestAlert"
WATCHDOG = "Watchdog"
NO_ALERTMANAGER = "Prometheus knows no Alertmanager: `alerting` in its configuration names none"


class Prometheus(Struct, frozen=True):
    """Each method asks once: nothing where the hop is passed, else why it is not yet.

    All raise Unanswered, and Stuck where it never will be. A Prometheus that has just started finds
    targets and Alertmanagers after some seconds, so without these there is still hope.
    """

    at: Address

    def scraped(self, test: str) -> str | None:
        """Whether the series of the test has come."""
        answer = self.at.json("/api/v1/query", query=f'{METRIC}{{test="{test}"}}')
        if answer["data"]["result"]:
            return None
        targets = self.at.json("/api/v1/targets", state="active")["data"]["activeTargets"]
        if not targets:
            return "Prometheus scrapes nothing: scrape_configs has no target"
        failing = [
            f"{target['scrapeUrl']} ({target['lastError']})"
            for target in targets
            if target["health"] == "down"
        ]
        if failing:
            return f"Prometheus cannot scrape {', '.join(failing)}"
        return "none of the targets that Prometheus scrapes is this sidewatch"

    def fires(self, test: str) -> str | None:
        """Whether the rule is loaded, and fires on it."""
        rule = self._rule(RULE)
        if rule is None:
            raise Stuck(f"the rule {RULE} is not loaded: rule_files must name rules/sidewatch.yaml")
        if rule.get("lastError"):
            return f"the rule {RULE} fails: {rule['lastError']}"
        if any(one["labels"].get("test") == test for one in self._firing(rule)):
            return None
        return f"the rule {RULE} is loaded, and does not fire on this test"

    def watches(self) -> str | None:
        """Whether the alert that always fires does."""
        rule = self._rule(WATCHDOG)
        if rule is None:
            raise Stuck(f"no rule {WATCHDOG} is loaded, which would fire always")
        return None if any(self._firing(rule)) else f"the rule {WATCHDOG} does not fire"

    def alertmanagers(self) -> list[str]:
        """The base URLs that alerts are sent to."""
        found = self.at.json("/api/v1/alertmanagers")["data"]["activeAlertmanagers"]
        return [one["url"].partition("/api/")[0] for one in found]

    def sends_to(self, other: Address) -> str:
        """Why an Alertmanager may have got nothing."""
        known = self.alertmanagers()
        if not known:
            return NO_ALERTMANAGER
        if urlsplit(other.url).netloc not in {urlsplit(url).netloc for url in known}:
            return f"Prometheus sends alerts to {', '.join(known)}, by that name not to {other.url}"
        return f"Prometheus sends alerts to {other.url}, and this one has not come"

    def _rule(self, name: str) -> Mapping[str, Any] | None:
        groups = self.at.json("/api/v1/rules", type="alert")["data"]["groups"]
        rules = (rule for group in groups for rule in group["rules"] if rule["name"] == name)
        return next(rules, None)

    def _firing(self, rule: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        return (one for one in rule.get("alerts", ()) if one["state"] == "firing")
