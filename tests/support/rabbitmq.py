"""A real RabbitMQ of the tests' own: its node, its port mapper, its folders, nobody else's."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

from tests.support.process import running
from tests.support.waiting import free_port

PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
USER, PASSWORD = "baker", "yeast-7"
CONFIG = """\
listeners.tcp.default = 127.0.0.1:{amqp}
management.tcp.ip = 127.0.0.1
management.tcp.port = {management}
default_user = {user}
default_pass = {password}
collect_statistics_interval = 500
management.sample_retention_policies.global.minute = 1
management.sample_retention_policies.basic.minute = 1
management.sample_retention_policies.detailed.10 = 1
disk_free_limit.absolute = 1MB
"""


@dataclass
class Server:
    """One broker. `vhosts` numbers those made for tests."""

    folder: Path
    amqp: int = field(default_factory=free_port)
    management: int = field(default_factory=free_port)
    mapper: int = field(default_factory=free_port)
    distribution: int = field(default_factory=free_port)
    vhosts: Iterator[int] = field(default_factory=count)
    stack: ExitStack = field(default_factory=ExitStack)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where its management answers."""
        return f"http://127.0.0.1:{self.management}"

    @property
    def base(self) -> str:
        """The same as sidewatch's settings spell it, with whom it lets do everything."""
        return f"{{url: '{self.url}', auth: {{user: {USER}, password: {PASSWORD}}}}}"

    def configure(self) -> None:
        """Write its files."""
        words = {"amqp": self.amqp, "management": self.management}
        text = CONFIG.format(**words, user=USER, password=PASSWORD)
        (self.folder / "rabbitmq.conf").write_text(text)
        (self.folder / "plugins").write_text("[rabbitmq_management].")

    def environment(self) -> dict[str, str]:
        """What keeps it apart from every other broker of this machine."""
        return {
            "HOME": str(self.folder),  # where the cookie is
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self.mapper),
            "RABBITMQ_BASE": str(self.folder),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq"),
            "RABBITMQ_DIST_PORT": str(self.distribution),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_NODENAME": f"sidewatch-{self.amqp}@localhost",
            "RABBITMQ_NODE_PORT": str(self.amqp),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none",
            "RUNNING_UNDER_SYSTEMD": "true",  # no shell between us and it
        }

    def start(self) -> None:
        """Start it; its management answers then."""
        log, environment = self.folder / "output", self.environment()
        node = running([PROGRAM], log, self.answers, env=environment, within=60)
        self.process = self.stack.enter_context(node).process

    def stop(self) -> None:
        """End it, if it runs; gently it takes seconds."""
        if self.process is not None:
            self.process.kill()
        self.stack.close()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Let it keep its connections and do nothing, until the block is left."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def control(self, *words: str) -> None:
        """Tell it something that its API has no word for."""
        env = {**os.environ, **self.environment()}
        subprocess.run([PROGRAM.with_name("rabbitmqctl"), *words], env=env, check=True)

    def answers(self) -> bool:
        """Whether it tells of its node, with numbers."""
        try:
            return "uptime" in self.ask("GET", "/api/nodes")[0]
        except AssertionError:  # its page is up before all that it tells of
            return False

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """What its API answers. Raises OSError."""
        pair = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                text = answer.read()
        except HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.read().decode()}") from error
        return json.loads(text) if text else None

    def vhost(self) -> Vhost:
        """A new vhost."""
        name = f"bakery/{next(self.vhosts)}"
        self.ask("PUT", f"/api/vhosts/{quote(name, safe='')}")
        self.allow(name, USER, ".*")
        return Vhost(self, name)

    def allow(self, vhost: str, user: str, pattern: str) -> None:
        """Let somebody do something in a vhost."""
        rights = dict.fromkeys(("configure", "write", "read"), pattern)
        self.ask("PUT", f"/api/permissions/{quote(vhost, safe='')}/{user}", rights)

    def user(self, name: str, tags: str) -> None:
        """A new user, whose password is the name."""
        self.ask("PUT", f"/api/users/{name}", {"password": name, "tags": tags})


@dataclass(frozen=True)
class Vhost:
    """A vhost of one test's own."""

    server: Server
    name: str

    @property
    def amqp(self) -> str:
        """Where programs find it."""
        where = f"127.0.0.1:{self.server.amqp}/{quote(self.name, safe='')}"
        return f"amqp://{USER}:{PASSWORD}@{where}"

    def declare(self, queue: str, *, durable: bool = True, auto_delete: bool = False) -> None:
        """Make a queue."""
        body = {"durable": durable, "auto_delete": auto_delete}
        self.server.ask("PUT", self._path("queues", queue), body)

    def delete(self, queue: str) -> None:
        """Take a queue away."""
        self.server.ask("DELETE", self._path("queues", queue))

    def publish(self, queue: str, count: int) -> None:
        """Put messages into a queue, on disk where it is durable."""
        path = self._path("exchanges", "amq.default") + "/publish"
        properties = {"delivery_mode": 2}
        body = {"properties": properties, "payload": "bun", "payload_encoding": "string"}
        for _ in range(count):
            answer = self.server.ask("POST", path, {**body, "routing_key": queue})
            assert answer == {"routed": True}

    def take(self, queue: str, count: int) -> None:
        """Take messages out of a queue, for good."""
        body = {"count": count, "ackmode": "ack_requeue_false", "encoding": "auto"}
        taken = self.server.ask("POST", self._path("queues", queue) + "/get", body)
        assert len(taken) == count

    def _path(self, what: str, name: str) -> str:
        return f"/api/{what}/{quote(self.name, safe='')}/{quote(name, safe='')}"


@contextmanager
def rabbitmq(folder: Path) -> Iterator[Server]:
    """A broker, and the port mapper that it needs."""
    mapper = shutil.which("epmd")
    assert mapper is not None, "epmd comes with rabbitmq-server"
    server = Server(folder)
    server.configure()
    command = [mapper, "-address", "127.0.0.1", "-port", str(server.mapper)]
    with running(command, folder / "mapper", lambda: True):
        try:
            server.start()
            yield server
        finally:
            server.stop()
