"""The service behind a container's log, out of what Docker and the kubelet write beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exporter.sources.files.services import service_of

ID = "4d0b6d9f3c1e" + "0" * 52


def _docker_log(folder: Path, config: str | None, name: str = f"{ID}-json.log") -> str:
    home = folder / ID
    home.mkdir()
    if config is not None:
        (home / "config.v2.json").write_text(config)
    return str(home / name)


def test_a_compose_service_names_its_containers_log(tmp_path: Path) -> None:
    labels = {"com.docker.compose.service": "celery-worker", "com.docker.compose.project": "tripl"}
    config = json.dumps({"Name": "/tripl-celery-worker-1", "Config": {"Labels": labels}})
    assert service_of(_docker_log(tmp_path, config)) == "celery-worker"


def test_its_rotated_log_belongs_to_it_too(tmp_path: Path) -> None:
    config = json.dumps({"Name": "/web", "Config": {"Labels": None}})
    assert service_of(_docker_log(tmp_path, config, f"{ID}-json.log.1")) == "web"


@pytest.mark.parametrize("config", [None, "", "[]", '{"Config": 3}', "{}", "\x00"])
def test_without_a_readable_configuration_it_is_the_files_name(
    tmp_path: Path, config: str | None
) -> None:
    assert service_of(_docker_log(tmp_path, config)) == f"{ID}-json.log"


@pytest.mark.parametrize(
    ("path", "service"),
    [
        (
            "/var/log/pods/prod_web-7c9d8f6b5-x2k4q_8a3f0d1e-1111-2222-3333-444455556666/app/0.log",
            "app",
        ),
        (f"/var/log/containers/web-7c9d8f6b5-x2k4q_prod_side-car-{ID}.log", "side-car"),
        ("/var/log/pullapprove/server.log", "server.log"),
        ("/var/log/pullapprove/server.log.3.gz", "server.log"),
    ],
)
def test_a_path_tells_its_service(path: str, service: str) -> None:
    assert service_of(path) == service
