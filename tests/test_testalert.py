"""sidewatch test-alert: the whole way with real servers, then each hop broken in turn and named."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from exporter.__main__ import main
from tests.support.exporting import alertmanager_yml
from tests.support.parts import Parts
from tests.support.process import running
from tests.support.routing import routing_to
from tests.support.servers import Alertmanager, Prometheus, alertmanager, prometheus
from tests.support.waiting import free_port, wait_for
from tests.support.web import answers
from tests.support.webhook import Webhook, webhook
from tests.test_routing import post

ROOT = Path(__file__).parents[1]
RULE = ROOT / "rules/sidewatch.yaml"
# The Watchdog, alone. Prometheus finds its Alertmanager after 5 s, and tells of what fired before
# only a minute later: so it waits.
WATCHDOG = """\
groups:
  - name: watchdog
    rules:
      - alert: Watchdog
        expr: vector(1)
        for: 8s
        labels: {severity: none}
"""
CONFIG = """\
listen: {address}
state: ./state
apps:
  - name: shop
    logs: [{{files: "{folder}/*.log", service: web}}]
"""


@dataclass
class Way:
    """All that an alert passes, running."""

    folder: Path
    sidewatch: Path
    address: str
    hook: Webhook
    manager: Alertmanager
    server: Prometheus

    def walk(self, *words: str, wait: str = "60s", config: Path | None = None) -> tuple[int, str]:
        """The command's exit code, and what it prints; in this process, which saves its start."""
        path = config or self.folder / "sidewatch.yaml"
        said = StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            code = main(["test-alert", "--config", str(path), "--wait", wait, *words])
        return code, said.getvalue()

    @property
    def through(self) -> list[str]:
        """The options that name both servers."""
        return ["--prometheus", self.server.url, "--alertmanager", self.manager.url]


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory, parts: Parts, sidewatch: Path) -> Iterator[Way]:
    folder = tmp_path_factory.mktemp("way")
    (folder / "web.log").write_text("")
    (folder / "watchdog.yaml").write_text(WATCHDOG)
    address = f"127.0.0.1:{free_port()}"
    (folder / "sidewatch.yaml").write_text(CONFIG.format(address=address, folder=folder))
    binaries = [parts.need(name) for name in ("prometheus-alertmanager", "prometheus")]
    with ExitStack() as stack:
        stack.enter_context(_sidewatch(sidewatch, folder, address))
        hook = stack.enter_context(webhook())
        (folder / "slack").write_text(f"{hook.url}/page")
        told = {"slack_url_file": folder / "slack", "deadman_url": f"{hook.url}/deadman"}
        config = alertmanager_yml(folder / "written", told)
        manager = stack.enter_context(alertmanager(binaries[0], folder / "am", config))
        server = stack.enter_context(
            prometheus(
                binaries[1],
                folder / "prometheus",
                [address],
                rules=[RULE, folder / "watchdog.yaml"],
                alertmanager=manager.address,
            )
        )
        made = Way(folder, sidewatch, address, hook, manager, server)
        wait_for(lambda: server.query("sidewatch_build_info") or None, "the first scrape")
        wait_for(lambda: _names(manager) >= {"Watchdog"}, "the Watchdog")
        yield made


@contextmanager
def _sidewatch(command: Path, folder: Path, address: str) -> Iterator[None]:
    with running(
        [command, "run", "--config", folder / "sidewatch.yaml"],
        folder / "sidewatch.log",
        lambda: answers(f"http://{address}/healthz"),
        cwd=folder,
    ):
        yield


def _names(manager: Alertmanager) -> set[str]:
    return {one["labels"]["alertname"] for one in manager.alerts()}


def _code(said: str) -> str:
    first = said.splitlines()[0]
    return first.removeprefix("test alert ")


def _pages(way: Way, began: int) -> list[dict[str, str]]:
    """What has been said since then."""
    posts = [one for one in way.hook.posts[began:] if one.path == "/page"]
    return [one.body["attachments"][0] for one in posts if "attachments" in one.body]


def _lost(said: str) -> str:
    """The line that names the hop, in what the command has said."""
    (line,) = (one for one in said.splitlines() if "LOST" in one)
    return line


def _post(url: str, body: Any, method: str = "POST") -> Any:
    request = urllib.request.Request(
        url,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read() or b"null")


