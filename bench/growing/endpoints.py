"""The curve of probes: one nginx, asked at so many paths."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from growing.effort import Effort
from growing.findings import Curve, Measure
from growing.measure import total
from growing.side import Side, sidewatch
from tests.support.nginx import nginx
from tests.support.waiting import free_port

INTERVAL = 15.0  # seconds, as it is unless somebody says otherwise
SERVER = """\
server {{
    listen 127.0.0.1:{port};
    location / {{
        default_type application/json;
        return 200 '{{"status": "ok", "version": "1.4.2", "database": "connected"}}';
    }}
}}
"""
SUCCESS = "watched_probe_success"


@contextmanager
def healthy(folder: Path) -> Iterator[int]:
    """An nginx whose every path says that it is well; its port."""
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    port = free_port()
    servers = SERVER.format(port=port)
    with nginx(Path(binary), folder / "nginx", servers, port):
        yield port


def config(port: int, number: int, interval: float) -> str:
    """So many probes, each of which wants a word in the JSON of its answer."""
    probes = "".join(
        f"        p{at}: {{path: /health/{at}, json: {{status: ok}}}}\n" for at in range(number)
    )
    return (
        "state: ./state\napps:\n  - name: shop\n    probes:\n"
        f'      base: "http://127.0.0.1:{port}"\n      interval: {interval:g}s\n'
        f"      http:\n{probes}"
    )


def shows(number: int, page: str) -> bool:
    """Whether a page has so many probes, all of them well."""
    return total(page, SUCCESS) == number


def probes(effort: Effort, folder: Path) -> Curve:
    """All at work at the same time, each sidewatch with its own probes at the default interval."""
    used = Measure("CPU", "% of a core", plotted=True)
    each, memory = Measure("a probe", "ms CPU"), Measure("memory", "MiB")
    scrape, threads = Measure("a scrape", "ms"), Measure("threads", "")
    curve = Curve("probes", "probes", (used, each, scrape, memory, threads))
    interval = INTERVAL / 3 if effort.quick else INTERVAL
    with healthy(folder) as port, ExitStack() as stack:
        sides: dict[int, Side] = {
            number: stack.enter_context(
                sidewatch(folder / f"probes{number}", config(port, number, interval))
            )
            for number in effort.of((1, 10, 100, 500, 2_000), (10, 100, 500))
        }
        for number, side in sides.items():
            side.ready(partial(shows, number))
        time.sleep(2.0)
        for _ in range(effort.rounds):
            before = {number: side.cpu() for number, side in sides.items()}
            began = time.perf_counter()
            time.sleep(interval)
            took = time.perf_counter() - began
            for number, side in sides.items():
                spent = side.cpu() - before[number]
                curve.add(number, used, spent / took * 100)
                curve.add(number, each, spent / (number * took / interval) * 1e3)
            for number, side in sides.items():
                curve.add(number, scrape, side.scrape())
                curve.add(number, memory, side.memory())
                curve.add(number, threads, side.threads())
    return curve
