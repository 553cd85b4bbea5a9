"""What a sidewatch costs that has little to do: CPU, latency, start, memory; of the real process.

`./run bench footprint [idle|latency|start|memory ...]`, by default all of them; `--write` puts the
tables into docs/performance.md. Idle means that the files are there and nobody appends.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from everything import SOURCES, everything
from report import heading, table, write
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
      - {{message: Order taken, count: {{shop_orders_total: {{customer: customer}}}}}}
    logs:
      - {{files: ["{logs}/*.log"], service: server, from: beginning}}
"""


def idle(folder: Path, given: argparse.Namespace) -> str:
    """CPU and wake-ups of processes that have nothing to do, all side by side."""
    kinds, rows = list(itertools.product((10, 1000), (False, True))), []
    with ExitStack() as stack:
        at_work = []
        for files, scraped in kinds:
            here = folder / f"idle-{files}-{scraped}"
            logs = _logs(here, files)
            at_work.append(stack.enter_context(sidecar(here, PLAIN.format(logs=logs))))
        time.sleep(SETTLE_SECONDS)
        before = [(time.monotonic(), costs.fine_cpu(x.pid), costs.wakes(x.pid)) for x in at_work]
        asked = [one for (_, scraped), one in zip(kinds, at_work, strict=True) if scraped]
        _scrape(asked, given.seconds)
        for (files, scraped), one, then in zip(kinds, at_work, before, strict=True):
            took = time.monotonic() - then[0]
            share = 100 * (costs.fine_cpu(one.pid) - then[1]) / took
            woken = (costs.wakes(one.pid) - then[2]) / took
            how = f"each {SCRAPE_SECONDS:g} s" if scraped else "never"
            numbers = f"{share:.3f}", f"{woken:.1f}", f"{costs.threads(one.pid)}"
            rows.append((f"{files:,}", how, *numbers, f"{one.pss():.1f}"))
    heads = ("files", "scraped", "CPU, % of a core", "wakes a second", "threads", "PSS, MiB")
    return f"Nothing is appended for {given.seconds:g} s.\n\n{table(heads, rows)}"


def _scrape(those: Sequence[Sidecar], seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(SCRAPE_SECONDS, left))
        for one in those if left >= SCRAPE_SECONDS else ():
            one.page()


def latency(folder: Path, given: argparse.Namespace) -> str:
    """From just before an append to its having been counted, by the system's clock."""
    rows = []
    for how, files in itertools.product(("inotify", "polling"), (10, 1000)):
        here = folder / f"{how}-{files}"
        logs, appends = _logs(here, files), given.appends
        some = sorted(_latencies(here, logs, how, appends if how == "inotify" else appends // 10))
        cuts = [some[min(len(some) - 1, int(len(some) * x))] for x in (0.5, 0.95, 0.99)]
        rows.append(
            (how, f"{files:,}", f"{len(some)}", *(f"{1e3 * x:.2f}" for x in (*cuts, some[-1])))
        )
    heads = ("how", "files", "appends", "p50, ms", "p95, ms", "p99, ms", "most, ms")
    text = "One line at a time, each 20 to 120 ms after the one before was counted."
    return f"{text}\n\n{table(heads, rows)}"


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
                    file.write(b"INFO A line like any other\n")
                taken.append((int(child.stdout.readline()) - began) / 1e9)
        finally:
            child.terminate()
    return taken


def start(folder: Path, given: argparse.Namespace) -> str:
    """From starting the process to the end of the first answer."""
    logs, compiled = _logs(folder / "start", 10), folder / "compiled"
    runs: dict[str, list[tuple[float, float]]] = {
        "of nothing, not even of the libraries": [],
        "of everything": [],
    }
    for number in range(given.rounds + 1):
        cold = _start(folder / "start", logs, folder / f"cold-{number}")
        warm = _start(folder / "start", logs, compiled)
        if number:  # the first round compiles what the others find
            runs["of nothing, not even of the libraries"].append(cold)
            runs["of everything"].append(warm)
    rows = []
    for name, some in runs.items():
        walls = [wall for wall, _ in some]
        cpu = statistics.median(cpu for _, cpu in some)
        times = statistics.median(walls), min(walls), max(walls), cpu
        rows.append((name, *(f"{1e3 * one:.0f}" for one in times)))
    heads = ("bytecode is there", "median, ms", "least", "most", "CPU, median")
    text = f"{given.rounds} rounds in turns; 10 files, no other source."
    return f"{text}\n\n{table(heads, rows)}"


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


def memory(folder: Path, _: argparse.Namespace) -> str:
    """With one application and a few thousand series, and with every source but gRPC."""
    here, rows = folder / "many", []
    logs = _logs(here, 10)
    (logs / "server-0.log").write_text(
        "".join(f"INFO Order taken customer=c{n}\n" for n in range(VALUES))
    )
    with sidecar(here, MANY.format(logs=logs)) as one:
        rows.append(("one application, its logs", *_memory(one)))
    for sending, name in ((False, "all sources but gRPC"), (True, "and logs and metrics sent")):
        with everything(folder / f"all-{sending}", sending=sending) as one:
            rows.append((name, *_memory(one)))
    heads = ("what is watched", "series", "threads", "PSS, MiB", "own, MiB", "RSS, MiB")
    text = (
        "After a minute of scrapes. PSS counts pages in part that other processes have as well,"
        " here those of the interpreter: the fewer have them, the more they count. Own is what the"
        f" process has written, and it alone has. All sources are {SOURCES}. In the last row logs"
        " are forwarded and metrics pushed too, both over HTTP."
    )
    return f"{text}\n\n{table(heads, rows)}"


def _memory(one: Sidecar, seconds: float = 60.0) -> tuple[str, ...]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(5)
        one.page()
    found, count = costs.memory(one.pid), costs.threads(one.pid)
    told = (f"{found[name]:.1f}" for name in ("Pss", "Anonymous", "Rss"))
    return f"{series(one.page()):,}", f"{count}", *told


def _logs(here: Path, files: int) -> Path:
    logs = here / "logs"
    logs.mkdir(parents=True)
    for number in range(files):
        (logs / f"server-{number}.log").write_text("INFO Was here before\n")
    return logs


PARTS = {"idle": idle, "latency": latency, "start": start, "memory": memory}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--seconds", type=float, default=60.0, help="of idling")
    parser.add_argument("--appends", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=9, help="of starting")
    parser.add_argument(
        "--write", action="store_true", help="put the figures into docs/performance.md"
    )
    given = parser.parse_args()
    if strange := set(given.what) - PARTS.keys():
        parser.error(f"there is no {', '.join(strange)}")
    with tempfile.TemporaryDirectory() as name:
        for what in given.what or PARTS:
            figures = PARTS[what](Path(name), given)
            text = f"{heading(f'./run bench footprint {what}')}\n\n{figures}"
            print(text, end="\n\n", flush=True)
            if given.write:
                write(f"footprint {what}", text)


if __name__ == "__main__":
    main()
