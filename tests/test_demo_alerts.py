"""The demo's real alerts: Prometheus and Alertmanager beside it, and the messages that come."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from exporter.demo.hurried import hurried_rules, write_routing, write_rules
from exporter.demo.inbox import Inbox
from exporter.demo.pager import write_prometheus
from tests.support.demo import Demo, demo, processes_in, short_folder
from tests.support.parts import Parts
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[1]
MINUTE = 60.0


def heard(show: Demo, *beginnings: str) -> None:
    """Read what it says until a line has begun with each of these."""
    assert show.process.stdout is not None
    left = list(beginnings)
    said = []
    for line in show.process.stdout:
        said.append(line)
        left = [one for one in left if not line.startswith(one)]
        if not left:
            return
    raise AssertionError(f"it never said {left}:\n{''.join(said)}")


@pytest.mark.real
def test_an_alert_fires_and_a_killed_demo_leaves_no_server(parts: Parts) -> None:
    parts.need("prometheus")
    parts.need("prometheus-alertmanager")
    with short_folder() as folder, demo(folder, "--seconds", "60", alerts=True) as show:
        heard(show, "Alerts: http://127.0.0.1:", "page   FIRING   WatchedHttpErrors · pullapprove")
        running = " ".join(processes_in(folder).values())
        assert "prometheus.yml" in running
        assert "alertmanager.yml" in running
        show.process.send_signal(signal.SIGKILL)
        show.process.wait()
        wait_for(lambda: not processes_in(folder), "the end of all that it had started")


@pytest.mark.real
@pytest.mark.long
def test_it_resolves_and_a_demo_that_ends_removes_what_they_wrote(parts: Parts) -> None:
    parts.need("prometheus")
    with short_folder() as folder, demo(folder, "--seconds", "90", alerts=True) as show:
        heard(show, "-- All is well")
        (own,) = folder.iterdir()
        assert (own / "alerts/prometheus").is_dir()
        heard(show, "page   FIRING   WatchedHttpErrors · pullapprove")
        heard(show, "page   resolved WatchedHttpErrors · pullapprove")
        show.process.send_signal(signal.SIGTERM)
        code, said = show.end()
        assert not processes_in(folder)
        assert not list(folder.iterdir())
    assert code == 0, said
    assert "says: The demo's Prometheus" not in said


@pytest.fixture
def without(tmp_path: Path) -> dict[str, str]:
    """An environment in which all programs are found but Prometheus."""
    hidden = tmp_path / "bin"
    hidden.mkdir()
    for name in ("setpriv", "sh", "unshare", "true"):
        (hidden / name).symlink_to(str(shutil.which(name)))
    return {"PATH": str(hidden)}


def test_without_them_one_line_says_what_is_missing(without: dict[str, str]) -> None:
    with short_folder() as folder, demo(folder, "--seconds", "1", env=without, alerts=True) as show:
        code, said = show.end()
    assert code == 0, said
    (line,) = [line for line in said.splitlines() if "Prometheus" in line]
    assert "apt-get install prometheus prometheus-alertmanager" in line


def test_one_that_does_not_start_is_told_in_its_own_words(
    without: dict[str, str], tmp_path: Path
) -> None:
    for name in ("prometheus", "alertmanager"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\necho no room left >&2; exit 1\n")
        (tmp_path / "bin" / name).chmod(0o755)
    with short_folder() as folder, demo(folder, "--seconds", "6", env=without, alerts=True) as show:
        code, said = show.end()
    assert code == 0, said
    assert "sidewatch says: The demo's Alertmanager does not start: no room left" in said
    assert "-- All is well" in said


# -- the rules in the applications' time ----------------------------------------------------------

RULE = """\
groups:
  - name: one
    rules:
      - alert: A
        expr: |
          time() - max by (app) (seen_timestamp_seconds) < 600
          and on (app) rate(a_total[10m] offset 1h) > 300
          and on (app) max_over_time(b[1h30m:1m]) > 5
        for: 5m
        keep_firing_for: 1h
        annotations:
          description: In the last 5m, for 10 minutes.
"""


def test_what_waits_or_looks_back_does_so_for_a_share_and_nothing_else_changes() -> None:
    assert hurried_rules(RULE, 5 / MINUTE).splitlines() == [
        *RULE.splitlines()[:5],
        "          time() - max by (app) (seen_timestamp_seconds) < 50",
        "          and on (app) rate(a_total[50000ms] offset 300000ms) > 300",
        "          and on (app) max_over_time(b[450000ms:5000ms]) > 5",
        "        for: 25000ms",
        "        keep_firing_for: 300000ms",
        *RULE.splitlines()[10:],
    ]


@pytest.mark.real
@pytest.mark.parametrize("minute", [5.0, 1.0])
def test_prometheus_and_alertmanager_take_what_is_written(
    tmp_path: Path, parts: Parts, minute: float
) -> None:
    share = minute / MINUTE
    rules = write_rules(tmp_path / "rules", share)
    assert [path.name for path in rules] == sorted(p.name for p in (ROOT / "rules").glob("*.yaml"))
    config = write_prometheus(tmp_path, "127.0.0.1:9877", "127.0.0.1:9093", rules, share)
    routing = write_routing(tmp_path, share, "http://127.0.0.1:1")
    for program, *words in (
        ("promtool", "check", "config", str(config)),
        ("amtool", "check-config", str(routing)),
    ):
        check = [str(parts.need(program)), *words]
        done = subprocess.run(check, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    told = yaml.safe_load(routing.read_text())
    assert {one["name"]: "webhook_configs" in one for one in told["receivers"]} == {
        "page": True,
        "ticket": True,
        "deadman": False,
        "nobody": False,
    }
    assert told["route"]["group_wait"] == f"{round(30 * share * 1000)}ms"


# -- what a message tells -------------------------------------------------------------------------


def alert(status: str, app: str, **labels: str) -> dict[str, object]:
    """As Alertmanager's webhook has it."""
    every = {"alertname": "WatchedHttpErrors", "app": app, "severity": "critical", **labels}
    summary = {"summary": "Too many."}
    return {"status": status, "fingerprint": app, "labels": every, "annotations": summary}


def test_each_alert_is_told_once_when_it_fires_and_once_when_it_resolves() -> None:
    inbox = Inbox()
    inbox.post("page", {"alerts": [alert("firing", "pa", route="webhooks", kind="symptom")]})
    inbox.post("page", {"alerts": [alert("firing", "pa"), alert("firing", "ko")]})
    assert [one.line() for one in inbox.take()] == [
        "page   FIRING   WatchedHttpErrors · pa webhooks · Too many.",
        "page   FIRING   WatchedHttpErrors · ko · Too many.",
    ]
    inbox.post("page", {"alerts": [alert("resolved", "pa"), alert("firing", "ko")]})
    inbox.post("page", {"alerts": [alert("resolved", "pa")]})
    assert [one.line() for one in inbox.take()] == [
        "page   resolved WatchedHttpErrors · pa · Too many.",
    ]
    assert not inbox.take()
