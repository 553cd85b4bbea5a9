"""Containers through the whole house to a pager: nothing is simulated, waits are shortened."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import StartPrometheus
from tests.support import yamls
from tests.support.docker import SECOND, Dockerd
from tests.support.process import running
from tests.support.servers import Alertmanager, Prometheus
from tests.support.waiting import free_port, wait_for
from tests.support.web import answers
from tests.support.webhook import Post, Webhook

ROOT = Path(__file__).parents[1]
FOR_SECONDS = 3
LONG = 2 * FOR_SECONDS
WORKS = "trap 'exit 0' TERM; sleep 1000 & wait"
# It ends three times at once; whoever looks later finds it running.
LOOPS = "echo >>/starts; test $(busybox wc -l </starts) -gt 3 && exec sleep 1000; exit 1"
CHECK = ("--health-interval=200ms", "--health-retries=1", "--health-cmd=test -e /up")


@contextmanager
def watching(docker: Dockerd, projects: Mapping[str, str], folder: Path) -> Iterator[str]:
    """`sidewatch run` on these applications, by their profiles; its address.

    Births are shortened: a counter that nobody has seen shows 0 for a second and a half.
    """
    apps = [
        {
            "name": app,
            "profile": app,
            "containers": {"url": docker.url, "project": project, "interval": "1s"},
        }
        for app, project in projects.items()
    ]
    (folder / "sidewatch.yaml").write_text(
        json.dumps({"state": str(folder / "state"), "apps": apps})
    )
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "tests.support.trap", "run", "--config"]
    with running(
        [*command, folder / "sidewatch.yaml"],
        folder / "sidewatch.log",
        lambda: answers(f"http://{address}/readyz"),
        cwd=ROOT,
        env={"SIDEWATCH_LISTEN": address},
    ):
        yield address


def quick_rules(folder: Path) -> list[Path]:
    """The shipped rules, in which nothing has to last for minutes."""
    rules = []
    folder.mkdir()
    for path in sorted((ROOT / "rules").glob("*.yaml")):
        text = yamls.read(path.read_text())
        for rule in (rule for group in text["groups"] for rule in group["rules"]):
            if "for" in rule:
                rule["for"] = f"{FOR_SECONDS}s"
        rules.append(folder / path.name)
        rules[-1].write_text(yaml.safe_dump(text))
    return rules


@pytest.fixture
def engine(docker: Dockerd) -> Iterator[Dockerd]:
    """A daemon that is left without containers: checks of their health fill its events."""
    yield docker
    docker.clear()


@pytest.mark.real
def test_a_crash_loop_pages_once_and_a_healthy_deploy_pages_nobody(
    engine: Dockerd,
    prometheus: StartPrometheus,
    alertmanager: Callable[[Mapping[str, Any]], Alertmanager],
    webhook: Webhook,
    tmp_path: Path,
) -> None:
    projects = {app: engine.project() for app in ("pullapprove", "agledger", "paas")}
    engine.run(projects["pullapprove"], "server", WORKS)
    old = engine.run(projects["agledger"], "agledger-api", f"touch /up; {WORKS}", *CHECK)
    other = engine.run(projects["paas"], "nginx", f"touch /up; {WORKS}", *CHECK)
    manager = alertmanager(webhook.routing())
    with watching(engine, projects, tmp_path) as address:
        rules = quick_rules(tmp_path / "rules")
        server = prometheus([address], rules=rules, alertmanager=manager.address)
        wait_for(lambda: len(healthy(server)) == 2, "two that are healthy", within=60)

        loop = engine.run(projects["pullapprove"], "worker", LOOPS, "--restart=always")
        # A deploy, and somebody else's container that fares no better than the new one.
        engine("stop", old)
        engine("rm", old)
        new = engine.run(projects["agledger"], "agledger-api", WORKS, *CHECK, image=SECOND)
        engine("exec", other, "rm", "/up")
        pages = [webhook.next(within=60), webhook.next(within=60)]
        assert {one.path for one in pages} == {"/page"}
        assert {told(one) for one in pages} == {
            ("WatchedCrashLoop", "pullapprove", "worker"),
            ("WatchedServiceUnhealthy", "paas", "nginx"),
        }
        bad = 'watched_container_health{app="agledger",state="unhealthy"}'
        long = f"min_over_time({bad}[{LONG}s]) == 1 and count_over_time({bad}[{LONG}s]) >= {LONG}"
        wait_for(lambda: server.query(long), "a deploy that is as bad for longer", within=60)
        assert not server.query('last_over_time(ALERTS{app="agledger",alertstate="firing"}[5m])')
        engine("exec", new, "touch", "/up")
        wait_for(lambda: "agledger" in healthy(server), "the end of the deploy", within=60)

        # The loop looks as if it ran, and is told as long as it is new; nothing has muted it.
        assert engine.inspect(loop)["State"]["Status"] == "running"
        state = 'watched_container_state{service="worker",state="running"} == 1'
        assert server.query(state)
        assert active(manager) == {"WatchedCrashLoop", "WatchedServiceUnhealthy"}
        assert webhook.posts == pages
        quiet = server.query("max by (app) (max_over_time(watched_quiet_window[5m])) == 1")
        assert [labels["app"] for labels, _ in quiet] == ["agledger"]
        restarts = server.query('watched_container_restarts_total{service="worker"}')
        assert [value for _, value in restarts] == [engine.inspect(loop)["RestartCount"]] == [3]
        assert not server.unhealthy()


def healthy(server: Prometheus) -> set[str]:
    """The applications that have a healthy container."""
    rows = server.query('watched_container_health{state="healthy"} == 1')
    return {labels["app"] for labels, _ in rows}


def told(page: Post) -> tuple[str, str, str]:
    """Of what a page tells: its one alert's name, application and service."""
    assert page.body["status"] == "firing"
    (alert,) = page.body["alerts"]
    return alert["labels"]["alertname"], alert["labels"]["app"], alert["labels"]["service"]


def active(manager: Alertmanager) -> set[str]:
    """The alerts that Alertmanager has and does not hold back."""
    found = manager.alerts()
    assert {one["status"]["state"] for one in found} == {"active"}
    return {one["labels"]["alertname"] for one in found}
