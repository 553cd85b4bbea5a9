"""The alert rules: real by promtool, whole by reading them beside vocabulary, tests and pages."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from exporter.model import Family
from exporter.vocabulary import FAMILIES
from exporter.vocabulary.others import DROPPED, OTHERS
from tests.support import metrics_page, yamls
from tests.support.parts import Parts
from tests.support.promql import Selector, selectors

ROOT = Path(__file__).parents[1]
RULES = sorted((ROOT / "rules").glob("*.yaml"))
PROOFS = sorted((ROOT / "tests/rules").glob("*.yaml"))
PROFILES = sorted((ROOT / "exporter/profiles").glob("*.yaml"))
RUNBOOKS = ROOT / "docs/runbooks"
SIGNALS = (ROOT / "docs/signals.md").read_text()

# What each alert must be seen to survive; a series of its proof is named so.
CASES = {"fires", "below", "healthy", "missing", "restart", "two-hosts"}
# Labels that Prometheus itself or the kind of a metric adds.
FREE_LABELS = {"app", "job", "instance", "le"}
# Prometheus's own series of what fires, and the alerts that serve others only.
FIRING = "ALERTS"
FOR_OTHERS = {"SidewatchInfoHeldBack", "Watchdog"}
# Alerts for which a counter's own value bounds by how much it can have risen.
BY_VALUE = {
    "WatchedApiErrors",
    "WatchedErrorRate",
    "WatchedEventBurst",
    "WatchedExceptionsRepeated",
    "WatchedHttpErrors",
    "WatchedHttpRejected",
    "WatchedHttpThrottled",
    "WatchedJobFailures",
    "WatchedUpstreamErrors",
}
OVER_TIME = {"rate", "increase", "resets"}
PREFIXES = "Watched|Sidewatch|Pipeline|Agledger|Tripl"
DASHBOARDS = {
    f"/d/sidewatch-{name}"
    for name in (
        "overview",
        "application",
        "queues",
        "webhooks",
        "postgres",
        "logs",
        "files",
        "itself",
    )
}


@dataclass(frozen=True, slots=True)
class Proof:
    """The promtool tests of one alert."""

    said: tuple[dict[str, Any], ...]
    silent: bool
    subjects: frozenset[str]
    counted: int


def _groups(path: Path) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = yamls.read(path.read_text())["groups"]
    return groups


RULE_LIST = [rule for path in RULES for group in _groups(path) for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULE_LIST if "alert" in rule}
RECORDS = {rule["record"]: rule for rule in RULE_LIST if "record" in rule}
EXPRESSIONS = {rule.get("alert") or rule["record"]: rule["expr"] for rule in RULE_LIST}


@cache
def _tests() -> list[dict[str, Any]]:
    """All promtool tests; they take a second to read."""
    return [test for path in PROOFS for test in yamls.read(path.read_text())["tests"]]


def _proof(alert: str) -> Proof:
    spoken = [
        case
        for test in _tests()
        for case in test.get("alert_rule_test", ())
        if case["alertname"] == alert
    ]
    counting = [test for test in _tests() if f'alertname="{alert}"' in str(test)]
    return Proof(
        said=tuple(one for case in spoken for one in case["exp_alerts"]),
        silent=any(not case["exp_alerts"] for case in spoken),
        subjects=frozenset(
            subject
            for test in counting
            for series in test["input_series"]
            for subject in re.findall(r'(?:app|instance|job)="([^"]+)"', series["series"])
        ),
        counted=sum(len(test["promql_expr_test"]) for test in counting),
    )


@pytest.mark.real
@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_promtool_accepts_the_rules(path: Path, parts: Parts) -> None:
    _promtool(parts, "check", "rules", path)


@pytest.mark.real
@pytest.mark.first(seconds=110, reason="promtool works for two minutes, proof after proof")
@pytest.mark.parametrize("path", PROOFS, ids=lambda path: path.stem)
def test_promtool_proves_the_rules(path: Path, parts: Parts) -> None:
    _promtool(parts, "test", "rules", path)


def _promtool(parts: Parts, *arguments: str | Path) -> None:
    done = subprocess.run(
        [parts.need("promtool"), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_is_proved_word_for_word_and_case_by_case(alert: str) -> None:
    proof = _proof(alert)
    assert proof.said, "no test in which it fires, with all its labels and annotations"
    if alert == "Watchdog":  # it fires always, and of nothing
        return
    assert proof.silent, "no test in which it does not fire yet"
    assert proof.counted >= 3, "its cases are to be counted before, during and after"
    assert proof.subjects >= CASES, CASES - proof.subjects


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_what_whom_and_what_to_do(alert: str) -> None:
    rule = ALERTS[alert]
    assert re.fullmatch(rf"Watchdog|(?:{PREFIXES})(?:[A-Z][a-z]+)+", alert)
    assert len(alert) <= 40
    severities = {"none"} if alert in FOR_OTHERS else {"critical", "warning", "info"}
    assert rule["labels"]["severity"] in severities
    assert rule["labels"]["kind"] in {"symptom", "cause", "capacity", "meta"}
    assert set(rule["labels"]) <= {"app", "severity", "component", "kind"}
    said = rule["annotations"]
    words = {"summary", "description", "first_command", "runbook_url", "dashboard_url"}
    assert set(said) - {"replaces"} == words
    assert re.fullmatch(r"[A-Z][^{}]*\.", said["summary"]), "a sentence without a template"
    assert said["runbook_url"].endswith(f"/docs/runbooks/{alert}.md")


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_leads_to_a_dashboard_that_shows_what_it_is_about(alert: str) -> None:
    """A path, since only the operator knows where Grafana is; each value is escaped."""
    rule = ALERTS[alert]
    path, _, query = rule["annotations"]["dashboard_url"].partition("?")
    assert path in DASHBOARDS
    chosen = dict(variable.split("=", 1) for variable in query.split("&") if query)
    for name, value in chosen.items():
        assert value == f"{{{{ $labels.{name.removeprefix('var-')} | urlquery }}}}"
    # What sidewatch says of its own process is about an instance: no application shows it.
    assert ("var-app" in chosen) != (rule["labels"].get("app") == "sidewatch")


@pytest.mark.parametrize("alert", ALERTS)
def test_every_label_that_an_alert_prints_survives_to_it(alert: str) -> None:
    printed = set(re.findall(r"\$labels\.(\w+)", str(ALERTS[alert]["annotations"])))
    for said in _proof(alert).said:
        assert printed <= set(said["exp_labels"])
        assert "app" in said["exp_labels"]


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions_read_only_what_there_is(name: str) -> None:
    for selector in selectors(EXPRESSIONS[name]):
        if selector.metric in RECORDS:
            level = selector.metric.partition(":")[0]
            assert all(label in level for label in selector.labels), selector
        elif selector.metric != FIRING:
            for family in _families(selector.metric):
                total = name.endswith(":total") or name in BY_VALUE
                _reads_well(selector, family, total=total)


def _families(metric: str) -> list[Family]:
    """The family of a metric; all those that a pattern of names fits."""
    known = {**FAMILIES, **OTHERS}
    if re.fullmatch(r"\w+", metric):
        return [known.get(metric) or known[re.sub(r"_(?:bucket|count|sum)$", "", metric)]]
    found = [family for name, family in known.items() if re.fullmatch(metric, name)]
    assert found, metric
    return found


def _reads_well(selector: Selector, family: Family, *, total: bool) -> None:
    assert selector.labels <= FREE_LABELS | set(family.labels), selector
    # A counter means nothing but by how much it rises, and a gauge does not only rise. One that is
    # recorded under a name that ends in `total` is a counter again.
    assert total or (family.kind == "gauge") != (selector.function in OVER_TIME), selector
    assert selector.seconds is None or selector.seconds >= 300, selector


def test_the_counters_of_what_is_dropped_are_found_by_their_names() -> None:
    (pattern,) = selectors(EXPRESSIONS["app_counter_instance:agledger_dropped:total"])
    assert _families(pattern.metric) == list(DROPPED)


def test_every_signal_has_an_alert_of_the_severity_that_its_page_gives_it() -> None:
    rows = re.findall(r"^\| ([a-z]{2}-[\w-]+) \|([^|]*)\|[^|]*\|([^|]*)\|", SIGNALS, re.MULTILINE)
    assert len({row[0] for row in rows}) == len(rows) == 113
    for signal, alerts, severities in rows:
        named = re.findall(r"(?:Watched|Agledger)\w+", alerts)
        given = {"critical"} & set(severities.replace(",", " ").split()) or {"warning"}
        told = {ALERTS[alert]["labels"]["severity"] for alert in named} or {""}
        assert given <= told, signal


def test_every_watched_alert_serves_a_signal() -> None:
    named = set(re.findall(r"(?:Watched|Agledger)\w+", SIGNALS))
    assert {alert for alert in ALERTS if alert.startswith(("Watched", "Agledger"))} <= named


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_a_profile_keeps_the_names_that_its_signals_need(path: Path) -> None:
    profile = yamls.read(path.read_text())
    section = SIGNALS.partition(f"## {path.stem}\n")[2].partition("\n## ")[0]
    events = [rule["event"] for rule in profile["logs"]["rules"] if "event" in rule]
    impacts = {event["name"]: event.get("impact", "info") for event in events}
    for row in section.splitlines():
        for name in re.findall(r'event="(\w+)"', row):
            assert impacts[name] == _impact(row), name
    assert set(re.findall(r'heartbeat="(\w+)"', section)) <= set(profile.get("heartbeats", ()))


def _impact(row: str) -> str:
    if "WatchedEventCritical" in row:
        return "page"
    return "ticket" if "WatchedEventTicket" in row else "info"


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_the_page_of_an_event_alert_explains_every_event_that_a_profile_sends_there(
    path: Path,
) -> None:
    pages = {
        "page": (RUNBOOKS / "WatchedEventCritical.md").read_text(),
        "ticket": (RUNBOOKS / "WatchedEventTicket.md").read_text(),
    }
    for rule in yamls.read(path.read_text())["logs"]["rules"]:
        event = rule.get("event", {})
        if event.get("impact", "info") in pages:
            assert f"`{event['name']}`" in pages[event["impact"]]


def test_the_page_of_rules_names_no_alert_that_is_gone() -> None:
    page = (ROOT / "docs/rules.md").read_text()
    assert set(re.findall(rf"\b(?:{PREFIXES})[A-Z]\w+", page)) <= set(ALERTS)


def test_the_page_of_metrics_is_the_vocabulary() -> None:
    assert metrics_page.PAGE.read_text() == metrics_page.page(), (
        "run python -m tests.support.metrics_page"
    )


@pytest.mark.parametrize("path", PROOFS, ids=lambda path: path.stem)
def test_the_samples_of_a_proof_are_text_to_whoever_reads_it(path: Path) -> None:
    """`0x60` without quotes is sixty zeros to promtool, and 96 to others."""
    tests = yamls.read(path.read_text())["tests"]
    series = [one for test in tests for one in test["input_series"]]
    assert [one for one in series if not isinstance(one["values"], str)] == []
