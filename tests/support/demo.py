"""`sidewatch demo` as a process: started by any user, and looked at from outside."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from exporter.demo.postgres import installed
from tests.support.parts import Parts
from tests.support.waiting import free_port, wait_for
from tests.support.web import get

ROOT = Path(__file__).parents[2]
APPS = {"pullapprove", "kodiai"}


def note(parts: Parts) -> None:
    """Name the real server that comes in the wheel."""
    program = installed(Path()).binaries / "postgres"
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    parts.note("postgres of the demo's wheel", told.stdout.split()[-1])


class Demo:
    """The command in a session of its own, with `folder` for temporary files."""

    def __init__(
        self,
        folder: Path,
        *options: str,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        alerts: bool = False,
    ) -> None:
        self.folder = folder
        self.address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{self.address}"
        command = [sys.executable, "-m", "exporter", "demo", "--fast", "--seed", "1", *options]
        command += [] if alerts else ["--no-alerts"]
        self.process = subprocess.Popen(
            [*_as_user(user), *command],
            cwd=ROOT,
            env={
                **os.environ,
                "TMPDIR": str(folder),
                "SIDEWATCH_LISTEN": self.address,
                **(env or {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def serves(self) -> str:
        """The page, as soon as it has both applications."""
        return wait_for(lambda: self._page(r"watched_\w+"), "both applications", within=10)

    def asks(self) -> str:
        """The page, as soon as both databases answer."""
        return wait_for(lambda: self._page("watched_postgres_up", "1.0"), "databases", within=60)

    def _page(self, metric: str, value: str = ".*") -> str | None:
        page = get(f"{self.url}/metrics").decode()
        apps = set(re.findall(rf'^{metric}{{app="(\w+)".* {value}$', page, re.MULTILINE))
        return page if apps == APPS else None

    def end(self) -> tuple[int, str]:
        """Its exit code and all that it said, when it has ended by itself."""
        said, _ = self.process.communicate(timeout=30)
        return self.process.returncode, said

    def left(self) -> bool:
        """Whether a process of its session still lives."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, 0)
            return True
        return False


@contextmanager
def demo(
    folder: Path,
    *options: str,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    alerts: bool = False,
) -> Iterator[Demo]:
    """The demo while the block lasts; Prometheus, which costs time, only with `alerts`."""
    one = Demo(folder, *options, env=env, user=user, alerts=alerts)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.wait()
        if one.process.stdout is not None:
            one.process.stdout.close()


def _as_user(user: str | None) -> list[str]:
    """What runs a command as another user.

    It may read everything, because the Python of the tests may lie in the home of root, and so may
    PostgreSQL: initdb asks access(2), which knows of that right only with `no_setuid_fixup`.
    """
    if user is None:
        return []
    entry, may = pwd.getpwnam(user), "-all,+dac_override"
    ids = [f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
    caps = [f"--inh-caps={may}", f"--ambient-caps={may}"]
    return ["setpriv", "--securebits=+no_setuid_fixup", *ids, *caps]


@contextmanager
def short_folder(user: str | None = None) -> Iterator[Path]:
    """A folder for temporary files, with a path that leaves room for a socket's name."""
    folder = Path(tempfile.mkdtemp(prefix="sw-", dir="/tmp"))
    try:
        if user is not None:
            entry = pwd.getpwnam(user)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def processes_in(folder: Path) -> dict[int, str]:
    """The processes that work in this folder, with their commands; those that ended are none."""
    found = {}
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (each / "cwd").readlink().is_relative_to(folder):
                found[int(each.name)] = (each / "cmdline").read_text().replace("\0", " ")
    return found


def shared_memory_of(pids: set[int]) -> list[str]:
    """The segments of System V's shared memory that these processes made."""
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return [line for line in lines if int(line.split()[4]) in pids]
