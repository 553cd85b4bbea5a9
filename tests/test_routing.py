"""Who is told of what: the shipped routes and inhibitions, asked of a real Alertmanager."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from exporter.__main__ import main
from exporter.export.inhibition import Alert, faults, seconds, unknown
from tests.support.parts import Parts
from tests.support.routing import FOLDER, ROOT, SHIPPED, routing_to
from tests.support.servers import Alertmanager
from tests.support.shipped_alerts import shipped_alerts
from tests.support.waiting import wait_for
from tests.support.webhook import Webhook

ALERTS = shipped_alerts()
INHIBITIONS = SHIPPED["inhibit_rules"]
RECEIVERS = {"critical": "page", "warning": "ticket", "info": "ticket", "none": "nobody"}
# What no cause may hold back: each is a fault of its own, or data is at stake.
NEVER_HELD_BACK = re.compile(
    r"WatchedCrashLoop|WatchedOneshotFailed|WatchedKilledInDrain|WatchedBrokerRestarted"
    r"|WatchedTls|WatchedFile|WatchedDisk|WatchedEvent|SidewatchAppAbsent|SidewatchLabelCanary"
    r"|SidewatchStateDegraded|SidewatchTestAlert|Watchdog"
)

Labels = Mapping[str, str]
Start = Callable[[Mapping[str, Any]], Alertmanager]


def _known() -> list[Alert]:
    """The alerts with the labels that promtool has seen on them, and one of an operator's own."""
    own = Alert("GoodToKnow", 0, {"app"}, {"severity": "info"})
    return [
        own,
        *(
            Alert(
                one.name,
                seconds(one.rule.get("for", "0s")),
                {name for labels in one.labels for name in labels},
                one.rule["labels"],
                seconds(one.rule.get("keep_firing_for", "0s")),
            )
            for one in ALERTS.values()
        ),
    ]


def _names(matchers: list[str]) -> list[str]:
    """The alerts that a list of matchers names."""
    named = [found[1] for one in matchers if (found := re.match(r'alertname=~?"(.*)"$', one))]
    return "|".join(named).split("|") if named else []


# --- routes -------------------------------------------------------------------------------------


@pytest.mark.real
def test_every_alert_goes_where_its_severity_says(parts: Parts) -> None:
    amtool = str(parts.need("amtool"))

    def wrong(labels: Labels) -> str | None:
        name, severity = labels["alertname"], labels["severity"]
        receiver = "deadman" if name == "Watchdog" else RECEIVERS[severity]
        config = f"--config.file={FOLDER / 'alertmanager.yaml'}"
        pairs = [f"{label}={value}" for label, value in labels.items()]
        test = [amtool, "config", "routes", "test", config, f"--verify.receivers={receiver}"]
        done = subprocess.run([*test, *pairs], capture_output=True, text=True, check=False)
        return None if done.returncode == 0 else f"{name}: {done.stdout}{done.stderr}"

    sets = [labels for one in ALERTS.values() for labels in one.labels]
    with ThreadPoolExecutor(2) as pool:
        assert not [text for text in pool.map(wrong, sets) if text]
    assert {labels["alertname"] for labels in sets} == set(ALERTS)


def test_no_page_waits_for_quiet_hours() -> None:
    route = SHIPPED["route"]
    muted = [one for one in (route, *route["routes"]) if "mute_time_intervals" in one]
    assert [one["matchers"] for one in muted] == [['severity=~"warning|info"']]


def test_nobody_is_told_of_anything_as_it_is_shipped() -> None:
    assert [set(one) for one in SHIPPED["receivers"]] == [{"name"}] * 4


@pytest.mark.real
def test_it_starts_as_it_is_shipped(alertmanager: Start) -> None:
    templates = [str(FOLDER / name) for name in SHIPPED["templates"]]
    assert alertmanager({**SHIPPED, "templates": templates}).alerts() == []


# --- inhibitions: by reading --------------------------------------------------------------------


def test_the_inhibitions_can_do_what_they_say() -> None:
    assert not list(faults(SHIPPED, _known()))
    assert not list(unknown(SHIPPED, _known()))


def test_no_alert_is_held_back_that_is_a_fault_of_its_own() -> None:
    held_back = {name for rule in INHIBITIONS for name in _names(rule["target_matchers"])}
    assert not [name for name in held_back if NEVER_HELD_BACK.match(name)]
    assert all("app" in rule["equal"] for rule in INHIBITIONS)


def test_a_silent_service_is_held_back_by_what_is_wrong_with_that_service() -> None:
    """A source that fails may be a database's, and has no service."""
    rules = [one for one in INHIBITIONS if "WatchedLogSilent" in _names(one["target_matchers"])]
    assert [one["equal"] for one in rules] == [["app", "service"]]


CAUSE = Alert("Cause", 60, {"app", "service"}, {"severity": "critical"})
EFFECT = Alert("Effect", 60, {"app", "probe"}, {"severity": "critical"})
SOFT = Alert("Soft", 0, {"app"}, {"severity": "warning", "app": "one"})
ROUTE = {
    "group_wait": "30s",
    "routes": [{"matchers": ['severity="warning"'], "group_wait": "2m"}],
}