@pytest.mark.real
def test_it_arrives_with_its_code_and_each_hop_has_its_time(way: Way) -> None:
    began = len(way.hook.posts)
    code, said = way.walk(*way.through)
    assert code == 0, said
    hops = re.findall(r"^ *[\d.]+ s  (.*)$", said, re.MULTILINE)
    assert hops == [
        "sidewatch shows it",
        "Prometheus has scraped it",
        "its rule fires",
        "Alertmanager has it",
        "a route has chosen who is told",
        "a message has been sent",
        "the dead man's switch is fed",
    ]
    page = _pages(way, began)[0]
    assert page["title"] == "[FIRING:1] SidewatchTestAlert sidewatch"
    assert f"Its code is {_code(said)}: " in page["text"]
    assert f"with the code {_code(said)}" in said
    assert not list((way.folder / "state").glob("test-alert*"))
    assert any(post.path == "/deadman" for post in way.hook.posts)
    # Somebody is told of its end as well.
    wait_for(lambda: len(_pages(way, began)) > 1, "the end of it")
    assert _pages(way, began)[1]["title"] == "[RESOLVED:1] SidewatchTestAlert sidewatch"


@pytest.mark.real
def test_without_prometheus_the_way_begins_at_alertmanager(way: Way) -> None:
    began = len(way.hook.posts)
    code, said = way.walk("--alertmanager", way.manager.url, config=Path("/nowhere"))
    assert code == 0, said
    assert "scraped" not in said
    assert _code(said) in _pages(way, began)[0]["text"]


@pytest.mark.real
def test_where_messages_cannot_be_told_apart_it_is_said(
    way: Way, parts: Parts, tmp_path: Path
) -> None:
    config = routing_to(way.hook.url, receivers=("page", "deadman"))
    with alertmanager(parts.need("prometheus-alertmanager"), tmp_path, config) as manager:
        post(manager, [{"alertname": "Watchdog", "severity": "none"}])
        code, said = way.walk("--alertmanager", manager.url)
    assert code == 0, said
    assert "note: deadman is told by webhook too, and Alertmanager counts both together" in said


@pytest.mark.real
def test_alertmanager_is_found_where_prometheus_sends_to(way: Way) -> None:
    code, said = way.walk("--prometheus", way.server.url)
    assert code == 0, said


@pytest.mark.real
@pytest.mark.parametrize(
    ("broken", "hop", "why"),
    [
        ("state", "sidewatch shows it", "does not see the test: its state is elsewhere"),
        ("sidewatch", "sidewatch shows it", "does not answer"),
        ("prometheus", "Prometheus has scraped it", "does not answer"),
    ],
)
def test_a_hop_that_does_not_pass_it_on_is_named(broken: str, hop: str, why: str, way: Way) -> None:
    words, config = list(way.through), way.folder / "sidewatch.yaml"
    nobody = f"http://127.0.0.1:{free_port()}"
    if broken == "state":
        config = way.folder / "other.yaml"
        text = (way.folder / "sidewatch.yaml").read_text()
        config.write_text(text.replace("./state", "./another"))
    elif broken == "sidewatch":
        words += ["--sidewatch", nobody]
    else:
        words[1] = nobody
    code, said = way.walk(*words, wait="3s" if broken == "prometheus" else "1s", config=config)
    assert code == 1
    assert hop in _lost(said)
    assert why in _lost(said)


@dataclass
class Lacking:
    """Servers beside the way: an Alertmanager, and each Prometheus by what it lacks."""

    manager: Alertmanager
    servers: dict[str, Prometheus]


@pytest.fixture(scope="module")
def lacking(way: Way, parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lacking]:
    folder = tmp_path_factory.mktemp("lacking")
    binary = parts.need("prometheus")
    with ExitStack() as stack:
        config = routing_to(way.hook.url)
        binaries = parts.need("prometheus-alertmanager")
        manager = stack.enter_context(alertmanager(binaries, folder / "am", config))
        servers = {
            name: stack.enter_context(
                prometheus(
                    binary,
                    folder / name,
                    targets,
                    rules=rules,
                    alertmanager=manager.address if name != "alerting" else None,
                )
            )
            for name, targets, rules in (
                ("a living target", [f"127.0.0.1:{free_port()}"], [RULE]),
                ("targets", [], [RULE]),
                ("the rule", [way.address], []),
                ("alerting", [way.address], [RULE]),
            )
        }
        for name, server in servers.items():
            if name != "targets":
                wait_for(lambda asked=server: asked.query("up") or None, "the first scrape")  # type: ignore[misc]
        yield Lacking(manager, servers)


