"""A sidewatch that runs as an operator would run it, in a process of its own."""

from __future__ import annotations

import os
import re
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import costs
from tests.support.process import Running, running
from tests.support.waiting import free_port

PROGRAM = ("-m", "exporter")
# What a machine of developers sets, and an operator's does not.
UNSET = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")


@dataclass(frozen=True)
class Sidecar:
    """One that answers."""

    port: int
    child: Running

    @property
    def pid(self) -> int:
        return self.child.process.pid

    def page(self) -> str:
        """What a scrape gets."""
        return page(self.port)

    def cpu(self) -> float:
        return costs.cpu(self.pid)

    def pss(self) -> float:
        return costs.pss(self.pid)


def page(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


def value(text: str, metric: str) -> float:
    """The sum of a metric's samples on a page."""
    found = re.findall(rf"^{metric}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
    return sum(map(float, found))


def series(text: str) -> int:
    return sum(not line.startswith("#") for line in text.splitlines())


def answers(port: int) -> bool:
    try:
        return bool(page(port))
    except OSError:
        return False


def environment(port: int, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The whole environment of one that listens there."""
    kept = {name: value for name, value in os.environ.items() if name not in UNSET}
    return {**kept, "SIDEWATCH_LISTEN": f"127.0.0.1:{port}", **(more or {})}


@contextmanager
def sidecar(
    folder: Path, config: str, program: Sequence[str] = PROGRAM, within: float = 60.0
) -> Iterator[Sidecar]:
    """One that watches what the configuration says, until the block is left."""
    (folder / "sidewatch.yaml").write_text(config)
    port = free_port()
    command = ["env", *(f"--unset={name}" for name in UNSET), sys.executable, *program]
    command += ["run", "--config", str(folder / "sidewatch.yaml")]
    listen = {"SIDEWATCH_LISTEN": f"127.0.0.1:{port}"}
    with running(
        command, folder / "log", lambda: answers(port), env=listen, within=within
    ) as child:
        yield Sidecar(port, child)