def _inhibition(source: str, target: str, *equal: str) -> dict[str, Any]:
    return {
        "source_matchers": [f'alertname=~"{source}"'],
        "target_matchers": [f'alertname=~"{target}"'],
        "equal": list(equal),
    }


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        (_inhibition("Cause", "Effect", "app"), None),
        (_inhibition("Cause", "Soft", "app"), None),
        (_inhibition("Cause", "Effect", "app", "probe"), "Cause has no label probe"),
        (_inhibition("Cause", "Effect"), "has no equal labels"),
        (_inhibition("Cause|Effect", "Effect", "app"), "has Effect for both cause and effect"),
        (_inhibition("Soft", "Cause", "app"), "must not hold back a critical one"),
        ({**_inhibition("Late", "Effect", "app")}, "it fires after 61 s and one evaluation"),
        ({**_inhibition("Late", "Soft", "app")}, None),
        (_inhibition("Cause", "Kept", "app"), "it fires for 0 s after it has ended"),
        (_inhibition("Kept", "Soft", "app"), None),
        (
            {**_inhibition("Cause", "Effect", "app"), "target_matchers": ['severity="critical"']},
            "for both cause and effect",
        ),
    ],
    ids=str,
)
def test_an_inhibition_that_cannot_work_is_told(rule: dict[str, Any], fault: str | None) -> None:
    late = Alert("Late", 61, {"app"}, {"severity": "critical"})
    kept = Alert("Kept", 60, {"app"}, {"severity": "critical"}, kept=120)
    routing = {"route": ROUTE, "inhibit_rules": [rule]}
    found = list(faults(routing, [CAUSE, EFFECT, SOFT, late, kept]))
    assert any(fault in one for one in found) if fault else not found


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (_inhibition("Cause", "Effect", "app"), []),
        (_inhibition("Cause", "Effect|Gone", "app"), ["names Gone, which"]),
        (_inhibition("Gone", "Effect", "app"), ["names Gone, which", "has no cause: no alert"]),
        (_inhibition("Cause", "Gone.*", "app"), ["has no effect: no alert"]),
    ],
    ids=str,
)
def test_what_is_about_alerts_of_others_is_told_apart(
    rule: dict[str, Any], said: list[str]
) -> None:
    routing = {"route": ROUTE, "inhibit_rules": [rule]}
    assert not list(faults(routing, [CAUSE, EFFECT]))
    found = list(unknown(routing, [CAUSE, EFFECT]))
    assert [one for one, part in zip(found, said, strict=True) if part not in one] == []


def test_the_linter_reads_them_beside_some_of_the_rules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What these do not have it finds among the shipped rules, else it warns."""
    routes, some = FOLDER / "alertmanager.yaml", str(ROOT / "rules/logs.yaml")
    alone = ["lint", some, "--interval", "30s", "--strict", "--alertmanager"]
    assert main([*alone, str(routes)]) == 0
    text = routes.read_text().replace("|WatchedErrorRate|", "|Mine|", 1)
    (tmp_path / "other.yml").write_text(text)
    capsys.readouterr()
    assert main([*alone, str(tmp_path / "other.yml")]) == 1
    told = capsys.readouterr().out
    assert "names Mine, which is no alert of these rules [inhibition]" in told
    assert told.endswith(": 0 errors, 1 warning\n")


def test_the_linter_reads_them_beside_any_rules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it infers of labels agrees with what promtool has proved."""
    routes = str(FOLDER / "alertmanager.yaml")
    assert main(["lint", str(ROOT / "rules"), "--alertmanager", routes, "--interval", "30s"]) == 0
    text = Path(routes).read_text().replace("equal: [app, queue]", "equal: [app, probe]")
    (tmp_path / "alertmanager.yml").write_text(text)
    other = ("--alertmanager", str(tmp_path / "alertmanager.yml"))
    assert main(["lint", str(ROOT / "rules"), *other, "--interval", "30s"]) == 1
    assert "WatchedQueueStopped has no label probe [inhibition]" in capsys.readouterr().out
    assert main(["lint", str(ROOT / "rules"), "--alertmanager", str(ROOT / "LICENSE")]) == 2
    assert "LICENSE" in capsys.readouterr().err


def test_alerts_that_hold_each_other_back_are_told() -> None:
    both = [_inhibition("Cause", "Effect", "app"), _inhibition("Effect", "Cause", "app")]
    found = list(faults({"route": ROUTE, "inhibit_rules": both}, [CAUSE, EFFECT]))
    assert any("hold each other back" in one for one in found)


# --- inhibitions: live --------------------------------------------------------------------------


def post(manager: Alertmanager, alerts: Sequence[Labels]) -> None:
    """Hand alerts to Alertmanager."""
    request = urllib.request.Request(
        f"{manager.url}/api/v2/alerts",
        data=json.dumps([{"labels": labels} for labels in alerts]).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=5).close()


