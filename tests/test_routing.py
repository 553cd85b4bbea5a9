"""Causes and their effects: the shipped inhibitions, read beside the rules and by Alertmanager."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.servers import Alertmanager
from tests.support.webhook import Webhook

ROOT = Path(__file__).parents[1]
ROUTING = yaml.safe_load((ROOT / "rules/alertmanager/alertmanager.yaml").read_text())
INHIBITIONS = ROUTING["inhibit_rules"]
ALERTS = {
    rule["alert"]: rule
    for path in sorted((ROOT / "rules").glob("*.yaml"))
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
}
EVALUATION_SECONDS = 30

# What no cause may hold back: each is a fault of its own, or data is at stake.
NEVER_HELD_BACK = re.compile(
    r"WatchedCrashLoop|WatchedOneshotFailed|WatchedKilledInDrain|WatchedBrokerRestarted"
    r"|WatchedTls|WatchedFile|WatchedDisk|WatchedEvent|Sidewatch"
)


def _seconds(text: str) -> int:
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]


def _named(matchers: list[str]) -> set[str]:
    """The alerts that a list of matchers names."""
    named = [found[1] for one in matchers if (found := re.match(r'alertname=~?"(.*)"$', one))]
    return set("|".join(named).split("|"))


@pytest.mark.parametrize("rule", INHIBITIONS, ids=lambda rule: rule["source_matchers"][-1])
def test_an_inhibition_is_of_one_application_and_in_one_direction(rule: dict[str, Any]) -> None:
    causes, effects = _named(rule["source_matchers"]), _named(rule["target_matchers"])
    assert "app" in rule["equal"]
    assert causes | effects <= set(ALERTS)
    assert not causes & effects
    assert not any(NEVER_HELD_BACK.match(alert) for alert in effects)


def test_no_effect_holds_back_its_cause() -> None:
    held_back_by = {
        effect: {
            cause
            for rule in INHIBITIONS
            if effect in _named(rule["target_matchers"])
            for cause in _named(rule["source_matchers"])
        }
        for effect in ALERTS
    }
    for effect, causes in held_back_by.items():
        further = set(causes)
        while more := {second for cause in further for second in held_back_by[cause]} - further:
            further |= more
        assert effect not in further


@pytest.mark.parametrize("rule", INHIBITIONS, ids=lambda rule: rule["source_matchers"][-1])
def test_a_cause_fires_before_its_effects_are_sent(rule: dict[str, Any]) -> None:
    wait = _seconds(ROUTING["route"]["group_wait"])
    for cause in _named(rule["source_matchers"]):
        told = _seconds(ALERTS[cause].get("for", "0s")) + EVALUATION_SECONDS
        for effect in _named(rule["target_matchers"]):
            assert told <= _seconds(ALERTS[effect].get("for", "0s")) + wait, (cause, effect)


def _alert(name: str, **labels: str) -> dict[str, Any]:
    severity = ALERTS[name]["labels"]["severity"]
    return {"labels": {"alertname": name, "severity": severity, **labels}}


# The faults of which two alerts tell, and one that has nothing to do with any of them.
FAULTS = (
    _alert("WatchedServiceDown", app="agledger", service="agledger-api"),
    _alert("WatchedProbeFailed", app="agledger", probe="api"),
    _alert("WatchedPostgresDown", app="kodiai", database="kodiai"),
    _alert("WatchedProbeFailed", app="kodiai", probe="server"),
    _alert("WatchedServiceUnhealthy", app="tripl", service="rabbitmq"),
    _alert("WatchedHeartbeatMissing", app="tripl", heartbeat="worker"),
    _alert("WatchedTlsExpired", app="agledger", certificate="api"),
    _alert("WatchedProbeFailed", app="paas", probe="api"),
    _alert("WatchedNotReady", app="paas", probe="worker"),
)
TOLD = {
    ("WatchedServiceDown", "agledger"),
    ("WatchedPostgresDown", "kodiai"),
    ("WatchedServiceUnhealthy", "tripl"),
    ("WatchedTlsExpired", "agledger"),
    ("WatchedProbeFailed", "paas"),
    ("WatchedNotReady", "paas"),
}


@pytest.mark.real
def test_alertmanager_tells_the_cause_alone(
    alertmanager: Callable[[Mapping[str, Any]], Alertmanager], webhook: Webhook
) -> None:
    receivers = [
        {"name": one["name"], "webhook_configs": [{"url": f"{webhook.url}/{one['name']}"}]}
        for one in ROUTING["receivers"]
    ]
    waits = {"group_wait": "1s", "group_interval": "1s"}
    manager = alertmanager(ROUTING | {"route": ROUTING["route"] | waits, "receivers": receivers})
    # All at once: at the end of the wait each inhibition has its cause.
    request = urllib.request.Request(
        f"{manager.url}/api/v2/alerts",
        data=json.dumps(FAULTS).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=5).close()

    posts = [webhook.next(within=15) for _ in TOLD]
    assert {post.path for post in posts} == {"/page"}
    assert {_told(post.body) for post in posts} == TOLD
    held_back = {
        (one["labels"]["alertname"], one["labels"]["app"])
        for one in manager.alerts()
        if one["status"]["inhibitedBy"]
    }
    assert held_back == {_told({"commonLabels": one["labels"]}) for one in FAULTS} - TOLD


def _told(body: Mapping[str, Any]) -> tuple[str, str]:
    labels = body["commonLabels"]
    return labels["alertname"], labels["app"]
