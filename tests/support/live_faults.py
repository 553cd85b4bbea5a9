"""Applications and what befalls each: real files, rows, containers, endpoints, certificates."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.authority import Authority
from tests.support.docker import SECOND, Dockerd
from tests.support.live import MINUTE, Fault, Pace
from tests.support.pg import Server

TABLES = Path(__file__).parents[2] / "exporter/demo/tables"
WORKS = "trap 'exit 0' TERM; sleep 10000 & wait"
LOOK = 15.0  # how often sidewatch asks, in seconds
BEAT = 60.0

# Real lines, from the project's seed samples (captured from the real formatters).
STATS = (
    "[INFO] Job worker stats worker_processes=2 worker_queues=default jobs_requested=0"
    " jobs_processing=0 worker_max_processes=2 worker_max_jobs_per_process=None"
)
REQUEST = (
    '[INFO] Request method=POST path="/webhooks/github/" query="" status={status} duration_ms=41'
    ' size=2 ip="140.82.115.7" user_agent="GitHub-Hookshot/0cc5b77" referer=""'
)
KODIAI = '{{"level":30,"time":{ms},"pid":1,"hostname":"ca-kodiai--0000123-7c9d8f6b5-x2k4q",{rest}}}'


@dataclass
class Log:
    """A log file; `now_and_then` writes a line when the last one is old enough."""

    path: Path
    every: float
    _last: float = 0.0

    def __post_init__(self) -> None:
        self.path.touch()

    def say(self, *lines: str) -> None:
        with self.path.open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def now_and_then(self, *lines: str) -> None:
        if time.monotonic() - self._last >= self.every:
            self._last = time.monotonic()
            self.say(*lines)

    def settings(self, service: str) -> dict[str, Any]:
        return {"logs": [{"files": [str(self.path)], "service": service}]}


@dataclass
class Machine:
    """Where the applications are: a folder, and at what pace."""

    folder: Path
    pace: Pace
    stack: ExitStack = field(default_factory=ExitStack)

    def log(self, app: str) -> Log:
        return Log(self.folder / f"{app}.log", self.pace.of(BEAT / 2))

    def database(self, server: Server, tables: str) -> str:
        """A database with an application's tables, which the watcher may read."""
        name = server.database()
        server.psql((TABLES / f"{tables}.sql").read_text(), name)
        server.psql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO watcher", name)
        return name

    def asks(self, server: Server, database: str) -> dict[str, Any]:
        url = server.url("watcher", database)
        return {"postgres": {"url": url, "password": "first", "interval": self.pace.text(LOOK)}}


# -- logs -----------------------------------------------------------------------------------------


def webhooks(here: Machine) -> Fault:
    """Webhooks are answered with a 500; then with a 200 again, many of them."""
    log = here.log("webhooks")
    return Fault(
        "webhooks",
        "WatchedHttpErrors",
        "page",
        MINUTE,
        {"profile": "pullapprove", **log.settings("server")},
        begin=lambda: log.say(*[REQUEST.format(status=500)] * 30),
        mend=lambda: log.say(*[REQUEST.format(status=200)] * 900),
        speak=lambda: log.now_and_then(REQUEST.format(status=200)),
    )


def heartbeat(here: Machine) -> Fault:
    """The worker says no more that it lives; the last time was up to half an interval ago."""
    log = here.log("heartbeat")
    return Fault(
        "heartbeat",
        "WatchedHeartbeatMissing",
        "page",
        2 * BEAT + MINUTE,
        {
            "profile": "pullapprove",
            "heartbeats": {"worker_stats": here.pace.text(BEAT)},
            **log.settings("worker"),
        },
        begin=lambda: None,
        mend=lambda: log.say(STATS),
        speak=lambda: log.now_and_then(STATS),
    )


# -- databases ------------------------------------------------------------------------------------


