"""What a sidewatch costs that has little to do: CPU, latency, start, memory; of the real process.

`./run bench footprint [idle|latency|start|memory ...]`, by default all of them. Idle means that
the files are there and nobody appends. Each table says for how long or how often it was measured.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

from everything import everything
from sidecar import PROGRAM, Sidecar, answers, environment, series, sidecar

from tests.support import costs
from tests.support.waiting import free_port

ROOT = Path(__file__).parents[1]
SCRAPE_SECONDS = 15.0
SETTLE_SECONDS = 12.0  # past the first looks, the first save, and the news of other starts
VALUES = 3000
PLAIN = """\
state: state
apps:
  - name: pullapprove
    profile: pullapprove
    logs:
      - {{files: ["{logs}/*.log"], service: server}}
"""
MANY = """\
state: state
apps:
  - name: pullapprove
    profile: pullapprove
    metrics: {{shop_orders_total: {{type: counter, help: Orders., labels: [customer]}}}}
    limits: {{shop_orders_total: 100000}}
    rules:
      - {{message: ordered, count: {{shop_orders_total: {{customer: customer}}}}}}
    logs:
      - {{files: ["{logs}/*.log"], service: server, from: beginning}}
"""


def idle(folder: Path, seconds: float) -> None:
    """CPU and wake-ups of processes that have nothing to do, all side by side."""
    print(f"\nidle for {seconds:g} s: nothing is appended")
    print("  files  scraped      CPU, % of a core   wake-ups/s   threads   PSS, MiB")
    with ExitStack() as stack:
        kinds = list(itertools.product((10, 1000), (False, True)))
        at_work = []
        for files, scraped in kinds:
            here = folder / f"idle-{files}-{scraped}"
            logs = _logs(here, files)
            at_work.append(stack.enter_context(sidecar(here, PLAIN.format(logs=logs))))
        time.sleep(SETTLE_SECONDS)
        before = [(time.monotonic(), costs.fine_cpu(x.pid), costs.wakes(x.pid)) for x in at_work]
        _scrape([one for (_, scraped), one in zip(kinds, at_work, strict=True) if scraped], seconds)
        for (files, scraped), one, then in zip(kinds, at_work, before, strict=True):
            took = time.monotonic() - then[0]
            share = 100 * (costs.fine_cpu(one.pid) - then[1]) / took
            woken = (costs.wakes(one.pid) - then[2]) / took
            how = f"each {SCRAPE_SECONDS:g} s" if scraped else "never"
            count = costs.threads(one.pid)
            print(f"  {files:5}  {how:9} {share:16.3f} {woken:14.1f} {count:9} {one.pss():10.1f}")


def _scrape(those: Sequence[Sidecar], seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(SCRAPE_SECONDS, left))
        for one in those if left >= SCRAPE_SECONDS else ():
            one.page()


def latency(folder: Path, appends: int) -> None:
    """From just before an append to its having been counted, in the process's own clock."""
    print("\nfrom append to counted, ms; one line at a time, 20 to 120 ms apart")
    print("  how        files   appends      p50      p95      p99      max")
    for how, files in itertools.product(("inotify", "polling"), (10, 1000)):
        here = folder / f"{how}-{files}"
        logs = _logs(here, files)
        some = sorted(_latencies(here, logs, how, appends if how == "inotify" else appends // 10))
        cuts = [some[min(len(some) - 1, int(len(some) * x))] * 1e3 for x in (0.5, 0.95, 0.99)]
        told = " ".join(f"{one:8.2f}" for one in (*cuts, some[-1] * 1e3))
        print(f"  {how:9} {files:6} {len(some):9} {told}")


def _latencies(here: Path, logs: Path, how: str, appends: int) -> list[float]:
    port, config = free_port(), here / "sidewatch.yaml"
    config.write_text(PLAIN.format(logs=logs))
    command = [sys.executable, str(ROOT / "bench/clocked.py"), how, "run", "--config", str(config)]
    env = {**environment(port), "PYTHONPATH": str(ROOT)}
    taken = []
    with (
        (here / "log").open("wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=env) as child,
    ):
        assert child.stdout is not None
        try:
            while not answers(port):
                time.sleep(0.05)
            time.sleep(2.0)
            files = sorted(logs.iterdir())
            for number in range(appends):
                time.sleep(0.02 + 0.1 * (number * 37 % 100) / 100)
                with files[number * 7 % len(files)].open("ab", buffering=0) as file:
                    began = time.monotonic_ns()
                    file.write(b'level=info msg="a line like any other"\n')
                taken.append((int(child.stdout.readline()) - began) / 1e9)
        finally:
            child.terminate()
    return taken


def start(folder: Path, rounds: int) -> None:
    """From starting the process to the end of the first answer."""
    print(f"\nstart to first scrape answered, ms, {rounds} rounds each; 10 files, logs only")
    print("  bytecode                                median      min      max   CPU, median")
    logs, compiled = _logs(folder / "start", 10), folder / "compiled"
    runs: dict[str, list[tuple[float, float]]] = {}
    for number in range(rounds + 1):
        cold = _start(folder / "start", logs, folder / f"cold-{number}")
        warm = _start(folder / "start", logs, compiled)
        if number:  # the first round compiles what the others find
            runs.setdefault("of none, not even the libraries'", []).append(cold)
            runs.setdefault("of all", []).append(warm)
    for name, some in runs.items():
        walls = [1e3 * wall for wall, _ in some]
        cpu = 1e3 * statistics.median(cpu for _, cpu in some)
        middle = statistics.median(walls)
        print(f"  {name:38} {middle:7.0f} {min(walls):8.0f} {max(walls):8.0f} {cpu:13.0f}")


def _start(here: Path, logs: Path, bytecode: Path) -> tuple[float, float]:
    """The wall and the CPU that it took, in seconds."""
    port, config = free_port(), here / "sidewatch.yaml"
    config.write_text(PLAIN.format(logs=logs))
    env = environment(port, {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(bytecode)})
    command = [sys.executable, *PROGRAM, "run", "--config", str(config)]
    began = time.perf_counter()
    with (
        (here / "log").open("ab") as errors,
        subprocess.Popen(command, stderr=errors, env=env) as child,
    ):
        try:
            while not answers(port):
                time.sleep(0.002)
            return time.perf_counter() - began, costs.cpu(child.pid)
        finally:
            child.terminate()


def memory(folder: Path) -> None:
    """With one application and a few thousand series, and with every source but gRPC."""
    print("\nmemory, MiB, after a minute; the interpreter's own pages count in part in PSS")
    print("  what                                      series   threads     PSS     RSS")
    here = folder / "many"
    logs = _logs(here, 10)
    (logs / "server-0.log").write_text(
        "".join(f'level=info msg="ordered" customer=c{n}\n' for n in range(VALUES))
    )
    with sidecar(here, MANY.format(logs=logs)) as one:
        _tell("one application, logs only", one)
    with everything(folder / "all") as (one, parts):
        _tell("all sources but gRPC", one)
        print(f"    {parts}")


def _tell(what: str, one: Sidecar, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(5)
        one.page()
    found, count = costs.memory(one.pid), costs.threads(one.pid)
    told = f"{series(one.page()):7} {count:9} {found['Pss']:7.1f} {found['Rss']:7.1f}"
    print(f"  {what:40} {told}")


def _logs(here: Path, files: int) -> Path:
    logs = here / "logs"
    logs.mkdir(parents=True)
    for number in range(files):
        (logs / f"server-{number}.log").write_text('level=info msg="was here before"\n')
    return logs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = ("idle", "latency", "start", "memory")
    parser.add_argument("what", nargs="*", choices=[*kinds, []], help="(default: all)")
    parser.add_argument("--seconds", type=float, default=60.0, help="of idling")
    parser.add_argument("--appends", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=9, help="of starting")
    given = parser.parse_args()
    wanted = given.what or kinds
    print(
        f"{os.cpu_count()} CPUs, Linux {platform.release()}, Python {platform.python_version()},"
        f" sidewatch {version('sidewatch')}, load {os.getloadavg()[0]:.1f}"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "idle" in wanted:
            idle(folder, given.seconds)
        if "latency" in wanted:
            latency(folder, given.appends)
        if "start" in wanted:
            start(folder, given.rounds)
        if "memory" in wanted:
            memory(folder)


if __name__ == "__main__":
    main()
