"""A real Prometheus with all that the dashboards show, in the time of the demo in a hurry.

It scrapes the running demo, a second sidewatch to which everything is denied, itself and a real
Alertmanager that it tells; and pages that real tests have recorded, each as a target of its own.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from exporter.demo.hurried import write_routing, write_rules
from tests.support import yamls
from tests.support.demo import Demo, demo, short_folder
from tests.support.parts import Parts
from tests.support.process import running
from tests.support.recording import FOLDER, shown
from tests.support.scraped import SCRAPED, Scraped
from tests.support.servers import Prometheus
from tests.support.voices import HEALTHY
from tests.support.waiting import free_port
from tests.support.web import answers
from tests.support.webhook import webhook

SHARE = 1 / 240  # an hour of the rules is 15 s, so that tests need not wait
# Its counters as tripl's own code names them: nobody has recorded a page of it.
TRIPL = """\
tripl_celery_tasks_total{task="collect_metrics",status="success"} 40
tripl_celery_tasks_total{task="collect_metrics",status="failure"} 2
tripl_alert_deliveries_total{status="sent"} 7
tripl_settings_read_failures_total{section="mail"} 1
tripl_metric_check_interval_seconds 300
"""
OLD = (
    '{"timestamp": "2020-01-01 00:00:00,000", "level": "INFO", "message": "Job worker stats",'
    ' "logger": "plain.jobs", "worker_processes": 4, "jobs_requested": 3, "jobs_processing": 1}\n'
    "[INFO] Connecting with password=hunter2hunter2\n"
)

Page = Callable[[], str]
Target = tuple[str, str, str, dict[str, str]]  # job, address, path, labels


@contextmanager
def showing(
    parts: Parts, folder: Path, share: float = SHARE, *, alone: bool = False
) -> Iterator[Prometheus]:
    """All of it, until the block is left, or the demo alone with what carries its alerts.

    The rules wait and look back for a share of their times.
    """
    with ExitStack() as opened:
        enter = opened.enter_context
        one = enter(demo(enter(short_folder())))
        # Who listens to nothing it says would in the end keep it from saying more.
        threading.Thread(target=_heard, args=(one,), daemon=True).start()
        manager = enter(_alertmanager(parts.need("prometheus-alertmanager"), folder, share))
        targets: list[Target] = [("sidewatch", one.address, "/metrics", {})]
        targets.append(("alertmanager", manager, "/metrics", {}))
        if not alone:
            targets += enter(_others(folder))
        yield enter(_prometheus(parts.need("prometheus"), folder, targets, manager, share))


def _heard(one: Demo) -> None:
    assert one.process.stdout is not None
    with suppress(ValueError):  # closed when it ends
        for _ in one.process.stdout:
            pass


@contextmanager
def _others(folder: Path) -> Iterator[list[Target]]:
    """What the demo has not."""
    pages = {f"/{path.stem}": _page_of(path) for path in FOLDER.glob("*.prom")}
    pages |= {f"/own/{name}": page for name, page in _own_pages()}
    with _served(pages) as served, _denied(folder, served) as denied:
        yield [
            ("sidewatch", denied, "/metrics", {}),
            *(
                (path.split("/")[-1], served, path, {"instance": f"recorded{path}"} | _labels(path))
                for path in pages
            ),
        ]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _labels(path: str) -> dict[str, str]:
    """What the targets of native metrics are called by, as the scrape configuration has to."""
    return {"app": path.split("/")[2].partition("-")[0]} if path.startswith("/own/") else {}


def _page_of(path: Path) -> Page:
    return lambda: shown(path)


def _own_pages() -> Iterator[tuple[str, Page]]:
    """What agledger tells minute by minute while it drops things, and what tripl tells."""
    yield "tripl", lambda: TRIPL
    case = next(one for one in SCRAPED if one.signal == "ag-silent-drops")
    for target, well in yamls.read((HEALTHY / "agledger-metrics.yaml").read_text()).items():
        yield f"agledger-{target.partition(':')[0]}", _minutes(case, target, well)


def _minutes(case: Scraped, target: str, well: Mapping[str, Mapping[str, float]]) -> Page:
    """The next minute at each scrape, from just before the fault; the last for ever."""
    course = list(case._pages(target, well))[case.minutes["fault"] - 5 :]
    left = chain(course, repeat(course[-1]))
    return lambda: next(left)


@contextmanager
def _denied(folder: Path, receiver: str) -> Iterator[str]:
    """A sidewatch that reaches neither database nor daemon; its log of long ago is forwarded."""
    own = _made(folder / "denied")
    (own / "old.log").write_text(OLD)
    app = {
        "name": "denied",
        "profile": "pullapprove",
        "postgres": {"url": "postgresql://nobody@127.0.0.1:1/none"},
        "logs": [{"files": [str(own / "old.log")], "service": "old", "from": "beginning"}],
        "files": {"root": {"mount": "/"}},
    }
    discover = {"url": "unix:///nowhere/docker.sock"}
    config = own / "sidewatch.yaml"
    forward = {"central": f"http://{receiver}"}
    config.write_text(
        json.dumps(
            {"state": str(own / "state"), "apps": [app], "discover": discover, "forward": forward}
        )
    )
    address = f"127.0.0.1:{free_port()}"
    command = (sys.executable, "-m", "exporter", "run", "--config", config)
    with running(
        command,
        folder / "denied.log",
        lambda: answers(f"http://{address}/healthz"),
        env={"SIDEWATCH_LISTEN": address},
    ):
        yield address


@contextmanager
def _served(pages: Mapping[str, Page]) -> Iterator[str]:
    """Pages by their paths: the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages[self.path]().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            """Take all records: an empty message says so in OTLP."""
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def _alertmanager(binary: Path, folder: Path, share: float) -> Iterator[str]:
    """One that is a cluster of its own and tells a receiver: its address."""
    own = _made(folder / "alertmanager")
    address, cluster = (f"127.0.0.1:{free_port()}" for _ in range(2))
    with webhook() as hook:
        command = (
            binary,
            f"--config.file={write_routing(own, share, hook.url)}",
            f"--storage.path={own / 'data'}",
            f"--web.listen-address={address}",
            f"--cluster.listen-address={cluster}",
            f"--cluster.advertise-address={cluster}",
        )
        ready = f"http://{address}/-/ready"
        with running(command, own / "log", lambda: answers(ready)):
            yield address


@contextmanager
def _prometheus(
    binary: Path, folder: Path, targets: list[Target], manager: str, share: float
) -> Iterator[Prometheus]:
    address = f"127.0.0.1:{free_port()}"
    jobs = [*targets, ("prometheus", address, "/metrics", {})]
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in write_rules(folder / "rules", share)],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [manager]}]}]},
        "scrape_configs": [
            {
                "job_name": f"{job}-{number}",
                "honor_labels": True,
                "metrics_path": path,
                "static_configs": [{"targets": [target], "labels": labels}],
            }
            for number, (job, target, path, labels) in enumerate(jobs)
        ],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    command = (
        binary,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address={address}",
        "--web.cors.origin=.*",
    )
    url = f"http://{address}"
    with running(command, folder / "prometheus.log", lambda: answers(f"{url}/-/ready")) as child:
        yield Prometheus(url, child)
