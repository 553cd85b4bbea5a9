"""One thin line through the whole house: a line in a log becomes a page, with nothing simulated."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartPrometheus
from tests.support.parts import Parts
from tests.support.process import Running, running
from tests.support.routing import FOLDER
from tests.support.servers import Alertmanager, Prometheus
from tests.support.waiting import free_port, wait_for
from tests.support.web import answers
from tests.support.webhook import Webhook

ROOT = Path(__file__).parents[1]

# Real lines of kodiai, from the project's seed samples: a quiet one, and the one that pages.
QUIET = json.dumps(
    {
        "level": 30,
        "time": 1795219170101,
        "pid": 1,
        "hostname": "ca-kodiai--0000123-7c9d8f6b5-x2k4q",
        "msg": "Webhook accepted and queued for dispatch",
    }
)
FORCE_EXIT = (
    '{"level":50,"time":1795219172457,"pid":1,"hostname":"ca-kodiai--0000123-7c9d8f6b5-x2k4q",'
    '"abandonedRequests":0,"abandonedJobs":1,"abandonedTotal":1,'
    '"msg":"Force exit after extended grace timeout, work abandoned"}'
)

CONFIG = """\
state: ./state
apps:
  - name: kodiai
    profile: kodiai
    logs:
      - files: ["{folder}/kodiai*.log"]
        service: server
"""


class Box:
    """A machine on which kodiai logs to a file and sidewatch watches it."""

    def __init__(self, folder: Path, sidewatch: Path) -> None:
        self.folder = folder
        self.log = folder / "kodiai.log"
        self.log.write_text("")
        self.address = f"127.0.0.1:{free_port()}"
        self._sidewatch = sidewatch
        (folder / "sidewatch.yaml").write_text(CONFIG.format(folder=folder))

    def says(self, line: str) -> None:
        """Kodiai logs a line."""
        with self.log.open("a") as log:
            log.write(f"{line}\n")

    def sidewatch(self) -> AbstractContextManager[Running]:
        """The command, from when it has seen the end of the log until the block is left."""
        return running(
            [self._sidewatch, "run", "--config", self.folder / "sidewatch.yaml"],
            self.folder / "sidewatch.log",
            lambda: answers(f"http://{self.address}/readyz"),
            cwd=self.folder,
            env={"SIDEWATCH_LISTEN": self.address},
        )


@pytest.fixture
def box(tmp_path: Path, sidewatch: Path) -> Box:
    folder = tmp_path / "box"
    folder.mkdir()
    return Box(folder, sidewatch)


@pytest.mark.real
@pytest.mark.first(seconds=40, reason="it waits half a minute for births and pages")
def test_a_line_in_a_log_becomes_exactly_one_page(
    box: Box,
    prometheus: StartPrometheus,
    alertmanager: Callable[[Mapping[str, Any]], Alertmanager],
    webhook: Webhook,
) -> None:
    manager = alertmanager(webhook.routing())
    rules = sorted((ROOT / "rules").glob("*.yaml"))
    server = prometheus([box.address], rules=rules, alertmanager=manager.address)
    with box.sidewatch() as first:
        box.says(QUIET)
        wait_for(lambda: server.query('sidewatch_app_info{app="kodiai"}'), "the first scrape")
        box.says(FORCE_EXIT)
        page = webhook.next(within=30)
        first.process.kill()

    # Neither line is read again, and a scrape that failed is no end of the fault. A counter that
    # nobody declared shows 0 for its first 30 s, so that its first line is an increase.
    with box.sidewatch():
        wait_for(lambda: _lines(server) == 2, "both lines, each counted once", within=60)
        assert not server.unhealthy()

    assert webhook.posts == [page]
    assert page.path == "/page"
    assert page.body["status"] == "firing"
    (alert,) = page.body["alerts"]
    told = {name: alert["labels"].get(name) for name in ("alertname", "app", "event", "severity")}
    assert told == {
        "alertname": "WatchedEventCritical",
        "app": "kodiai",
        "event": "force_exit",
        "severity": "critical",
    }
    assert alert["annotations"]["summary"]


@pytest.mark.real
def test_the_shipped_routing_is_valid(parts: Parts) -> None:
    check = [str(parts.need("amtool")), "check-config", str(FOLDER / "alertmanager.yaml")]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _lines(server: Prometheus) -> float | None:
    """How many lines of kodiai Prometheus knows of."""
    rows = server.query('sum(watched_log_lines_total{app="kodiai"})')
    return rows[0][1] if rows else None
