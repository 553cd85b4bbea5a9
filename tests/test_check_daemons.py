"""`sidewatch check --connect` on a daemon of containers: what fits, is refused, and would help."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web

from exporter.__main__ import main
from exporter.sources.containers.doctor import examine, wanted
from exporter.sources.docker.settings import Selection
from tests.support.docker import Dockerd
from tests.support.parts import Parts
from tests.support.process import running
from tests.support.waiting import free_port

FOR_EVER = "sleep 1000"
VERSION = r"Docker Engine 20\.10\.\S+, API 1\.41"

Check = Callable[..., tuple[int, list[str]]]

# The package forgets to close a socket that was refused.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    """Run it on an application given as YAML: its exit code, and what it said of the daemon."""

    def run(app: str, discover: str = "") -> tuple[int, list[str]]:
        config = tmp_path / "sidewatch.yaml"
        config.write_text(f"{discover}apps:\n  - name: shop\n{app}")
        code = main(["check", "--config", str(config), "--connect"])
        output = capsys.readouterr()
        assert output.err == ""
        lines = output.out.splitlines()
        first = next(n for n, line in enumerate(lines) if line.startswith("daemon at "))
        return code, lines[first:]

    return run


def both(url: str, project: str) -> str:
    """An application whose containers are watched and whose logs are read."""
    return (
        f"    containers: {{url: '{url}', project: {project}, services: {{cron: {{}}}}}}\n"
        f"    logs: [{{docker: {{url: '{url}', project: {project}}}}}]\n"
    )


def test_what_fits_and_what_keeps_its_log(docker: Dockerd, check: Check) -> None:
    project = docker.project()
    rotated = ("--log-opt=max-size=10m", "--log-opt=max-file=3")
    docker.run(project, "web", FOR_EVER, *rotated)
    docker.run(project, "web", FOR_EVER, *rotated, number=2)
    docker.run(project, "api", FOR_EVER)
    docker.run(project, "worker", "true", "--log-driver=local")
    code, (first, *said) = check(both(docker.url, project))
    assert re.fullmatch(f"daemon at {docker.url}: {VERSION}", first)
    through = f"  shop: logs through docker:{docker.url} {project}"
    files = "; read as files, mounted read-only, each line counts"
    assert said == [
        "  lets us ask for version, list, inspect, events, logs",
        "  shop: containers: 4 containers fit: api, web (2), worker",
        "  shop: containers: there is no container of cron now",
        f"{through}: 4 containers fit: api, web (2), worker",
        f"{through}: worker: local keeps 100 MB; what it discards unread is lost",
        f"{through}: api: json-file keeps all of it (set max-size){files}",
        f"{through}: web (2): json-file keeps 30 MB{files}",
    ]
    assert code == 0


def test_a_log_that_cannot_be_read_is_a_fault(docker: Dockerd, check: Check) -> None:
    project = docker.project()
    docker.run(project, "mute", FOR_EVER, "--log-driver=none")
    code, said = check(both(docker.url, project))
    assert said[-1].startswith("  fault: shop: logs through ")
    assert said[-1].endswith(
        "mute: the driver none keeps no log; give it json-file or local, or select others"
    )
    assert code == 1


def test_a_log_that_is_read_as_a_file_too_is_a_fault(docker: Dockerd, check: Check) -> None:
    """Told by the container's id, where its configuration may not be read beside the log."""
    project = docker.project()
    identity = docker.run(project, "web", FOR_EVER)
    name = f"{identity}-json.log"
    copy = docker.folder / "copies" / name  # as it is where only the logs are mounted
    copy.parent.mkdir(exist_ok=True)
    copy.touch()
    files = f"logs: [{{files: '{copy}'}}, {{docker: {{url: '{docker.url}', project: {project}}}}}]"
    code, said = check(f"    {files}\n")
    (fault,) = (line for line in said if "fault" in line)
    assert "web is read as a file by apps[0].logs[0] already; its lines would count twice" in fault
    assert code == 1


def test_a_selection_that_finds_nothing_is_told_with_what_there_is(
    docker: Dockerd, check: Check
) -> None:
    project = docker.project()
    docker.run(project, "web", FOR_EVER)
    code, said = check(both(docker.url, "shopp"))
    nothing = [
        line for line in said if "no container fits now; the daemon has the projects" in line
    ]
    assert len(nothing) == 2
    assert all(project in line for line in nothing)
    assert code == 0


