"""What compose.monitoring.yaml says, as docker-compose 1.29 reads it, and the files it mounts."""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from exporter.__main__ import main
from exporter.config import load
from exporter.export.variables import VARIABLES, spelled
from tests.support.authority import Authority
from tests.support.parts import Parts
from tests.support.waiting import free_port
from tests.support.wheels import ROOT

FILE = ROOT / "compose.monitoring.yaml"
EXAMPLE = ROOT / ".env.example"
REQUIRED = ("WATCH", "WATCHED_PROJECT", "WATCHED_NETWORK", "DOCKER_GID", "GRAFANA_ADMIN_PASSWORD")
ALWAYS = {"sidewatch", "docker-socket", "prometheus", "routing", "alertmanager", "grafana"}
# What the applications publish on their hosts, and their own monitoring; from the project's seeds.
TAKEN = {80, 443, 3000, 3001, 3002, 3003, 4317, 4318, 5432, 5672, 6379, 8000, 8765, 8889, 9090}
TAKEN |= {15672, 16686}
APPLICATIONS = ("agledger", "kodiai", "paas", "pullapprove", "tripl")
NO_HEALTHCHECK = {"routing", "collector", "loki"}  # the file says why
# For these no digest is known that several sources agree on.
BUILT_HERE = {"sidewatch", "routing"}

Config = Callable[..., Mapping[str, Any]]