@pytest.mark.real
@pytest.mark.parametrize(
    ("lack", "hop", "why"),
    [
        ("a living target", "Prometheus has scraped it", "Prometheus cannot scrape http://127."),
        ("targets", "Prometheus has scraped it", "scrape_configs has no target"),
        ("the rule", "its rule fires", "SidewatchTestAlert is not loaded: rule_files must name"),
        ("alerting", "Alertmanager has it", "Prometheus knows no Alertmanager: `alerting`"),
    ],
)
def test_what_prometheus_lacks_is_named(
    lack: str, hop: str, why: str, way: Way, lacking: Lacking
) -> None:
    words = ("--prometheus", lacking.servers[lack].url, "--alertmanager", lacking.manager.url)
    code, said = way.walk(*words, wait="20s" if lack == "the rule" else "4s")
    assert code == 1
    assert hop in _lost(said)
    assert why in _lost(said)


@pytest.mark.real
def test_an_alertmanager_that_prometheus_does_not_send_to_is_named(
    way: Way, lacking: Lacking
) -> None:
    other = lacking.manager.url
    code, said = way.walk("--prometheus", way.server.url, "--alertmanager", other, wait="4s")
    assert code == 1
    assert "Alertmanager has it" in _lost(said)
    assert f"sends alerts to {way.manager.url}, by that name not to {other}" in _lost(said)


@pytest.mark.real
@pytest.mark.parametrize(
    ("broken", "hop", "why"),
    [
        ("nobody", "a route has chosen who is told", "receiver page has no way to tell anybody"),
        ("sink", "a message has been sent", "messages fail: page by webhook"),
        ("patience", "a message has been sent", "nothing has been sent to page by webhook yet"),
        ("deadman", "the dead man's switch is fed", "Alertmanager has no alert Watchdog"),
    ],
)
def test_what_alertmanager_lacks_is_named(
    broken: str, hop: str, why: str, way: Way, parts: Parts, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{free_port()}" if broken == "sink" else way.hook.url
    receivers = () if broken == "nobody" else ("page",)
    wait = "10m" if broken == "patience" else "1s"
    config = routing_to(url, receivers=receivers, wait=wait)
    with alertmanager(parts.need("prometheus-alertmanager"), tmp_path, config) as manager:
        code, said = way.walk("--alertmanager", manager.url, wait="3s")
    assert code == 1
    assert hop in _lost(said)
    assert why in _lost(said)


@pytest.mark.real
def test_a_silence_is_named(way: Way) -> None:
    now = time.time()
    moments = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) for at in (now - 60, now + 600)]
    name, value = "alertname", "SidewatchTestAlert"
    silence = {
        "matchers": [{"name": name, "value": value, "isRegex": False, "isEqual": True}],
        "startsAt": moments[0],
        "endsAt": moments[1],
        "createdBy": "somebody",
        "comment": "too loud",
    }
    made = _post(f"{way.manager.url}/api/v2/silences", silence)["silenceID"]
    try:
        code, said = way.walk("--alertmanager", way.manager.url, wait="3s")
    finally:
        url = f"{way.manager.url}/api/v2/silence/{made}"
        request = urllib.request.Request(url, method="DELETE")
        urllib.request.urlopen(request, timeout=5).close()
    assert code == 1
    assert f"a silence keeps it back: {made}" in _lost(said)


@pytest.mark.real
def test_an_alertmanager_that_is_gone_is_named_before_anything_is_done(way: Way) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    code, said = way.walk("--prometheus", way.server.url, "--alertmanager", nobody)
    assert code == 1
    assert said.startswith(f"sidewatch: {nobody} does not answer")


def test_nothing_to_walk_to_is_refused(sidewatch: Path) -> None:
    done = subprocess.run(
        [sidewatch, "test-alert"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert "name --prometheus URL, or --alertmanager URL, or both" in done.stderr
