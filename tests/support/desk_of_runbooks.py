"""Where the commands of runbooks are run: real servers, and what an operator has at hand."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.support.compose import alike
from tests.support.pg import BINARIES, Server
from tests.support.servers import Alertmanager

ROOT = Path(__file__).parents[2]
APPLICATIONS = ("agledger", "kodiai", "paas", "pullapprove", "tripl")
READER = "reader"
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
KEY = "the-platform-key"

# What the applications answer, by port and path; a path of AGLedger under /v1 needs the key.
ANSWERS = {
    "8000/up/": "ok",
    "8000/health": '{"status":"ok"}',
    "3000/readiness": '{"status":"ready"}',
    "3001/health/ready": '{"status":"ready","version":"1.3.3"}',
    "3002/health/ready": '{"status":"ready","version":"1.3.3"}',
    "3001/status": '{"status":"operational","components":[]}',
    "3001/v1/admin/system-health": '{"status":"healthy","webhookDeadLetters":0}',
    "3001/v1/auth/me": '{"role":"platform"}',
    "9090/api/v1/alerts": '{"status":"success","data":{"alerts":[]}}',
    "3001/v1/admin/vault/scan": '{"brokenChains":0}',
}

CONFIG = """\
listen: 127.0.0.1:0
state: ./state
apps:
  - name: tripl
    profile: tripl
    logs: [{{files: ["{folder}/FILE"], service: app}}]
    postgres: {{url: "postgresql://reader@/tripl?host={host}&port={port}"}}
"""


class _Answering(BaseHTTPRequestHandler):
    """One server for all of them: curl is told to come here, and names the port it wants."""

    def do_GET(self) -> None:
        port = self.headers["Host"].rpartition(":")[2]
        body = ANSWERS.get(port + self.path)
        if (
            "/v1/" in self.path
            and port == "3001"
            and self.headers["Authorization"] != f"Bearer {KEY}"
        ):
            body = None
        self.send_response(200 if body else 404)
        self.end_headers()
        self.wfile.write((body or "").encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Nothing: who asks tells what it was answered."""


@contextmanager
def answering() -> Iterator[int]:
    """The applications' endpoints on loopback; the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answering)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Desk:
    """A folder to work in, and the environment that leads each tool to its real server.

    `done` holds what was printed by which commands, for many pages show the same ones.
    """

    folder: Path
    environment: Mapping[str, str]
    postgres: Server
    alertmanager: Alertmanager
    done: dict[str, str] = field(default_factory=dict)

    def run(self, script: str) -> None:
        """Run the commands of a block, all of which must succeed; each is run once."""
        for command in map(alike, re.split(r"(?<!\\)\n", script)):
            if command not in self.done:
                self.done[command] = self._run(["bash", "-euo", "pipefail", "-c", command], command)

    def fire(self, alerts: Sequence[Mapping[str, str]]) -> None:
        """Hand alerts with these labels to Alertmanager."""
        body = json.dumps([{"labels": dict(labels)} for labels in alerts]).encode()
        request = urllib.request.Request(
            f"{self.alertmanager.url}/api/v2/alerts",
            body,
            {"Content-Type": "application/json"},
        )
        with _OPENER.open(request, timeout=10):
            pass

    def silenced(self) -> set[str]:
        """The names of alerts that a silence holds back, not another alert."""
        return {
            alert["labels"]["alertname"]
            for alert in self.alertmanager.alerts()
            if alert["status"]["silencedBy"]
        }

    def ask(self, application: str, sql: str) -> str:
        """What a database answers to somebody who may only read."""
        command = ["psql", "-X", "-v", "ON_ERROR_STOP=1", "-U", READER, "-d", application]
        return self._run([*command, "-c", sql], sql)

    def change(self, application: str, sql: str) -> str:
        """What it answers to its owner; nothing stays changed."""
        command = ["psql", "-X", "-v", "ON_ERROR_STOP=1", "-U", application, "-d", application]
        return self._run([*command, "-c", "BEGIN", "-c", sql, "-c", "ROLLBACK"], sql)

    def _run(self, command: list[str], told: str) -> str:
        answer = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=90,
        )
        assert answer.returncode == 0, f"{told}\nended with {answer.returncode}:\n{answer.stdout}"
        return answer.stdout


def databases(postgres: Server) -> None:
    """A database for each application, of its name and its owner's, with its tables and rows."""
    postgres.psql(f"CREATE ROLE {READER} LOGIN; GRANT pg_read_all_data TO {READER}")
    postgres.psql(f"ALTER ROLE {READER} SET default_transaction_read_only = on")
    for name in APPLICATIONS:
        postgres.psql(f"CREATE ROLE {name} LOGIN SUPERUSER")
        postgres.psql(f"CREATE DATABASE {name} OWNER {name}")
        for part in ("schema", "healthy"):
            postgres.psql((ROOT / f"tests/rows/{name}/{part}.sql").read_text(), name)


def at_hand(folder: Path, postgres: Server, alertmanager: Alertmanager, port: int) -> None:
    """The files that commands read: settings of the tools, and what `FILE` stands for."""
    (folder / ".curlrc").write_text(
        f'fail\nconnect-to = ":9093:{alertmanager.address}"\nconnect-to = "::127.0.0.1:{port}"\n'
    )
    for place in ("amtool/config.yml", "prometheus/amtool.yml"):  # its makers' place, and Debian's
        settings = folder / ".config" / place
        settings.parent.mkdir(parents=True)
        settings.write_text(f"alertmanager.url: {alertmanager.url}\nauthor: tests\n")
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    (folder / "rules").symlink_to(ROOT / "rules")
    (folder / "FILE.yaml").symlink_to(ROOT / "rules/tls.yaml")
    (folder / "alertmanager.yaml").symlink_to(ROOT / "rules/alertmanager/alertmanager.yaml")
    (folder / "sidewatch.yaml").write_text(
        CONFIG.format(folder=folder, host=postgres.folder, port=postgres.port)
    )
    (folder / "FOLDER").mkdir()
    (folder / "FILE").write_text("INFO:     Application startup complete.\n")
    (folder / "FILE.gz").write_bytes(gzip.compress(b"-- a dump\n"))
    where = ("-h", str(postgres.folder), "-p", str(postgres.port), "-U", "tripl")
    dump = (str(BINARIES / "pg_dump"), *where, "-Fc", "-f", str(folder / "FILE.dump"), "tripl")
    subprocess.run(dump, check=True)


def environment(folder: Path, postgres: Server, docker: str, project: str) -> dict[str, str]:
    """The environment of commands that are run in `folder`."""
    here = f"host={postgres.folder} port={postgres.port}"
    path = (folder / "bin", Path(sys.executable).parent, BINARIES, os.environ["PATH"])
    return {
        **os.environ,
        "HOME": str(folder),
        "PATH": os.pathsep.join(map(str, path)),
        "PYTHONPATH": str(ROOT),
        "DOCKER_HOST": docker,
        "COMPOSE_PROJECT_NAME": project,
        "PGHOST": str(postgres.folder),
        "PGPORT": str(postgres.port),
        "DATABASE_URL": f"{here} user=kodiai dbname=kodiai",
        "PLATFORM_KEY": KEY,
    }
