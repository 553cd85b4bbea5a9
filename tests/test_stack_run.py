"""compose.monitoring.yaml for real: one `up` beside an application, and what one then has."""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support import image
from tests.support.docker import Dockerd
from tests.support.parts import Parts
from tests.support.stack import IMAGE, Stack, lay_out, stand_ins
from tests.support.waiting import wait_for
from tests.support.web import get, get_json
from tests.support.wheels import ROOT

pytestmark = pytest.mark.first(seconds=200, reason="it builds an image, and waits for servers")

SERVICES = ("sidewatch", "docker-socket", "prometheus", "alertmanager", "grafana")
# The application beside which it runs: `app` of tripl's compose project.
APP = """\
from http.server import BaseHTTPRequestHandler, HTTPServer
class App(BaseHTTPRequestHandler):
    def do_GET(self):
        kind, body = "text/plain", b"tripl_scan_runs_total 1\\n"
        if self.path == "/health":
            kind, body = "application/json", b'{"status":"ok"}'
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        print("INFO:     127.0.0.1:1 - \\"GET /health HTTP/1.1\\" 200 OK", flush=True)
HTTPServer(("", 8000), App).serve_forever()
"""
# What is asked of the proxy, from inside: (method, path) -> status.
ASK = """\
import json, sys
from http.client import HTTPConnection
told = {}
for method, path in json.loads(sys.argv[1]):
    one = HTTPConnection("docker-socket", 2375, timeout=5)
    one.request(method, path)
    told[method + " " + path] = one.getresponse().status
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def stack(
    request: pytest.FixtureRequest,
    parts: Parts,
    docker: Dockerd,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """All of it, up: built, started, and what is shortened for tests shortened."""
    why = "the images of Grafana, the OpenTelemetry Collector and Loki need a registry"
    parts.lack(why, request.node.nodeid)
    compose = parts.need("docker-compose")
    wheels, base = image.wheels(parts), image.base(parts)
    docker("import", base, image.BASE)
    folder = tmp_path_factory.mktemp("stack")
    image.build(image.context(folder / "context", wheels), IMAGE, docker.url)
    images = {"SIDEWATCH_IMAGE": IMAGE}
    for variable, one in stand_ins(parts).items():
        one.load(docker.url)
        images[variable] = one.name
    made = lay_out(folder / "home", docker, compose, images)
    network = made.variables["WATCHED_NETWORK"]
    docker("network", "create", network)
    try:
        made("up", "--detach", "--no-build")
        _beside(docker, network)
        _hasten(made)
        yield made
    finally:
        docker.clear()  # at once, whatever patience they have
        made("down", "--volumes")
        docker("network", "rm", network)


def _beside(docker: Dockerd, network: str) -> None:
    labels = {"project": "tripl", "service": "app", "container-number": 1, "oneoff": False}
    written = [f"--label=com.docker.compose.{name}={value}" for name, value in labels.items()]
    where = (f"--network={network}", "--network-alias=app", "--stop-timeout=1")
    docker("run", "--detach", *where, *written, "--entrypoint=python", IMAGE, "-c", APP)


def _hasten(stack: Stack) -> None:
    """The waits of the routing are those that a test can wait for; it is read again."""
    volume = f"{stack.variables['COMPOSE_PROJECT_NAME']}_routing:/routing"
    shorter = (
        r"s/group_(wait|interval): .*/group_\1: 1s/; s/repeat_interval: 30s/repeat_interval: 5s/"
    )
    words = ("--rm", "--user=65532", f"--volume={volume}", "--entrypoint=sed")
    named = stack.variables["ALERTMANAGER_IMAGE"]
    stack.docker("run", *words, named, "-i", "-E", shorter, "/routing/alertmanager.yml")
    stack("kill", "-s", "HUP", "alertmanager")


def targets(stack: Stack) -> dict[str, str]:
    """The health of each target that Prometheus has, by job and instance."""
    told = get_json(f"{stack.prometheus}/api/v1/targets")["data"]["activeTargets"]
    return {f"{one['labels']['job']} {one['labels']['instance']}": one["health"] for one in told}


def is_healthy(stack: Stack, service: str) -> bool:
    return stack.health(service) == "healthy"


def shows(stack: Stack, series: str) -> bool:
    return series in get(f"{stack.sidewatch}/metrics").decode()


def test_everything_becomes_healthy_and_every_target_is_up(stack: Stack) -> None:
    for service in SERVICES:
        wait_for(partial(is_healthy, stack, service), service, within=60, every=0.5)
    assert stack.container("routing")["State"]["ExitCode"] == 0
    up = {
        "sidewatch sidewatch:9877": "up",
        "prometheus 127.0.0.1:9878": "up",
        "alertmanager alertmanager:9093": "up",
        "tripl app:8000": "up",
    }
    wait_for(lambda: targets(stack) == up, "all targets")


def test_grafana_is_given_the_dashboards_and_no_other_json(stack: Stack) -> None:
    find = ("exec", "-T", "grafana", "find", "/etc/sidewatch/dashboards", "-name", "*.json")
    shipped = {path.name for path in (ROOT / "dashboards").glob("*.json")}
    assert shipped
    assert {Path(line).name for line in stack(*find).splitlines()} == shipped


def test_what_is_shipped_is_loaded_and_nothing_of_it_fails(stack: Stack) -> None:
    shipped = {path.stem for path in (stack.folder / "rules").glob("*.yaml")}
    groups = get_json(f"{stack.prometheus}/api/v1/rules")["data"]["groups"]
    assert {Path(group["file"]).stem for group in groups} == shipped
    query = f"{stack.prometheus}/api/v1/query"
    wait_for(
        lambda: get_json(query, query="sidewatch_label_canary")["data"]["result"], "the canary"
    )
    rules = [rule for group in groups for rule in group["rules"]]
    assert not [rule["lastError"] for rule in rules if rule.get("lastError")]


def test_what_the_application_does_is_seen(stack: Stack) -> None:
    # Its state by the proxy, its health over its network, its log by the proxy again.
    for series in (
        'watched_service_running_replicas{app="tripl",service="app"} 1',
        'watched_probe_success{app="tripl",probe="app",kind="liveness"} 1',
        'watched_log_lines_total{app="tripl",service="app",stream="stdout"} ',
    ):
        wait_for(partial(shows, stack, series), series)
    told = stack("exec", "-T", "sidewatch", "sidewatch", "check", "--connect")
    assert "configuration ok" in told
    assert "counts lines with the compiled engine" in told


def test_a_page_is_delivered_and_the_canary_is_quiet(stack: Stack) -> None:
    words = ("exec", "-T", "sidewatch", "sidewatch", "test-alert", "--no-deadman")
    told = stack(*words, "--prometheus=http://prometheus:9878")
    assert "Somebody should read now" in told
    paged = {
        alert["labels"]["alertname"]
        for path, body in stack.posted()
        for alert in body["alerts"]
        if path == "/page"
    }
    assert "SidewatchTestAlert" in paged
    called = lambda: any(path == "/deadman" for path, _ in stack.posted())  # noqa: E731 - a word
    wait_for(called, "the dead man's call", within=90)  # it waits for company, as shipped
    firing = {
        alert["labels"]["alertname"]
        for alert in get_json(f"{stack.prometheus}/api/v1/alerts")["data"]["alerts"]
    }
    assert not {name for name in firing if "Canary" in name}


def test_the_proxy_lets_look_and_nothing_else(stack: Stack) -> None:
    one = stack.container("prometheus")["Id"]
    allowed = [
        *(("GET", "/version"), ("GET", "/containers/json"), ("GET", "/v1.41/containers/json")),
        *(("GET", f"/containers/{one}/json"), ("GET", f"/containers/{one}/logs?stdout=1&tail=1")),
    ]
    refused = [
        *(("GET", f"/containers/{one}/{what}") for what in ("archive?path=/", "export", "top")),
        *(("GET", f"/containers/{one}/json/../{what}") for what in ("export", "archive?path=/")),
        *(("GET", path) for path in ("/images/json", "/info", "/secrets", "/containers//json")),
        ("GET", f"/containers/{one}/logs/../export"),
        ("GET", f"/containers/{one}%2fexport"),
        *(("POST", path) for path in ("/containers/create", f"/containers/{one}/exec", "/version")),
        *((verb, f"/containers/{one}/json") for verb in ("PUT", "DELETE", "HEAD", "PATCH")),
    ]
    asked = json.dumps([*allowed, *refused])
    told = json.loads(stack("exec", "-T", "sidewatch", "python", "-c", ASK, asked))
    assert {path: told[f"{verb} {path}"] for verb, path in allowed} == {
        path: 200 for _, path in allowed
    }
    assert {told[f"{verb} {path}"] for verb, path in refused} == {403}


def test_only_the_proxy_and_sidewatch_are_where_the_socket_is(stack: Stack) -> None:
    project = stack.variables["COMPOSE_PROJECT_NAME"]
    networks = {
        service: {
            name.removeprefix(f"{project}_")
            for name in stack.container(service)["NetworkSettings"]["Networks"]
        }
        for service in SERVICES
    }
    assert networks == {
        "sidewatch": {"monitoring", "docker", "watched"},
        "docker-socket": {"docker"},
        "prometheus": {"monitoring", "watched"},
        "alertmanager": {"monitoring"},
        "grafana": {"monitoring"},
    }


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_has_as_little_as_it_needs(stack: Stack, service: str) -> None:
    told = stack.container(service)
    host: dict[str, Any] = told["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert not host["Privileged"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert 0 < host["Memory"] <= 512 << 20
    assert host["PidsLimit"] == 256
    assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}
    assert not told["Config"]["User"].startswith(("0", "root"))
    published = host["PortBindings"] or {}
    assert {one["HostIp"] for all_of in published.values() for one in all_of} <= {"127.0.0.1"}
    # Only volumes can be written to, and the socket, which lets write whoever opens it.
    written = {one["Destination"] for one in told["Mounts"] if one["RW"] and one["Type"] == "bind"}
    assert written == ({"/var/run/docker.sock"} if service == "docker-socket" else set())
    assert told["State"]["Status"] == "running"


def test_the_image_is_small_compiled_and_labelled(stack: Stack) -> None:
    (told,) = json.loads(stack.docker("image", "inspect", IMAGE))
    (base,) = json.loads(stack.docker("image", "inspect", image.BASE))
    assert told["Size"] - base["Size"] < 110 << 20
    labels = told["Config"]["Labels"]
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels["org.opencontainers.image.source"].endswith("/sidewatch")
    look = "import exporter, os; print(exporter.__cached__, os.path.exists(exporter.__cached__))"
    assert stack("exec", "-T", "sidewatch", "python", "-c", look).endswith(".pyc True\n")
    export = ("sidewatch", "export", "compose", "/tmp/out", "--image", IMAGE)
    assert "/tmp/out/compose.monitoring.yaml\n" in stack("exec", "-T", "sidewatch", *export)


def test_sidewatch_ends_when_it_is_asked_to_and_goes_on_where_it_was(stack: Stack) -> None:
    stack("stop", "sidewatch")
    state = stack.container("sidewatch")["State"]
    assert state["ExitCode"] == 0  # and not 137, as who does not listen is killed
    stack("start", "sidewatch")
    wait_for(partial(is_healthy, stack, "sidewatch"), "it again", within=60, every=0.5)


def test_a_declared_extension_that_is_missing_fails_the_build(tmp_path: Path) -> None:
    """The Dockerfile's own line, on a project that declares one."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    (line,) = (line for line in dockerfile.splitlines() if "ext-modules" in line)
    program = line.split("'")[1]

    def run(table: str) -> int:
        (tmp_path / "pyproject.toml").write_text(f"[tool.setuptools]\n{table}")
        command = ["python3", "-c", program]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode

    assert run("") == 0
    assert run('[[tool.setuptools.ext-modules]]\nname = "json"\n') == 0
    assert run('[[tool.setuptools.ext-modules]]\nname = "exporter.engine.no_core"\n') == 1
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (engine,) = project["tool"]["setuptools"]["ext-modules"]
    assert engine["name"] == "exporter.engine.native.loop"
