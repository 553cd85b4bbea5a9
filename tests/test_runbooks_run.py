"""Every command that a runbook shows is run, on real servers, unless its page says why not."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support import compose, desk_of_runbooks, pg
from tests.support.desk_of_runbooks import APPLICATIONS, Desk
from tests.support.docker import Dockerd
from tests.support.parts import Parts
from tests.support.routing import routing_to
from tests.support.runbooks import pages
from tests.support.servers import alertmanager
from tests.support.shipped_alerts import shipped_alerts

PAGES = pages()
ALERTS = shipped_alerts()
# The labels that each alert fires with, but for those that serve other alerts.
FIRING = {
    name: {**alert.labels[0], "app": alert.rule["labels"].get("app", "tripl")}
    for name, alert in ALERTS.items()
    if alert.rule["labels"]["severity"] != "none"
}
# What the words in capitals stand for here; labels of an alert are those of its own proof.
NAMES = {
    "APP": "tripl",
    "SERVICE": "server",
    "HOST": compose.HOST,
    "PROFILE": "tripl",
    "PID": "0",
}


@pytest.fixture(scope="module")
def desk(parts: Parts, docker: Dockerd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One project, one PostgreSQL and one Alertmanager for all pages."""
    for tool in ("amtool", "promtool"):
        parts.need(tool)
    folder = tmp_path_factory.mktemp("runbooks")
    binary = parts.need("prometheus-alertmanager")
    silent = routing_to("http://127.0.0.1:9", receivers=())
    with (
        pg.server() as postgres,
        alertmanager(binary, folder / "alertmanager", silent) as manager,
        desk_of_runbooks.answering() as port,
    ):
        desk_of_runbooks.databases(postgres)
        desk_of_runbooks.at_hand(folder, postgres, manager, port)
        compose.project(folder, parts.need("docker"), parts.need("docker-compose"))
        project = docker.project()
        environment = desk_of_runbooks.environment(folder, postgres, docker.url, project)
        made = Desk(folder, environment, postgres, manager)
        made.run("docker compose up -d")
        made.fire([*FIRING.values(), {"alertname": "Another", "app": "tripl"}])
        yield made
        made.run("docker compose down")


@pytest.mark.real
@pytest.mark.parametrize("name", PAGES)
def test_the_commands_of_a_page_succeed(name: str, desk: Desk) -> None:
    """Its silence holds its alert back, as labelled in the alert's own proof, and no other."""
    container = f"{desk.environment['COMPOSE_PROJECT_NAME']}_server_1"
    names = {**NAMES, "CONTAINER": container, **_quoted(FIRING.get(name, {}))}
    for block in PAGES[name].blocks():
        text = _filled(block.text, names)
        if block.kind == "sh" and block.why is None:
            desk.run(text)
        elif block.kind == "sql":
            asked = block.of if block.of in APPLICATIONS else "tripl"
            (desk.change if block.why else desk.ask)(asked, text)
    assert desk.silenced() & {name, "Another"} == FIRING.keys() & {name}


@pytest.mark.real
def test_questions_to_prometheus_are_of_metrics_that_there_are(desk: Desk, tmp_path: Path) -> None:
    asked = [
        block.text for page in PAGES.values() for block in page.blocks() if block.kind == "promql"
    ]
    rules = [{"record": f"runbook:asked_{i}", "expr": text} for i, text in enumerate(asked)]
    file = tmp_path / "asked.yaml"
    file.write_text(repr({"groups": [{"name": "asked", "rules": rules}]}))
    desk.run(f"promtool check rules {file}\nsidewatch lint rules {file}")


def _quoted(labels: Mapping[str, str]) -> dict[str, str]:
    return {label.upper(): shlex.quote(value) for label, value in labels.items() if label != "app"}


def _filled(text: str, names: dict[str, str]) -> str:
    """The text with its words in capitals replaced, but for files that lie there by that name."""
    pattern = "|".join(sorted(names, key=len, reverse=True))
    return re.sub(rf"\b({pattern})\b(?!\.(?:gz|dump|yaml)\b)", lambda found: names[found[1]], text)