@pytest.fixture(scope="module")
def compose(
    parts: Parts, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`docker-compose config` with what .env.example says, and what is set besides."""
    binary = parts.need("docker-compose")
    example = dict(line.split("=", 1) for line in _set(EXAMPLE.read_text()))
    tmp_path = tmp_path_factory.mktemp("compose")

    def run(*options: str, **changed: str | None) -> subprocess.CompletedProcess[str]:
        wanted = example | {"GRAFANA_ADMIN_PASSWORD": "a-long-one"} | changed
        lines = [f"{name}={value}\n" for name, value in wanted.items() if value is not None]
        (tmp_path / "env").write_text("".join(lines))
        command = [str(binary), "--env-file", str(tmp_path / "env"), "-f", str(FILE)]
        clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        return subprocess.run(
            [*command, *options, "config"], capture_output=True, text=True, check=False, env=clean
        )

    return run


@pytest.fixture(scope="module")
def config(compose: Callable[..., subprocess.CompletedProcess[str]]) -> Config:
    """What Compose makes of it."""

    def read(*options: str, **changed: str | None) -> Mapping[str, Any]:
        answer = compose(*options, **changed)
        assert answer.returncode == 0, answer.stderr
        # What is not set is said of the file's commented variables alone, that is of none.
        assert "WARNING" not in answer.stderr, answer.stderr
        found: Mapping[str, Any] = yaml.safe_load(answer.stdout)
        return found

    return read


@pytest.fixture(scope="module")
def services(config: Config) -> Mapping[str, Any]:
    """All of them, as the example's variables make them."""
    found: Mapping[str, Any] = config("--profile", "loki")["services"]
    return found


def _set(text: str) -> list[str]:
    return re.findall(r"^[A-Z_]+=.*$", text, re.MULTILINE)


def test_compose_reads_it_with_and_without_profiles(
    config: Config, services: Mapping[str, Any]
) -> None:
    assert config()["services"].keys() >= ALWAYS
    assert services.keys() == ALWAYS | {"collector", "loki"}
    assert "name" not in yaml.safe_load(FILE.read_text())  # 1.29 knows no such key


@pytest.mark.parametrize("variable", REQUIRED)
def test_what_must_be_set_is_asked_for(
    compose: Callable[..., subprocess.CompletedProcess[str]], variable: str
) -> None:
    refused = compose(**{variable: ""})  # as the example leaves the password
    assert refused.returncode
    said = re.search(rf"\$\{{{variable}:\?([^}}]+)\}}", FILE.read_text())
    assert said is not None
    assert said[1] in refused.stderr


def test_the_example_has_no_password_and_names_every_variable() -> None:
    text = EXAMPLE.read_text()
    assert "GRAFANA_ADMIN_PASSWORD=\n" in text
    used = set(re.findall(r"\$\{([A-Z_]+)", FILE.read_text()))
    named = set(re.findall(r"^(?:# )?([A-Z_]+)=", text, re.MULTILINE))
    compose_s_own = {"COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES"}
    assert named - compose_s_own - set(map(spelled, VARIABLES)) <= used <= named


def test_every_service_is_hardened_and_bounded(services: Mapping[str, Any]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", str(service["user"])), name
        assert service["pids_limit"] == 256, name
        assert str(service["mem_limit"]).endswith("m"), name
        assert service["logging"]["options"] == {"max-file": "3", "max-size": "10m"}, name
        assert "privileged" not in service, name
        assert "cap_add" not in service, name
        for port in service.get("ports", ()):
            assert str(port).startswith("127.0.0.1:"), name
        checks = service.get("healthcheck", {}).get("test", ["NONE"]) != ["NONE"]
        assert checks == (name not in NO_HEALTHCHECK | {"sidewatch"}), name  # its image has one
        pinned = re.fullmatch(r"[\w./-]+:v?[\d.]+@sha256:[0-9a-f]{64}", service["image"])
        assert bool(pinned) == (name not in BUILT_HERE), name


def test_two_containers_are_enough_for_a_small_box(services: Mapping[str, Any]) -> None:
    needed = services["sidewatch"]["depends_on"]
    assert set(needed) == {"docker-socket"}
    assert "depends_on" not in services["docker-socket"]


def test_only_the_proxy_has_the_socket_and_no_file_of_the_host_can_be_written(
    services: Mapping[str, Any],
) -> None:
    named = set(yaml.safe_load(FILE.read_text())["volumes"])
    for name, service in services.items():
        for volume in service.get("volumes", ()):
            if isinstance(volume, str):
                source, target, mode = volume.split(":")
            else:
                source, target = volume["source"], volume["target"]
                mode = "ro" if volume["read_only"] else "rw"
            socket = target == "/var/run/docker.sock"
            assert socket == (name == "docker-socket" and mode == "rw")
            assert mode == "ro" or socket or source in named, (name, volume)


def test_its_ports_are_free_beside_every_application(services: Mapping[str, Any]) -> None:
    ports = [
        int(re.fullmatch(r"127\.0\.0\.1:(\d+):\d+(?:/tcp)?", port)[1])  # type: ignore[index]
        for service in services.values()
        for port in service.get("ports", ())
    ]
    assert len(set(ports)) == len(ports) == 4
    assert not TAKEN & set(ports)


def test_every_receiver_can_be_set(config: Config, services: Mapping[str, Any]) -> None:
    given = {spelled(name): f"/run/{name}" for name in VARIABLES}
    handed = config(**given)["services"]["routing"]["environment"]
    assert handed == given
    unset = services["routing"]["environment"]
    assert {name for name, value in unset.items() if value is not None} == {"SIDEWATCH_GRAFANA_URL"}


@pytest.mark.parametrize("name", APPLICATIONS)
def test_every_application_has_a_configuration_that_is_right(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHED_PROJECT", "shop")
    plan = load(ROOT / f"stack/apps/{name}/sidewatch.yaml")
    assert [app.name for app in plan.apps] == [name]
    assert f"./stack/apps/{name} " in EXAMPLE.read_text()
    for targets in (ROOT / f"stack/apps/{name}/targets").iterdir():
        for group in yaml.safe_load(targets.read_text()):
            assert group["labels"]["app"] == name
    assert name in ("kodiai", "paas", "pullapprove") or group["targets"]


def test_prometheus_takes_its_configuration_with_every_target(parts: Parts, tmp_path: Path) -> None:
    shutil.copy2(ROOT / "stack/prometheus/prometheus.yml", tmp_path)
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    (tmp_path / "targets/token").mkdir(parents=True)
    for name in APPLICATIONS:
        shutil.copytree(
            ROOT / f"stack/apps/{name}/targets", tmp_path / "targets", dirs_exist_ok=True
        )
    command = [str(parts.need("promtool")), "check", "config", "--lint=none", "prometheus.yml"]
    # The token is a file of the container's.
    text = (tmp_path / "prometheus.yml").read_text()
    (tmp_path / "token").touch()
    token = "/run/secrets/prometheus/token"
    assert token in text
    (tmp_path / "prometheus.yml").write_text(text.replace(token, "token"))
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    (job,) = (
        job for job in yaml.safe_load(text)["scrape_configs"] if job["job_name"] == "sidewatch"
    )
    assert job["honor_labels"] is True


def test_the_stack_is_written_for_a_host_without_a_checkout(
    parts: Parts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = "registry.example/sidewatch:1.0"
    assert main(["export", "compose", str(tmp_path), "--image", image]) == 0
    capsys.readouterr()
    example = (tmp_path / ".env.example").read_text()
    (tmp_path / ".env").write_text(
        example.replace("GRAFANA_ADMIN_PASSWORD=", "GRAFANA_ADMIN_PASSWORD=x")
    )
    answer = subprocess.run(
        [str(parts.need("docker-compose")), "config"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
    )
    assert answer.returncode == 0, answer.stderr
    services = yaml.safe_load(answer.stdout)["services"]
    assert {services[name]["image"] for name in BUILT_HERE} == {image}
    assert not [name for name, one in services.items() if "build" in one]
    # Everything that is mounted was written; only secrets are the operator's own.
    mounted = [
        volume["source"] if isinstance(volume, dict) else volume.split(":")[0]
        for one in services.values()
        for volume in one.get("volumes", ())
    ]
    own = [Path(place) for place in mounted if place.startswith(str(tmp_path))]
    assert own
    assert [place for place in own if "secrets" not in place.parts and not place.exists()] == []
    assert not list(tmp_path.glob("dashboards/**/*/*.json"))
    for name in ("stack", "rules"):
        written = {path.relative_to(tmp_path) for path in tmp_path.glob(f"{name}/**/*.y*ml")}
        aside = {Path("rules/alertmanager/alertmanager.yaml")}  # `routing` makes its own
        assert (
            written == {path.relative_to(ROOT) for path in ROOT.glob(f"{name}/**/*.y*ml")} - aside
        )


def test_every_container_may_read_what_is_written_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        assert main(["export", "compose", str(tmp_path), "--image", "sidewatch:1"]) == 0
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()}
    folders = {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_dir()}
    assert (modes, folders) == ({0o644}, {0o755})


def test_what_profiles_give_as_examples_is_kept_and_leads_to_its_lines(
    services: Mapping[str, Any],
) -> None:
    assert "--enable-feature=exemplar-storage" in services["prometheus"]["command"]
    given = yaml.safe_load((ROOT / "stack/grafana/datasources/sidewatch.yaml").read_text())
    sources = {one["uid"]: one for one in given["datasources"]}
    links = sources["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    named = {
        name
        for profile in (ROOT / "exporter/profiles").glob("*.yaml")
        for name in re.findall(r"exemplar: (\w+)", profile.read_text())
    }
    assert {one["name"] for one in links} == named
    for one in links:
        assert "$${__value.raw}" in one["url"], "a single $ would be Grafana's environment"
        (panes,) = parse_qs(urlsplit(one["url"]).query)["panes"]
        (query,) = json.loads(panes)["logs"]["queries"]
        assert query["datasource"] == {"type": "loki", "uid": sources["loki"]["uid"]}


def test_the_healthcheck_knows_an_answer_with_and_without_tls(tmp_path: Path) -> None:
    pair = Authority(tmp_path, "authority").issue("server")

    def check(port: int) -> int:
        environment = {"SIDEWATCH_LISTEN": f":{port}", "PATH": os.environ["PATH"]}
        command = [sys.executable, str(ROOT / "stack/healthcheck.py")]
        return subprocess.run(command, env=environment, capture_output=True, check=False).returncode

    (tmp_path / "healthz").write_text("ok")
    for secured in (False, True):
        server = HTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
        if secured:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pair.certificate, pair.key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            assert check(server.server_port) == 0
            (tmp_path / "healthz").rename(tmp_path / "gone")
            assert check(server.server_port) != 0
            (tmp_path / "gone").rename(tmp_path / "healthz")
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
    assert check(free_port()) != 0


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's name
        pass


def test_the_dockerfile_needs_no_buildkit() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert not re.search(
        r"--mount|--chmod|<<|^# syntax|--link|--security|\$\{\w+:[+-]", text, re.MULTILINE
    )
    assert re.search(r"^ARG BASE=.*\n(?:.*\n)*?FROM \$\{BASE\} AS build$", text, re.MULTILINE)
    assert re.search(r"^USER 65532:65532$", text, re.MULTILINE)
