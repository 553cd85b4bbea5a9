"""A real Docker Engine of the tests' own: its own data, its own socket, no network, one image."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.support.process import Running, start
from tests.support.waiting import wait_for

BUSYBOX = Path("/bin/busybox")
APPLETS = ("sh", "sleep", "cat", "true", "false", "test", "touch", "rm", "kill")
OPTIONS = ("--bridge=none", "--iptables=false", "--shutdown-timeout=1", "--log-level=warn")
GO = "while ! test -e /go; do sleep 0.1; done"  # a container stands here until `Dockerd.go`
FIRST, SECOND = "shop:1.0", "shop:2.0"  # the same, but for their names and ids


@dataclass
class Dockerd:
    """One daemon. `projects` numbers those of tests, each of which has a compose project alone."""

    binary: Path
    folder: Path
    process: Running | None = None
    projects: Iterator[int] = field(default_factory=count)

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / "s"

    @property
    def url(self) -> str:
        """Where a client finds it."""
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start it and wait until it answers; the test is skipped where the kernel forbids it."""
        command: list[str | Path] = [
            self.binary,
            *OPTIONS,
            *("--data-root", self.folder / "data", "--exec-root", self.folder / "exec"),
            *("--pidfile", self.folder / "pid", "--host", self.url),
        ]
        child = self.process = start(command, self.folder / "log")
        wait_for(lambda: self.answers() or child.process.poll() is not None, "dockerd", within=30)
        if child.process.poll() is not None:
            last = child.output().strip().splitlines()[-1:]
            pytest.skip(f"the kernel does not let dockerd start ({' '.join(last)[-200:]})")

    def stop(self) -> None:
        """Stop it as an operator would."""
        if self.process is not None:
            self.process.stop(within=20)
            self.process = None

    def pause(self) -> None:
        """Let it hang."""
        assert self.process is not None
        self.process.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        if self.process is not None:
            self.process.process.send_signal(signal.SIGCONT)

    def answers(self) -> bool:
        """Whether it answers now."""
        return self._docker("version", timeout=5).returncode == 0

    def __call__(self, *words: object) -> str:
        """What `docker WORDS` prints; it must succeed."""
        answer = self._docker(*words)
        assert answer.returncode == 0, f"docker {words}: {answer.stderr}"
        return answer.stdout.strip()

    def _docker(self, *words: object, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["docker", *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            env={**os.environ, "DOCKER_HOST": self.url},
        )

    def project(self) -> str:
        """The name of a compose project that no other test has."""
        return f"shop{next(self.projects)}"

    def make(self, project: str, service: str, script: str, *options: str, **more: Any) -> str:
        """`docker create` as compose does it; the container's id.

        `image`, `number`, `oneoff` and `config` are what compose writes on it.
        """
        labels = {
            "project": project,
            "service": service,
            "container-number": more.get("number", 1),
            "oneoff": more.get("oneoff", False),
            "config-hash": more.get("config", "a"),
        }
        written = [f"--label=com.docker.compose.{name}={value}" for name, value in labels.items()]
        image = more.get("image", FIRST)
        fixed = ("--network=none", "--stop-timeout=1", *written)
        return self("create", *fixed, *options, image, "sh", "-c", script)

    def run(self, project: str, service: str, script: str, *options: str, **more: Any) -> str:
        """The same, started."""
        identity = self.make(project, service, script, *options, **more)
        self("start", identity)
        return identity

    def go(self, *identities: str) -> None:
        """Let containers go on that wait by `GO`."""
        for identity in identities:
            self("exec", identity, "touch", "/go")

    def inspect(self, identity: str) -> dict[str, Any]:
        """What `docker inspect` says of a container."""
        (found,) = json.loads(self("inspect", identity))
        return dict(found)

    def wait(self, identity: str) -> int:
        """The code that a container ends with, once it has."""
        return int(self("wait", identity))

    def events(self, project: str, action: str) -> list[dict[str, Any]]:
        """What `docker events` has told of this project since the daemon was started."""
        filters = ("--filter", f"label=com.docker.compose.project={project}")
        told = self(
            *("events", "--since", "0", "--until", f"{time.time():.9f}", "--format", "{{json .}}"),
            *(*filters, "--filter", f"event={action}"),
        )
        return [json.loads(line) for line in told.splitlines()]

    def limits_memory(self) -> None:
        """The test is skipped where the kernel has no limits of memory to give."""
        if self("info", "--format", "{{.MemoryLimit}}") != "true":
            pytest.skip("the kernel does not let docker limit memory")

    def image(self) -> None:
        """Make the images of a root that holds busybox alone."""
        packed = root()
        for name in (FIRST, SECOND):
            subprocess.run(
                ["docker", "import", "-", name],
                input=packed,
                capture_output=True,
                check=True,
                env={**os.environ, "DOCKER_HOST": self.url},
            )

    def clear(self) -> None:
        """Remove every container."""
        self.resume()
        if identities := self("ps", "-aq").split():
            self._docker("rm", "-f", *identities)


def root() -> bytes:
    """A root file system as a tar archive."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(BUSYBOX, "bin/busybox")
        for name in APPLETS:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    return packed.getvalue()


@contextmanager
def dockerd(binary: Path) -> Iterator[Dockerd]:
    """A running daemon with its images."""
    if os.getuid():
        pytest.skip("dockerd needs root")
    folder = Path(tempfile.mkdtemp(prefix="dk-", dir="/tmp"))  # a socket's path is short
    one = Dockerd(binary, folder)
    try:
        one.start()
        one.image()
        yield one
        with suppress(AssertionError):
            one.clear()
    finally:
        one.resume()
        one.stop()
        shutil.rmtree(folder, ignore_errors=True)