@contextmanager
def readiness() -> Iterator[tuple[str, Callable[[int], None]]]:
    """An application's readiness; its base, and what sets the status that it answers."""
    status = [200]

    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"status": "ready"}'
            self.send_response(status[0] if self.path == "/readiness" else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's name
            """Say nothing on the tests' output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Ready)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield (
            f"http://127.0.0.1:{server.server_port}",
            lambda wanted: status.__setitem__(0, wanted),
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def database_stopped(here: Machine, own: Server, base: str, answer: Any) -> Fault:
    """The server ends, and a minute later the application finds that it is not ready."""
    name = here.database(own, "kodiai")
    probe = {"path": "/readiness", "kind": "readiness"}
    later = threading.Timer(here.pace.of(MINUTE), answer, [503])
    here.stack.callback(later.cancel)

    def begin() -> None:
        own.stop()
        later.start()

    def mend() -> None:
        own.start()
        answer(200)

    return Fault(
        "stopped",
        "WatchedPostgresDown",
        "page",
        2 * MINUTE,
        {
            **here.asks(own, name),
            "probes": {"base": base, "interval": here.pace.text(LOOK), "http": {"app": probe}},
        },
        begin,
        mend,
        held=frozenset({"WatchedNotReady"}),
    )


def locked(here: Machine, server: Server) -> Fault:
    """Somebody locks a table and goes to lunch."""
    name = here.database(server, "pullapprove")
    lock = "LOCK TABLE plainjobs_jobrequest IN ACCESS EXCLUSIVE MODE"
    sessions: list[subprocess.Popen[str]] = []

    def end() -> None:
        for one in sessions:
            one.kill()
            one.communicate()
        sessions.clear()

    here.stack.callback(end)
    return Fault(
        "locked",
        "SidewatchQueryStale",
        "ticket",
        3 * LOOK + 5 * MINUTE,
        {"profile": "pullapprove", **here.asks(server, name)},
        begin=lambda: sessions.append(server.session(name, "BEGIN", lock)),
        mend=end,
    )


def stuck(here: Machine, server: Server) -> Fault:
    """A webhook is marked as being processed, by a process that is dead."""
    name = here.database(server, "kodiai")
    row = (
        "INSERT INTO webhook_queue (source, headers, body, queued_at, claimed_at, status) VALUES"
        " ('github', '{}', '{}', now() - interval '30 min', now() - interval '20 min',"
        " 'processing')"
    )
    return Fault(
        "stuck",
        "WatchedQueueStuck",
        "ticket",
        5 * MINUTE,
        {"profile": "kodiai", **here.asks(server, name)},
        begin=lambda: server.psql(row, name),
        mend=lambda: server.psql("UPDATE webhook_queue SET status = 'completed'", name),
    )


# -- containers -----------------------------------------------------------------------------------


def _contained(here: Machine, docker: Dockerd, project: str) -> dict[str, Any]:
    interval = here.pace.text(LOOK)
    return {"containers": {"url": docker.url, "project": project, "interval": interval}}


def worker_killed(here: Machine, docker: Dockerd) -> Fault:
    """A worker is killed by the kernel, and with it its sign of life goes."""
    project, log = docker.project(), here.log("killed")
    worker = docker.run(project, "worker", WORKS)

    def mend() -> None:
        docker("start", worker)
        log.say(STATS)

    return Fault(
        "killed",
        "WatchedServiceDown",
        "page",
        MINUTE,
        {
            "profile": "pullapprove",
            "heartbeats": {"worker_stats": here.pace.text(BEAT)},
            **log.settings("worker"),
            **_contained(here, docker, project),
        },
        begin=lambda: os.kill(docker.inspect(worker)["State"]["Pid"], signal.SIGKILL),
        mend=mend,
        held=frozenset({"WatchedHeartbeatMissing"}),
        speak=lambda: log.now_and_then(STATS),
    )


def oneshot(here: Machine, docker: Dockerd) -> Fault:
    """A migration fails, and is run again."""
    project = docker.project()
    docker.run(project, "server", WORKS)
    return Fault(
        "oneshot",
        "WatchedOneshotFailed",
        "page",
        0.0,
        {"profile": "pullapprove", **_contained(here, docker, project)},
        begin=lambda: docker.run(project, "migrate", "exit 3"),
        mend=lambda: docker.run(project, "migrate", "exit 0"),
    )


def deploy(here: Machine, docker: Dockerd) -> Fault:
    """kodiai drains, ends and is replaced, as its logs and its containers tell it."""
    project, log = docker.project(), here.log("deploy")
    old = docker.run(project, "kodiai", WORKS)

    def say(message: str, more: str = "") -> None:
        log.say(KODIAI.format(ms=int(time.time() * 1000), rest=f'{more}"msg":"{message}"'))

    def ends() -> None:
        say("Graceful drain completed successfully", '"drainMs":21000,')
        docker("stop", old)
        docker("rm", old)

    def starts() -> None:
        docker.run(project, "kodiai", WORKS, image=SECOND)
        say("Kodiai server started", '"port":3000,"idleBudgetSeconds":60,')

    steps = [
        threading.Timer(here.pace.of(after), step)
        for after, step in ((MINUTE, ends), (1.5 * MINUTE, starts))
    ]

    def begin() -> None:
        more = (
            '"signal":"SIGTERM","graceMs":300000,"activeRequests":0,"activeJobs":1,"activeTotal":1,'
        )
        say("Shutdown signal received, starting graceful drain", more)
        for one in steps:
            one.start()

    for one in steps:
        here.stack.callback(one.cancel)
    return Fault(
        "deploy",
        "",
        "",
        0.0,
        {"profile": "kodiai", **log.settings("kodiai"), **_contained(here, docker, project)},
        begin,
    )


# -- files ----------------------------------------------------------------------------------------


def certificate(here: Machine, authority: Authority) -> Fault:
    """It ends within a day, since who should have renewed it did not."""
    path = here.folder / "certs/fullchain.pem"
    path.parent.mkdir()

    def lasts(left: timedelta) -> None:
        new = path.with_suffix(".new")
        issued = authority.issue("shop.example", ["shop.example"], left)
        new.write_bytes(issued.certificate.read_bytes())
        new.replace(path)

    lasts(timedelta(days=80))
    files = {"files": [str(path)], "interval": here.pace.text(LOOK)}
    return Fault(
        "certificate",
        "WatchedTlsExpired",
        "page",
        5 * MINUTE,
        {"probes": {"certificates": files}},
        begin=lambda: lasts(timedelta(hours=12)),
        mend=lambda: lasts(timedelta(days=90)),
    )


def backup(here: Machine) -> Fault:
    """No backup comes any more; the last one came a moment ago."""
    folder, number = here.folder / "backups", iter(range(10_000))
    folder.mkdir()
    last = [0.0]

    def back_up() -> None:
        if time.monotonic() - last[0] >= here.pace.of(BEAT):
            last[0] = time.monotonic()
            (folder / f"{next(number):05}.dump").write_bytes(bytes(5000))

    def mend() -> None:
        last[0] = 0.0
        back_up()

    mend()
    watch = {"backups": {"glob": str(folder / "*.dump"), "every": here.pace.text(2 * MINUTE)}}
    return Fault(
        "backup",
        "WatchedFileStale",
        "ticket",
        3 * MINUTE + 5 * MINUTE,
        {"files": watch},
        begin=lambda: None,
        mend=mend,
        speak=back_up,
    )


def quick(here: Machine, own: Server) -> Sequence[Fault]:
    """Three that need no container."""
    base, answer = here.stack.enter_context(readiness())
    return [webhooks(here), heartbeat(here), database_stopped(here, own, base, answer)]
