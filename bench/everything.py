"""A sidewatch with every source but gRPC, each beside the real part that it watches."""

from __future__ import annotations

import shutil
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import zstandard
from sidecar import Sidecar, sidecar

from tests.support import pg
from tests.support.authority import Authority
from tests.support.docker import dockerd
from tests.support.pushing import said
from tests.support.redis import redis

JOURNALS = Path(__file__).parents[1] / "tests/journal"
PROTOBUF = "application/x-protobuf"
CONFIG = """\
state: state
{outlets}apps:
  - name: pullapprove
    profile: pullapprove
    logs:
      - {{files: ["{folder}/logs/*.log"], service: server, from: beginning}}
      - {{docker: {{project: none, url: "{docker}"}}}}
      - {{journald: {{unit: web.service, directory: "{folder}/journal"}}}}
      - {{otlp: {{shop-api: pushed}}}}
    postgres: {{url: "{postgres}", password_file: password}}
    probes:
      base: "http://127.0.0.1:{web}"
      http: {{ready: {{path: /ready}}}}
      tcp: {{database: {{address: "127.0.0.1:{port}"}}}}
      certificates: "{folder}/*.pem"
    brokers: {{redis: {{redis: "127.0.0.1:{redis}", queues: [mails]}}}}
    containers: {{project: none, url: "{docker}"}}
    files: {{data: {{mount: /}}, logs: {{glob: "{folder}/logs/*", every: 1h}}}}
"""
OUTLETS = """\
push: {{endpoint: "http://127.0.0.1:{web}", interval: 10s}}
forward: {{central: "http://127.0.0.1:{web}"}}
"""
SOURCES = (
    "files, Docker's logs and containers, journald, OTLP in, Postgres with all queue libraries,"
    " HTTP and TCP probes, certificates, Redis, disk"
)


class _Answering(BaseHTTPRequestHandler):
    """Says yes to probes, and takes whatever is sent."""

    def do_GET(self) -> None:
        self._say(b"{}", "application/json")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._say(b"", PROTOBUF)

    def _say(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def everything(folder: Path, *, sending: bool) -> Iterator[Sidecar]:
    """One that watches all of `SOURCES`; `sending`: it forwards its logs and pushes its metrics."""
    (folder / "logs").mkdir(parents=True)
    (folder / "logs/a.log").write_text("INFO A line\n" * 100)
    (folder / "password").write_text("first")
    Authority(folder / "authority")
    shutil.copy(folder / "authority/root.pem", folder)
    (folder / "journal").mkdir()
    packed = (JOURNALS / "boot1.journal.zst").read_bytes()
    journal = zstandard.ZstdDecompressor().decompress(packed)
    (folder / "journal/boot1.journal").write_bytes(journal)
    with (
        _web() as web,
        pg.server() as server,
        redis(_program("redis-server"), folder / "redis") as broker,
        dockerd(_program("dockerd")) as daemon,
    ):
        config = CONFIG.format(
            outlets=OUTLETS.format(web=web) if sending else "",
            web=web,
            folder=folder,
            docker=daemon.url,
            postgres=server.url("watcher", server.database()),
            port=server.port,
            redis=broker,
        )
        with sidecar(folder, config) as one:
            _push(one.port)
            yield one


def _program(name: str) -> Path:
    found = shutil.which(name)
    assert found is not None, f"{name} is not installed: run ./run test"
    return Path(found)


def _push(port: int) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/logs",
        said("level=info msg=pushed"),
        {"Content-Type": PROTOBUF},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        answer.read()


@contextmanager
def _web() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
