"""sidewatch test-alert: the whole way with real servers, then each hop broken in turn and named."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from exporter.__main__ import main
from exporter.commands.testalert import LABELS
from exporter.hops import Alertmanager as Alertmanager_
from exporter.hops import Prometheus as Prometheus_
from exporter.hops import Walk, address, walk
from exporter.trial import Trial, clear, write
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
# only a minute later: so it waits for as long.
WATCHDOG = """\
groups:
  - name: watchdog
    rules:
      - alert: Watchdog
        expr: vector(1)
        for: 6s
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
    """All that an alert passes, running.

    `other` is an Alertmanager that the way does not lead to; `lacking` are more of Prometheus, each
    by what it lacks.
    """

    folder: Path
    address: str
    hook: Webhook
    manager: Alertmanager
    server: Prometheus
    other: Alertmanager
    lacking: Mapping[str, Prometheus]

    def walk(self, *words: str, wait: str = "60s", config: Path | None = None) -> tuple[int, str]:
        """The command's exit code, and what it prints; in this process, which saves its start."""
        path = config or self.folder / "sidewatch.yaml"
        said = StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            code = main(["test-alert", "--config", str(path), "--wait", wait, *words])
        return code, said.getvalue()


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
        other = stack.enter_context(
            alertmanager(binaries[0], folder / "other", routing_to(hook.url))
        )
        lacking = {
            name: stack.enter_context(
                prometheus(
                    binaries[1],
                    folder / name,
                    targets,
                    rules=rules,
                    alertmanager=other.address if name != "alerting" else None,
                )
            )
            for name, targets, rules in (
                ("a living target", [f"127.0.0.1:{free_port()}"], [RULE]),
                ("targets", [], [RULE]),
                ("the rule", [address], []),
                ("alerting", [address], [RULE]),
            )
        }
        made = Way(folder, address, hook, manager, server, other, lacking)
        wait_for(lambda: _names(manager) >= {"Watchdog"}, "the Watchdog")
        for name in lacking.keys() - {"targets"}:
            wait_for(partial(_has_scraped, lacking[name]), "the first scrape")
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