def test_what_labels_name_is_told(docker: Dockerd, check: Check) -> None:
    first, second = docker.project(), docker.project()
    containers = [
        docker.run(first, "web", FOR_EVER, "--label=sidewatch.profile=tripl"),
        docker.run(second, "web", FOR_EVER, "--label=sidewatch.profile=nothing"),
    ]
    discover = f"discover: {{url: '{docker.url}'}}\n"
    code, said = check("", discover)
    assert [line for line in said if line.startswith("discover: ")] == [
        f"discover: {first}, with the profile tripl",
        f"discover: {second}: not watched: no such profile is known",
    ]
    assert "  discover: logs: 2 containers fit: web (2)" in said
    assert code == 0
    docker("rm", "-f", *containers)
    _, said = check("", discover)
    assert said[-1] == "discover: no container has the label sidewatch.profile now"


@pytest.fixture
def haproxy(
    docker: Dockerd, parts: Parts, tmp_path: Path
) -> Callable[[str], AbstractContextManager[str]]:
    """A real haproxy before the daemon that lets through what fits this expression; its URL."""
    binary = parts.need("haproxy")

    @contextmanager
    def start(paths: str) -> Iterator[str]:
        port = free_port()
        (tmp_path / "haproxy.cfg").write_text(f"""\
defaults
  mode http
  timeout connect 2s
  timeout client 5s
  timeout server 5s
frontend api
  bind 127.0.0.1:{port}
  http-request deny unless METH_GET
  http-request deny unless {{ path_reg ^(/v[0-9.]+)?/({paths})$ }}
  default_backend docker
backend docker
  server docker unix@{docker.socket}
""")
        command = [str(binary), "-db", "-f", str(tmp_path / "haproxy.cfg")]
        with running(command, tmp_path / "haproxy.log", partial(_listens, port)):
            yield f"tcp://127.0.0.1:{port}"

    return start


def _listens(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


def test_what_a_proxy_refuses_is_named_with_what_to_allow(
    docker: Dockerd, check: Check, haproxy: Callable[[str], AbstractContextManager[str]]
) -> None:
    project = docker.project()
    docker.run(project, "web", FOR_EVER)
    with haproxy("containers/json|containers/[^/]+/json") as url:
        code, said = check(both(url, project))
        assert [line for line in said if "refused" in line] == [
            "  fault: refused: version; a proxy must let GET /version through",
            "  fault: refused: events; a proxy must let GET /events through",
            "  fault: refused: logs; a proxy must let GET /containers/ID/logs through",
        ]
        assert code == 1
        # Who reads logs alone can do without two of them.
        code, said = check(f"    logs: [{{docker: {{url: '{url}', project: {project}}}}}]\n")
        less = "else new containers are found at the next look only"
        assert [line for line in said if "refused" in line] == [
            f"  refused: events; a proxy must let GET /events through, {less}",
            "  fault: refused: logs; a proxy must let GET /containers/ID/logs through",
        ]
    with haproxy("version|events") as url:
        code, said = check(both(url, project))
        assert [line.partition("; ")[0] for line in said[1:]] == [
            f"  fault: refused: {right}" for right in ("list", "inspect", "logs")
        ]
        assert code == 1


def test_a_daemon_that_is_not_there(check: Check, tmp_path: Path) -> None:
    code, (first, *said) = check(both(f"unix://{tmp_path}/none", "shop"))
    assert first == f"daemon at unix://{tmp_path}/none: cannot be reached"
    (fault,) = said
    assert fault.startswith("  fault: refused: ")
    assert fault.endswith("In a container, is its socket mounted?)")
    assert code == 1


async def test_podman_is_told_from_docker_and_a_page_from_both() -> None:
    podman = {
        "Version": "4.3.1",
        "ApiVersion": "1.41",
        "Components": [{"Name": "Podman Engine"}, {"Name": "Conmon"}],
    }

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/version":
            return web.json_response(podman)
        if request.path == "/containers/json":
            labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
            return web.json_response([{"Id": "1", "Names": ["/web"], "Labels": labels}])
        if request.path == "/events":
            return web.Response(text="<html>", content_type="text/html", status=502)
        return web.json_response({"message": "no such container"}, status=404)

    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"tcp://127.0.0.1:{runner.addresses[0][1]}"
    try:
        (asked,) = wanted([], [("shop: logs", Selection("shop", url=url))], {})
        report = await asyncio.wait_for(examine(asked), 10)
    finally:
        await runner.cleanup()
    assert report.summary == "Podman 4.3.1, API 1.41"
    assert [one.text for one in report.remarks if one.fault] == [
        "events: status: /events: 502 Bad Gateway"
    ]
    assert report.remarks[-1].text.startswith("shop: logs: Podman stamps lines by the second")