INFO = {"alertname": "GoodToKnow", "severity": "info"}


def _pairs() -> Iterator[tuple[Labels, Labels]]:
    """Of each inhibition each cause with each effect, in an application of their own."""
    for rule in INHIBITIONS:
        effects = [ALERTS[name].labels[0] for name in _names(rule["target_matchers"])] or [INFO]
        for cause in (ALERTS[name].labels[0] for name in _names(rule["source_matchers"])):
            for effect in effects:
                same = {label: f"the-{label}" for label in rule["equal"] if label != "app"}
                same |= {"service": "postgres"} if len(rule["source_matchers"]) > 1 else {}
                yield {**cause, **same}, {**effect, **same}


@pytest.mark.real
def test_each_cause_holds_back_each_of_its_effects_and_those_of_no_other_application(
    alertmanager: Start, webhook: Webhook
) -> None:
    numbers = count()
    sent: list[Labels] = []
    told: dict[str, str] = {}
    held: dict[str, str] = {}
    for cause, effect in _pairs():
        app, other = f"app-{next(numbers)}", f"app-{next(numbers)}"
        sent += [{**cause, "app": app}, {**effect, "app": app}, {**effect, "app": other}]
        held[app], told[app], told[other] = (
            effect["alertname"],
            cause["alertname"],
            effect["alertname"],
        )
    manager = alertmanager(routing_to(webhook.url))
    post(manager, sent)

    def settled() -> list[dict[str, Any]] | None:
        found = manager.alerts()
        number = sum(bool(one["status"]["inhibitedBy"]) for one in found)
        return found if len(found) == len(sent) and number >= len(held) else None

    found = wait_for(settled, "every effect to be held back")
    fingerprints = {one["fingerprint"]: one["labels"]["alertname"] for one in found}
    inhibited = {
        one["labels"]["app"]: (
            one["labels"]["alertname"],
            [fingerprints[by] for by in one["status"]["inhibitedBy"]],
        )
        for one in found
        if one["status"]["inhibitedBy"]
    }
    assert inhibited == {app: (effect, [told[app]]) for app, effect in held.items()}
    active = {one["labels"]["app"]: one for one in found if not one["status"]["inhibitedBy"]}
    assert {app: one["labels"]["alertname"] for app, one in active.items()} == told


def _alert(name: str, **labels: str) -> Labels:
    return {"alertname": name, "severity": ALERTS[name].rule["labels"]["severity"], **labels}


# The faults of which two alerts tell, and one that has nothing to do with any of them.
FAULTS = [
    _alert("WatchedServiceDown", app="agledger", service="agledger-api"),
    _alert("WatchedProbeFailed", app="agledger", probe="api"),
    _alert("WatchedPostgresDown", app="kodiai", database="kodiai"),
    _alert("WatchedProbeFailed", app="kodiai", probe="server"),
    _alert("WatchedServiceUnhealthy", app="tripl", service="rabbitmq"),
    _alert("WatchedHeartbeatMissing", app="tripl", heartbeat="worker"),
    _alert("WatchedTlsExpired", app="agledger", certificate="api"),
    _alert("WatchedProbeFailed", app="paas", probe="api"),
    _alert("WatchedNotReady", app="paas", probe="worker"),
]
TOLD = {
    ("WatchedServiceDown", "agledger"),
    ("WatchedPostgresDown", "kodiai"),
    ("WatchedServiceUnhealthy", "tripl"),
    ("WatchedTlsExpired", "agledger"),
    ("WatchedProbeFailed", "paas"),
    ("WatchedNotReady", "paas"),
}


@pytest.mark.real
def test_somebody_is_told_of_the_cause_alone(alertmanager: Start, webhook: Webhook) -> None:
    manager = alertmanager(routing_to(webhook.url))
    post(manager, FAULTS)  # all at once: at the end of the wait each inhibition has its cause
    posts = [webhook.next(within=15) for _ in TOLD]
    assert {post.path for post in posts} == {"/page"}
    labels = [post.body["commonLabels"] for post in posts]
    assert {(one["alertname"], one["app"]) for one in labels} == TOLD


@pytest.mark.real
def test_the_watchdog_calls_and_what_serves_other_alerts_is_told_to_nobody(
    alertmanager: Start, webhook: Webhook
) -> None:
    manager = alertmanager(routing_to(webhook.url, receivers=("page", "ticket", "deadman")))
    post(manager, [{"alertname": "Watchdog", "severity": "none"}])
    assert webhook.next(within=15).path == "/deadman"
    post(manager, [_alert("SidewatchInfoHeldBack", app="paas"), {**INFO, "app": "paas"}])
    post(manager, [{**INFO, "app": "tripl"}])
    told = webhook.next(within=15)
    while told.path == "/deadman":
        told = webhook.next(within=15)
    assert (told.path, told.body["commonLabels"]["app"]) == ("/ticket", "tripl")