def _has_scraped(server: Prometheus) -> bool:
    return bool(server.query("up"))


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
    # Where Alertmanager is, Prometheus knows.
    code, said = way.walk("--prometheus", way.server.url)
    assert code == 0, said
    hops = re.findall(r"^ *[\d.]+ s  (.*)$", said, re.MULTILINE)
    assert hops == [
        "sidewatch shows it",
        "Prometheus has scraped it",
        "its rule fires",
        "Alertmanager has it",
        "a route has chosen who is told",
        "a message has been sent",
        "the dead man's switch is connected",
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
def test_a_prometheus_that_is_ready_before_it_knows_its_alertmanager_is_waited_for(
    parts: Parts, tmp_path: Path
) -> None:
    config = tmp_path / "sidewatch.yaml"
    config.write_text(CONFIG.format(address="127.0.0.1:0", folder=tmp_path))
    nobody = f"127.0.0.1:{free_port()}"

    def said(server: Prometheus, wait: str) -> str:
        said = StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            words = ("--config", str(config), "--prometheus", server.url, "--wait", wait)
            assert main(["test-alert", *words]) == 1
        return said.getvalue()

    binary = parts.need("prometheus")
    with prometheus(binary, tmp_path / "new", [], alertmanager=nobody) as server:
        assert f"sidewatch: http://{nobody} does not answer" in said(server, "60s")
    with prometheus(binary, tmp_path / "lacking", []) as server:
        assert "Prometheus knows no Alertmanager: `alerting`" in said(server, "1s")


Lost = dict[str, tuple[str, str]]


def _lost_in(walks: Mapping[str, Walk], wait: float) -> Lost:
    """The hop that loses each of them, and why; all go at once."""

    def last(way: Walk) -> tuple[str, str]:
        *_, end = walk(way, wait=wait, now=time.monotonic, sleep=time.sleep)
        return end.name, end.lost

    with ThreadPoolExecutor(len(walks)) as pool:
        return dict(zip(walks, pool.map(last, walks.values()), strict=True))


def _holds(found: Lost, wanted: Lost) -> None:
    assert {name: hop for name, (hop, _) in found.items()} == {
        name: hop for name, (hop, _) in wanted.items()
    }, found
    for name, (_, why) in wanted.items():
        assert why in found[name][1], name


@pytest.mark.real
def test_a_hop_before_alertmanager_that_loses_it_is_named(way: Way) -> None:
    nobody = address(f"http://127.0.0.1:{free_port()}")
    here, main_one = address(f"http://{way.address}"), Prometheus_(address(way.server.url))
    manager = Alertmanager_(address(way.other.url))
    start = partial(Walk, "k7qf", manager, manager.told())
    walks = {
        name: start(sidewatch=here, prometheus=Prometheus_(address(server.url)))
        for name, server in way.lacking.items()
    } | {
        "sidewatch": start(sidewatch=nobody, prometheus=main_one),
        "its state": Walk("zzzz", manager, manager.told(), here, main_one),
        "prometheus": start(sidewatch=here, prometheus=Prometheus_(nobody)),
        "the name": start(sidewatch=here, prometheus=main_one),
    }
    write(way.folder / "state", Trial("k7qf", time.time()))
    try:
        found = _lost_in(walks, wait=5)
    finally:
        clear(way.folder / "state")
    shown, scraped, fires, arrived = (
        "sidewatch shows it",
        "Prometheus has scraped it",
        "its rule fires",
        "Alertmanager has it",
    )
    _holds(
        found,
        {
            "sidewatch": (shown, f"{nobody.url} does not answer: "),
            "its state": (shown, "does not see the test: its state is elsewhere"),
            "prometheus": (scraped, f"{nobody.url} does not answer: "),
            "a living target": (scraped, "Prometheus cannot scrape http://127.0.0.1:"),
            "targets": (scraped, "scrape_configs has no target"),
            "the rule": (fires, "SidewatchTestAlert is not loaded: rule_files must name"),
            "alerting": (arrived, "Prometheus knows no Alertmanager: `alerting`"),
            "the name": (arrived, f"to {way.manager.url}, by that name not to {way.other.url}"),
        },
    )


@pytest.mark.real
def test_what_alertmanager_loses_is_named(way: Way, parts: Parts, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    configs = {
        "a way": routing_to(way.hook.url, receivers=()),
        "a sink": routing_to(nobody, receivers=("page",)),
        "patience": routing_to(way.hook.url, receivers=("page",), wait="10m"),
        "a watchdog": routing_to(way.hook.url, receivers=("page", "deadman")),
        "a dead man": routing_to(way.hook.url, receivers=("page",)),
    }
    binary = parts.need("prometheus-alertmanager")
    with ExitStack() as stack:
        walks = {}
        for name, config in configs.items():
            manager = stack.enter_context(alertmanager(binary, tmp_path / name, config))
            there = Alertmanager_(address(manager.url))
            walks[name] = Walk("k7qf", there, there.told())
            alerts = [{**LABELS, "test": "k7qf"}]
            alerts += [{"alertname": "Watchdog"}] if name == "a dead man" else []
            post(manager, alerts)
        found = _lost_in(walks, wait=4)
    _holds(
        found,
        {
            "a way": ("a route has chosen who is told", "receiver page has no way to tell anybody"),
            "a sink": ("a message has been sent", "messages fail: page by webhook"),
            "patience": ("a message has been sent", "nothing has been sent to page by webhook yet"),
            "a watchdog": (
                "the dead man's switch is connected",
                "Alertmanager has no alert Watchdog",
            ),
            "a dead man": (
                "the dead man's switch is connected",
                "goes to deadman, which tells nobody",
            ),
        },
    )


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
    code, said = way.walk("--alertmanager", nobody)
    assert code == 1
    assert said.startswith(f"sidewatch: {nobody} does not answer")


def test_nothing_to_walk_to_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["test-alert"])
    assert "name --prometheus URL, or --alertmanager URL, or both" in capsys.readouterr().err
