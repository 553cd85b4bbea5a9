"""A Podman of the tests' own: its own storage, its own socket, no network, one image."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.support.docker import FIRST, root
from tests.support.process import running
from tests.support.waiting import wait_for

# Locks in files, because those in shared memory are of the whole machine. runc, because crun wants
# to set limits that not every kernel lets it set.
CONFIG = """\
[containers]
netns = "none"
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
[network]
network_config_dir = "{folder}/networks"
"""
STORAGE = """\
[storage]
driver = "vfs"
graphroot = "{folder}/graph"
runroot = "{folder}/run"
"""


@dataclass
class Podman:
    """One storage, and a service for those who speak Docker's API."""

    binary: Path
    folder: Path
    projects: Iterator[int] = field(default_factory=count)
    _stack: ExitStack = field(default_factory=ExitStack)

    @property
    def url(self) -> str:
        """Where the service is found."""
        return f"unix://{self.folder}/s"

    def start(self) -> None:
        """Start the service; it listens then."""
        command = self._command("system", "service", "--time=0", self.url)
        log, socket = self.folder / "log", self.folder / "s"
        service = running(command, log, socket.exists, env=self._environment())
        self._stack.enter_context(service)

    def stop(self) -> None:
        """Stop the service; containers run on, there is no daemon."""
        self._stack.close()
        (self.folder / "s").unlink(missing_ok=True)

    def __call__(self, *words: object) -> str:
        """What `podman WORDS` prints; it must succeed."""
        answer = self.ask(*words)
        assert answer.returncode == 0, f"podman {words}: {answer.stderr}"
        return answer.stdout.strip()

    def ask(self, *words: object, given: bytes = b"") -> subprocess.CompletedProcess[str]:
        """`podman WORDS`, which works on the storage itself, not through the service."""
        done = subprocess.run(
            self._command(*words),
            input=given,
            capture_output=True,
            check=False,
            timeout=60,
            env={**os.environ, **self._environment()},
        )
        out, errors = done.stdout.decode(), done.stderr.decode()
        return subprocess.CompletedProcess(done.args, done.returncode, out, errors)

    def _command(self, *words: object) -> list[str]:
        return [str(self.binary), "--tmpdir", f"{self.folder}/tmp", *map(str, words)]

    def _environment(self) -> dict[str, str]:
        return {
            "CONTAINERS_CONF": f"{self.folder}/containers.conf",
            "CONTAINERS_STORAGE_CONF": f"{self.folder}/storage.conf",
        }

    def project(self) -> str:
        """The name of a compose project that no other test has."""
        return f"shop{next(self.projects)}"

    def run(self, project: str, service: str, script: str, *options: str) -> str:
        """`podman run -d` as podman-compose does it; the container's id."""
        labels = {"project": project, "service": service, "container-number": 1}
        written = [f"--label=com.docker.compose.{name}={value}" for name, value in labels.items()]
        return self("run", "-d", *written, *options, FIRST, "sh", "-c", script)

    def inspect(self, identity: str) -> dict[str, Any]:
        """What `podman inspect` says of a container."""
        (found,) = json.loads(self("inspect", identity))
        return dict(found)

    def events(self, project: str, action: str) -> list[dict[str, Any]]:
        """What `podman events` has told of this project."""
        filters = (
            f"--filter=label=com.docker.compose.project={project}",
            f"--filter=event={action}",
        )
        told = self("events", "--stream=false", "--format=json", *filters)
        return [json.loads(line) for line in told.splitlines()]


@contextmanager
def podman(binary: Path) -> Iterator[Podman]:
    """A storage with its image, and a running service."""
    if os.getuid():
        pytest.skip("podman needs root for storage of its own")
    folder = Path(tempfile.mkdtemp(prefix="pm-", dir="/tmp"))  # a socket's path is short
    one = Podman(binary, folder)
    (folder / "containers.conf").write_text(CONFIG.format(folder=folder))
    (folder / "storage.conf").write_text(STORAGE.format(folder=folder))
    try:
        made = one.ask("import", "-", FIRST, given=root())
        done = made if made.returncode else one.ask("run", "--rm", FIRST, "true")
        if done.returncode:
            last = done.stderr.strip()[-200:]
            pytest.skip(f"the kernel does not let podman run a container ({last})")
        one.start()
        yield one
    finally:
        one.stop()
        one.ask("rm", "--all", "--force", "--time=0")
        wait_for(lambda: _removed(folder), f"nobody to write to {folder}")


def _removed(folder: Path) -> bool:
    """Whether it is gone; what tidies up after each container may still be at work there."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()
