"""compose.monitoring.yaml run for real: a copy of its folder, on a Docker Engine of the tests'."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.docker import Dockerd
from tests.support.parts import Parts
from tests.support.standins import StandIn
from tests.support.waiting import free_port
from tests.support.wheels import ROOT

FILE = "compose.monitoring.yaml"
IMAGE = "sidewatch:tested"
PORTS = ("SIDEWATCH_PORT", "PROMETHEUS_PORT", "ALERTMANAGER_PORT", "GRAFANA_PORT")
NOBODY = 65534
# What an override may shorten: how often is looked, and how long is waited.
HASTE = {"15s": "1s", "30s": "1s"}
RECEIVER = """\
from http.server import BaseHTTPRequestHandler, HTTPServer
class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        print("POSTED", self.path, body, flush=True)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
HTTPServer(("", 8080), Receiver).serve_forever()
"""


def stand_ins(parts: Parts) -> Mapping[str, StandIn]:
    """By the variables that name the images. Grafana's answers its healthcheck, and no more."""
    templates = "/usr/share/prometheus/alertmanager"
    return {
        "PROMETHEUS_IMAGE": StandIn(
            "prometheus:here", parts.need("prometheus"), "/bin/prometheus", NOBODY, ["/prometheus"]
        ),
        "ALERTMANAGER_IMAGE": StandIn(
            "alertmanager:here",
            parts.need("prometheus-alertmanager"),
            "/bin/alertmanager",
            NOBODY,
            ["/alertmanager"],
            [f"{templates}/default.tmpl", f"{templates}/email.tmpl"],
        ),
        "DOCKER_PROXY_IMAGE": StandIn("haproxy:here", parts.need("haproxy"), "/sbin/haproxy", 99),
        "GRAFANA_IMAGE": StandIn(
            "grafana:stand-in",
            Path("/bin/busybox"),
            "/bin/grafana",
            472,
            ["/var/lib/grafana"],
            texts={"/www/api/health": "ok"},
            entrypoint=["httpd", "-f", "-p", "3000", "-h", "/www"],
        ),
    }


@dataclass(frozen=True)
class Stack:
    """A folder with a `.env`, and the daemon that runs what it says."""

    folder: Path
    docker: Dockerd
    compose: Path
    variables: Mapping[str, str]

    def __call__(self, *words: str, within: float = 120) -> str:
        """What `docker-compose WORDS` prints; it must succeed."""
        answer = subprocess.run(
            [str(self.compose), *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=within,
            cwd=self.folder,
            env={**os.environ, "DOCKER_HOST": self.docker.url},
        )
        assert answer.returncode == 0, f"docker-compose {words}: {answer.stdout}{answer.stderr}"
        return answer.stdout

    @property
    def prometheus(self) -> str:
        """Where Prometheus is published."""
        return f"http://127.0.0.1:{self.variables['PROMETHEUS_PORT']}"

    @property
    def sidewatch(self) -> str:
        """Where sidewatch is published."""
        return f"http://127.0.0.1:{self.variables['SIDEWATCH_PORT']}"

    def container(self, service: str) -> dict[str, Any]:
        """What the daemon tells of the container of a service."""
        return self.docker.inspect(self._named(service))

    def _named(self, service: str) -> str:
        """The id of its container. docker-compose tells it too, but takes a second to start."""
        told = {"project": self.variables["COMPOSE_PROJECT_NAME"], "service": service}
        labels = (f"--filter=label=com.docker.compose.{name}={one}" for name, one in told.items())
        return self.docker("ps", "--all", "--quiet", *labels)

    def health(self, service: str) -> str:
        """Of its healthcheck, or `none`."""
        state = self.container(service)["State"]
        return str(state.get("Health", {}).get("Status", "none"))

    def posted(self) -> list[tuple[str, Any]]:
        """What was posted to the receiver: paths and bodies."""
        lines = self.docker("logs", self._named("receiver")).splitlines()
        found = (line.split(" ", 2) for line in lines if line.startswith("POSTED "))
        return [(path, json.loads(body)) for _, path, body in found]


def lay_out(folder: Path, docker: Dockerd, compose: Path, images: Mapping[str, str]) -> Stack:
    """The files that the stack mounts, its `.env`, and an override that makes it hasty."""
    for name in ("stack", "rules", "dashboards"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy2(ROOT / FILE, folder)
    scraping = folder / "stack/prometheus/prometheus.yml"
    text = scraping.read_text()
    for slow, fast in HASTE.items():
        text = text.replace(f": {slow}", f": {fast}")
    scraping.write_text(text)
    project = f"stack{os.getpid()}"
    variables = {
        "COMPOSE_FILE": f"{FILE}:override.yaml",
        "COMPOSE_PROJECT_NAME": project,
        "WATCH": "./stack/apps/tripl",
        "WATCHED_PROJECT": "tripl",
        "WATCHED_NETWORK": f"{project}_watched",
        "DOCKER_SOCKET": str(docker.socket),
        "DOCKER_GID": str(docker.socket.stat().st_gid),
        "GRAFANA_ADMIN_PASSWORD": "for-this-test",
        "SIDEWATCH_WEBHOOK_URL": "http://receiver:8080/page",
        "SIDEWATCH_DEADMAN_URL": "http://receiver:8080/deadman",
        **{name: str(free_port()) for name in PORTS},
        **images,
    }
    (folder / ".env").write_text("".join(f"{name}={at}\n" for name, at in variables.items()))
    (folder / "override.yaml").write_text(yaml.safe_dump(_override(folder)))
    return Stack(folder, docker, compose, variables)


def _override(folder: Path) -> dict[str, Any]:
    services = yaml.safe_load((folder / FILE).read_text())["services"]
    hasty = {"interval": "1s", "timeout": "30s", "retries": 60}
    made: dict[str, Any] = {
        name: {"healthcheck": hasty}
        for name, one in services.items()
        if name == "sidewatch" or "test" in one.get("healthcheck", {})
    }
    made["receiver"] = {
        "image": IMAGE,
        "entrypoint": ["python", "-c", RECEIVER],
        "networks": ["monitoring"],
        "healthcheck": {"disable": True},
    }
    return {"services": made}
