"""The five applications' samples, replayed: every metric as counted by other means.

tests/golden/README.md says what stands in the answers.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support import yamls

ROOT = Path(__file__).parent.parent
GOLDEN = Path(__file__).parent / "golden"
PROFILES = ROOT / "exporter" / "profiles"
APPS = sorted(path.stem for path in PROFILES.glob("*.yaml"))
BY_HAND = "by hand: "
# Commands add up decimal fractions in another order than sidewatch does.
CLOSE = 1e-9
IMPACT = {
    "WatchedEventCritical": "page",
    "WatchedEventTicket": "ticket",
    "WatchedEventBurst": "info",
}

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Case:
    """A log and its answers."""

    app: str
    log: Path
    answers: dict[str, Any]

    def texts(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").split("\n")


def load(log: Path) -> Case:
    name = "expected" if log.stem == "input" else log.stem
    answers = yamls.read((log.parent / f"{name}.yaml").read_text(encoding="utf-8"))
    return Case(log.parent.name, log, answers)


CASES = [load(log) for log in sorted(GOLDEN.glob("*/*.log"))]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda one: f"{one.app}/{one.log.stem}")


@cache
def replayed(app: str, log: Path) -> dict[tuple[str, Labels], float]:
    """What `replay` prints, by name and labels."""
    done = sidewatch("replay", "--profile", app, "--app", app, "--service", "svc", str(log))
    found = {}
    for family in text_string_to_metric_families(done):
        for sample in family.samples:
            key = identity(sample.name, sample.labels)
            assert key not in found, f"{key} is there twice"
            found[key] = sample.value
    return found


def sidewatch(*words: str, given: str | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "exporter", *words],
        input=given,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        cwd=ROOT,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def identity(name: str, labels: dict[str, str]) -> tuple[str, Labels]:
    kept = {key: value for key, value in labels.items() if key not in ("app", "service")}
    if "le" in kept:
        kept["le"] = str(float(kept["le"]))
    return name, frozenset(kept.items())


@each_case
def test_every_number_is_as_counted(case: Case) -> None:
    found = replayed(case.app, case.log)
    wrong = []
    for answer in case.answers["series"]:
        value = found.get(identity(answer["metric"], answer["labels"]))
        if not same(value, answer["value"]):
            labels = ", ".join(f'{key}="{text}"' for key, text in answer["labels"].items())
            series = f"{answer['metric']}{{{labels}}}"
            wrong.append(f"{series} is {value}, counted {answer['value']} ({answer['how']})")
    assert not wrong, "\n".join(wrong)


def same(value: float | None, counted: float | None) -> bool:
    if value is None or counted is None:
        return value is counted
    return math.isclose(value, counted, rel_tol=CLOSE, abs_tol=CLOSE)


# Counters whose every series is answered, so that nothing is counted that nobody counted.
WHOLE = (
    "watched_exceptions_total",
    "watched_events_total",
    "watched_jobs_enqueued_total",
    "watched_jobs_started_total",
    "watched_jobs_finished_total",
    "watched_http_requests_total",
    "watched_api_responses_total",
    "watched_upstream_errors_total",
)


@each_case
def test_nothing_is_counted_beside_the_answers(case: Case) -> None:
    answered = {identity(one["metric"], one["labels"]) for one in case.answers["series"]}
    found = replayed(case.app, case.log)
    beside = [key for key in found if key[0] in WHOLE and found[key] and key not in answered]
    assert not beside


@each_case
def test_the_answers_still_come_from_their_commands(case: Case) -> None:
    commands = [one for one in case.answers["series"] if not one["how"].startswith(BY_HAND)]
    if any("jq " in one["how"] for one in commands) and shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    wrong = []
    for one in commands:
        done = subprocess.run(
            ["bash", "-c", one["how"], "how", str(case.log)],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        )
        if not same(float(done.stdout or "nan"), one["value"]):
            wrong.append(f"{one['how']}: {done.stdout.strip()}, not {one['value']} {done.stderr}")
    assert not wrong, "\n".join(wrong)


@each_case
def test_the_unparsed_lines_are_those_explained(case: Case) -> None:
    log = case.log.read_text(encoding="utf-8")
    told = sidewatch("explain", "--profile", case.app, "--json", given=log)
    records = [json.loads(line) for line in told.splitlines()]
    unparsed = [one["message"] for one in records if one["format"] == "text"]
    assert unparsed == [one["text"] for one in case.answers["unparsed"]]
    texts = case.texts()
    assert all(texts[one["line"] - 1] == one["text"] for one in case.answers["unparsed"])
    assert all(one["why"] for one in case.answers["unparsed"])


@pytest.mark.parametrize("app", APPS)
def test_every_fact_of_a_profile_has_been_seen(app: str) -> None:
    """Each event, heartbeat and metric of its rules has an answer above zero in some log."""
    seen = {
        (one["metric"].removesuffix("_count").removesuffix("_sum"), *one["labels"].values())
        for case in CASES
        if case.app == app
        for one in case.answers["series"]
        if one["value"]
    }
    metrics = {key[0] for key in seen}
    words = {word for key in seen for word in key}
    for rule in profile(app)["logs"]["rules"]:
        for part in ("count", "observe", "set"):
            assert metrics.issuperset(rule.get(part, {})), rule
        if "event" in rule:
            assert rule["event"]["name"] in words, rule
        assert rule.get("heartbeat") is None or rule["heartbeat"] in words, rule


@pytest.mark.parametrize("app", APPS)
def test_events_and_heartbeats_are_those_that_the_alerts_know(app: str) -> None:
    """docs/signals.md names them, with the alert that an event's impact calls."""
    given = {
        (rule["event"]["name"], rule["event"].get("impact", "info"))
        for rule in profile(app)["logs"]["rules"]
        if "event" in rule
    }
    named, heartbeats = promised(app)
    assert named <= given
    assert heartbeats == set(profile(app).get("heartbeats", {}))
    urgent = {(name, impact) for name, impact in given if impact != "info"}
    assert urgent <= named


def promised(app: str) -> tuple[set[tuple[str, str]], set[str]]:
    """The events with their impacts, and the heartbeats, of an application's table."""
    text = (ROOT / "docs" / "signals.md").read_text(encoding="utf-8")
    section = text.partition(f"\n## {app}\n")[2].partition("\n## ")[0]
    events: set[tuple[str, str]] = set()
    heartbeats: set[str] = set()
    for row in re.findall(r"^\| [a-z]{2}-.*$", section, re.MULTILINE):
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        heartbeats.update(re.findall(r'heartbeat="([a-z_]+)"', cells[2]))
        names = re.findall(r'event="([a-z_]+)"', cells[2])
        for listed in re.findall(r"`event=` ((?:`[a-z_]+`(?:, )?)+)", cells[2]):
            names += re.findall(r"[a-z_]+", listed)
        alert = next((one for one in IMPACT if one in cells[1]), None)
        events.update((name, IMPACT[alert]) for name in names if alert)
    return events, heartbeats


def profile(app: str) -> dict[str, Any]:
    found: dict[str, Any] = yamls.read((PROFILES / f"{app}.yaml").read_text(encoding="utf-8"))
    return found
