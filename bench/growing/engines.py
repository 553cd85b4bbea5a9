"""The curve of containers: one real Docker Engine, and projects of so many containers."""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from growing.effort import Effort
from growing.findings import Curve, Measure
from growing.measure import cpu_seconds, total
from growing.side import sidewatch
from tests.support.docker import Dockerd, dockerd

INTERVAL = 15.0  # seconds between two looks, as it is unless somebody says otherwise
IDLE = "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"
APP = """\
state: ./state
apps:
  - name: shop
    containers: {{project: {project}, url: "{url}", interval: {interval:g}s}}
"""
LOGS = '    logs:\n      - {{docker: {{project: {project}, url: "{url}"}}}}\n'
RUNNING = "watched_service_running_replicas"


def containers(effort: Effort, folder: Path) -> Curve:
    """Containers that do nothing: looked at, and with their logs followed as well."""
    looked = Measure("looked at", "% of a core", plotted=True)
    followed = Measure("with their logs", "% of a core", plotted=True)
    memory, scrape = Measure("memory", "MiB"), Measure("a scrape", "ms")
    threads = Measure("threads", "")
    curve = Curve("containers", "containers", (looked, followed, memory, scrape, threads))
    interval = INTERVAL / 3 if effort.quick else INTERVAL
    with dockerd(Path(shutil.which("dockerd") or "dockerd")) as daemon, ExitStack() as stack:
        version = daemon("version", "--format", "{{.Server.Version}}")
        curve.notes.append(f"Docker Engine {version}, looked at each {interval:g} s")
        projects = {
            number: _project(daemon, number) for number in effort.of((1, 5, 10, 20), (1, 10))
        }
        sides = {}
        for number, project in projects.items():
            for measure, more in ((looked, ""), (followed, LOGS)):
                text = (APP + more).format(project=project, url=daemon.url, interval=interval)
                home = folder / f"{project}-{len(more)}"
                sides[number, measure] = stack.enter_context(sidewatch(home, text))
        for (number, _), side in sides.items():
            side.ready(partial(_shows, number))
        time.sleep(3.0)
        assert daemon.process is not None
        pid = daemon.process.process.pid
        asked = []
        for _ in range(effort.rounds):
            before = {key: side.cpu() for key, side in sides.items()}
            began, there = time.perf_counter(), cpu_seconds(pid)
            time.sleep(interval)
            took = time.perf_counter() - began
            asked.append((cpu_seconds(pid) - there) / took * 100)
            for (number, measure), side in sides.items():
                used = side.cpu() - before[number, measure]
                curve.add(number, measure, used / took * 100)
            for (number, measure), side in sides.items():
                if measure is followed:
                    curve.add(number, memory, side.memory())
                    curve.add(number, threads, side.threads())
                    curve.add(number, scrape, side.scrape())
        told = f"{min(asked):.2f} to {max(asked):.2f} % of a core"
        curve.notes.append(f"the daemon itself, asked by all {len(sides)} of them: {told}")
    return curve


def _shows(number: int, page: str) -> bool:
    return total(page, RUNNING) == number


def _project(daemon: Dockerd, number: int) -> str:
    """A compose project of so many services that do nothing."""
    project = daemon.project()
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(daemon.run, project, f"s{each}", IDLE) for each in range(number)]
        for job in jobs:
            job.result()
    return project
