"""Who reads the same log: sidewatch with either engine, mtail, Fluent Bit; each a whole process.

CPU seconds are those that the operating system accounts to the process, its start included. What
was counted is read from what each tells in Prometheus' text format.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from report import package
from totals import Totals, samples

from exporter.engine import choice

HERE = Path(__file__).parent
PEERS = HERE / "peers"
PATIENCE = 600.0  # seconds that Fluent Bit may take


@dataclass(frozen=True, slots=True)
class Run:
    """What one process cost, in CPU seconds, and what it told at its end."""

    cpu: float
    told: Totals


@dataclass(frozen=True, slots=True)
class Log:
    """A file of so many lines; `name` says which profile, programs and configurations read it."""

    name: str
    profile: str
    path: Path
    lines: int


Reader = Callable[[Log], Run]


def sidewatch(engine: str) -> Reader | None:
    """Ours with this engine; None where it is the compiled one and was not compiled."""
    if engine == choice.COMPILED and not choice.available():
        return None
    # With its bytecode kept, as everybody's installation has it.
    kept = {"PYTHONDONTWRITEBYTECODE": ""}
    environment = {"PYTHONPATH": str(HERE.parent), "SIDEWATCH_ENGINE": engine, **kept}

    def read(log: Log) -> Run:
        command = [sys.executable, "-m", "exporter", "replay", "--profile", log.profile, log.path]
        return _once([*map(str, command)], environment)

    return read


def mtail() -> Reader | None:
    """Debian's mtail with the programs of bench/peers; None where it is not installed."""
    if shutil.which("mtail") is None:
        return None

    def read(log: Log) -> Run:
        options = ("--one_shot", "--one_shot_format=prometheus", "--logtostderr", "--port=0")
        programs = f"--progs={PEERS / f'mtail-{log.name}'}"
        return _once(["mtail", *options, programs, f"--logs={log.path}"], {})

    return read


def fluent_bit(binary: str | None) -> Reader | None:
    """Fluent Bit with the configurations of bench/peers; None where no binary is given.

    It follows the file until it has counted every line; then it is killed, for all it would still
    do is wait.
    """
    if binary is None:
        return None

    def read(log: Log) -> Run:
        folder, port = PEERS / "fluent-bit", _free_port()
        given = {"LOG": str(log.path), "CHUNK": "512k", "PORT": str(port)}
        process = subprocess.Popen(
            [binary, "-c", f"{log.name}.conf"],
            cwd=folder,
            env={**os.environ, **given},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            text = _counted(f"http://127.0.0.1:{port}/metrics", log.lines)
        finally:
            process.kill()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        return Run(usage.ru_utime + usage.ru_stime, samples(text))

    return read


def versions(binary: str | None) -> list[str]:
    """Who took part, with versions; who did not, with why."""
    told = [package("mtail") if shutil.which("mtail") else "mtail not beside"]
    if binary is None:
        return [*told, "Fluent Bit not beside (--fluent-bit names its binary)"]
    answer = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    return [*told, answer.stdout.splitlines()[0].replace("Fluent Bit v", "Fluent Bit ")]


def _once(command: list[str], environment: Mapping[str, str]) -> Run:
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.DEVNULL, env={**os.environ, **environment}
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{' '.join(command)} ended with {process.returncode}")
        out.seek(0)
        return Run(usage.ru_utime + usage.ru_stime, samples(out.read().decode()))


def _counted(url: str, lines: int) -> str:
    """What Fluent Bit tells when it has counted so many lines."""
    patience = time.monotonic() + PATIENCE
    while time.monotonic() < patience:
        time.sleep(0.25)
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                text: str = answer.read().decode()
        except (urllib.error.URLError, ConnectionError):
            continue
        found = re.search(r"^\w*nlines\w*(?:\{\})? (\S+)$", text, re.MULTILINE)
        if found and float(found[1]) >= lines:
            return text
    sys.exit(f"Fluent Bit has not counted {lines} lines within {PATIENCE:.0f} s")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
