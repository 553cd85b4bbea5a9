"""A Prometheus and an Alertmanager of the demo's own: real alerts, from /metrics to a receiver.

Both are those that are found on PATH. They listen on loopback, on ports of their own, write into
the demo's folder and nowhere else, and end when the demo does, however that ends.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from msgspec import Struct

from exporter.demo.children import child, ending_with_us, last_word
from exporter.demo.hurried import write_routing, write_rules
from exporter.errors import SidewatchError

MANAGERS = ("prometheus-alertmanager", "alertmanager")  # as Debian calls it, and as its makers do
LOOKS, LOOK_SECONDS = 150, 0.2


class NoPagerError(SidewatchError):
    """There is none; the text is a sentence that says why, and what would help."""


class Programs(Struct, frozen=True):
    """Where they are, and what stands before each so that it ends with us."""

    prometheus: str
    alertmanager: str
    guard: tuple[str, ...]


class Addresses(Struct, frozen=True):
    """Where both listen: HOST:PORT."""

    prometheus: str
    alertmanager: str


def programs() -> Programs:
    """Find what is needed. Raises NoPagerError."""
    prometheus = shutil.which("prometheus")
    manager = next(filter(None, map(shutil.which, MANAGERS)), None)
    if prometheus is None or manager is None:
        raise NoPagerError(
            "With Prometheus and Alertmanager (on Debian: apt-get install prometheus "
            "prometheus-alertmanager) it shows each message that reaches a receiver: alerts that "
            "fire and resolve."
        )
    setpriv = shutil.which("setpriv")
    if not sys.platform.startswith("linux") or setpriv is None:
        raise NoPagerError("Prometheus and Alertmanager need Linux and setpriv (of util-linux).")
    return Programs(prometheus, manager, ending_with_us(setpriv, "KILL"))


def addresses() -> Addresses:
    """Free ones; both are held until the second is found, so that they differ."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    try:
        return Addresses(*(f"127.0.0.1:{one.getsockname()[1]}" for one in held))
    finally:
        for one in held:
            one.close()


@asynccontextmanager
async def pager(
    what: Programs, folder: Path, where: Addresses, target: str, receiver: str, share: float
) -> AsyncIterator[Sequence[Process]]:
    """Both, scraping `target` (HOST:PORT), telling the receiver, with `share` of the rules' times.

    To be entered in the main thread. Raises NoPagerError.
    """
    own = folder / "alerts"
    own.mkdir()
    rules = write_rules(own / "rules", share)
    config = write_prometheus(own, target, where.alertmanager, rules, share)
    routing = write_routing(own, share, receiver)
    manager = (
        what.alertmanager,
        f"--config.file={routing}",
        f"--storage.path={own / 'alertmanager'}",
        f"--web.listen-address={where.alertmanager}",
        "--cluster.listen-address=",
    )
    prometheus = (
        what.prometheus,
        f"--config.file={config}",
        f"--storage.tsdb.path={own / 'prometheus'}",
        f"--web.listen-address={where.prometheus}",
    )
    async with (
        _answering("Alertmanager", (*what.guard, *manager), own, where.alertmanager) as first,
        _answering("Prometheus", (*what.guard, *prometheus), own, where.prometheus) as second,
    ):
        yield (first, second)


@asynccontextmanager
async def _answering(
    name: str, command: Sequence[str], folder: Path, address: str
) -> AsyncIterator[Process]:
    """A program from when it is ready until the block is left."""
    log = folder / f"{name.lower()}.log"
    async with AsyncExitStack() as stack:
        try:
            process = await stack.enter_async_context(child(command, folder, log, signal.SIGTERM))
        except OSError as error:
            raise NoPagerError(f"The demo's {name} cannot be started: {error}.") from None
        for _ in range(LOOKS):
            if process.returncode is not None or await asyncio.to_thread(_ready, address):
                break
            await asyncio.sleep(LOOK_SECONDS)
        if process.returncode is not None or not await asyncio.to_thread(_ready, address):
            raise NoPagerError(f"The demo's {name} does not start: {last_word(log)}")
        yield process


def write_prometheus(
    folder: Path, target: str, manager: str, rules: Sequence[Path], share: float
) -> Path:
    """A configuration with which Prometheus scrapes the demo and evaluates these rules."""
    every = f"{max(1, round(20 * share))}s"
    config = {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": [str(path) for path in rules],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [manager]}]}]},
        "scrape_configs": [
            {
                "job_name": "sidewatch",
                "honor_labels": True,
                "static_configs": [{"targets": [target]}],
            }
        ],
    }
    path = folder / "prometheus.yml"
    path.write_text(json.dumps(config, indent=2))  # JSON is YAML
    return path


def _ready(address: str) -> bool:
    connection = http.client.HTTPConnection(address, timeout=1.0)
    try:
        connection.request("GET", "/-/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
