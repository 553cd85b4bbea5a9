"""What a line costs: `sidewatch replay` beside mtail, on the same files with equal totals.

Run by a person: `python bench/engine.py [--lines N] [--rounds N]`; needs Debian's mtail. Whole
processes, alternated, CPU seconds as the operating system accounts them, start-up included. The
totals (counts, sums) are compared in every round. Bucket counts are not: mtail puts a value that
lies on a bound into the next bucket. Nor are gauges: the clock of the workload starts again every
day, and a record that is late sets no gauge of ours.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

HERE = Path(__file__).parent
# mtail's names and ours, and how many of our seconds one of mtail's units is.
NAMES = {
    "jobs_total": "bench_jobs_total",  # the parser gives every counter its suffix
    "api_total": "bench_answers_total",
    "jobdur_count": "bench_job_duration_seconds_count",
    "jobdur_sum": "bench_job_duration_seconds_sum",
    "reqdur_count": "bench_request_duration_seconds_count",
    "reqdur_sum": "bench_request_duration_seconds_sum",
}
SCALE = {"kv": 1.0, "json": 1e-3}
Totals = Mapping[tuple[str, frozenset[str]], float]


@dataclass(frozen=True, slots=True)
class Run:
    """What one process cost, in CPU seconds, and what it counted."""

    cpu: float
    totals: Totals


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lines", type=int, default=2_000_000)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    if shutil.which("mtail") is None:
        sys.exit("needs mtail beside: apt-get install mtail")
    print(_machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("kv", "json"):
            log = Path(folder) / f"{kind}.log"
            subprocess.run(
                [sys.executable, HERE / "gen.py", kind, log, str(chosen.lines)], check=True
            )
            _measure(kind, log, chosen.lines, chosen.rounds)
            log.unlink()


def _measure(kind: str, log: Path, lines: int, rounds: int) -> None:
    ours, theirs = [], []
    for _ in range(rounds):
        one, other = _sidewatch(kind, log), _mtail(kind, log)
        _compare(one.totals, other.totals)
        ours.append(one.cpu / lines * 1e6)
        theirs.append(other.cpu / lines * 1e6)
    print(f"\n{kind}: {lines} lines, {log.stat().st_size / 1e6:.0f} MB, {rounds} rounds")
    print("equal totals in every round: counts, and sums to 1e-6")
    print(_row("sidewatch, us CPU a line", ours))
    print(_row("mtail, us CPU a line", theirs))
    print(_row("mtail / sidewatch", [b / a for a, b in zip(ours, theirs, strict=True)]))


def _row(name: str, values: Sequence[float]) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"  {name:26} median {middle:6.2f}  (min {low:.2f}, max {high:.2f})"


def _sidewatch(kind: str, log: Path) -> Run:
    profile = HERE / f"{kind}.yaml"
    command = [sys.executable, "-m", "exporter", "replay", "--profile", profile, log]
    cpu, text = _timed([*map(str, command)])
    found = _samples(text)
    return Run(cpu, {key: found[key] for key in found if key[0] in NAMES.values()})


def _mtail(kind: str, log: Path) -> Run:
    programs = HERE / "peers" / f"mtail-{kind}"
    cpu, text = _timed(
        [
            "mtail",
            "--one_shot",
            "--one_shot_format=prometheus",
            "--logtostderr",
            "--port=0",
            f"--progs={programs}",
            f"--logs={log}",
        ]
    )
    found = {}
    for (name, labels), value in _samples(text).items():
        if name in NAMES:
            scale = SCALE[kind] if name.endswith("_sum") else 1.0
            found[NAMES[name], labels] = value * scale
    return Run(cpu, found)


def _timed(command: list[str]) -> tuple[float, str]:
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.DEVNULL, cwd=HERE.parent, env=_environment()
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{command[0]} ended with {process.returncode}")
        out.seek(0)
        return usage.ru_utime + usage.ru_stime, out.read().decode()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(HERE.parent)}


def _samples(text: str) -> Totals:
    """All samples but buckets; labels as texts, without those that name the program."""
    start = text.find("# ")
    return {
        (sample.name, frozenset(f"{k}={v}" for k, v in sample.labels.items() if k not in _OWN)): (
            sample.value
        )
        for family in text_string_to_metric_families(text[start:])
        for sample in family.samples
        if "le" not in sample.labels
    }


_OWN = ("prog", "app", "service", "stream")


def _compare(ours: Totals, theirs: Totals) -> None:
    wrong = [
        f"{key}: {ours.get(key)} and {theirs.get(key)}"
        for key in sorted({*ours, *theirs}, key=str)
        if not math.isclose(ours.get(key, math.nan), theirs.get(key, math.nan), rel_tol=1e-6)
    ]
    if wrong:
        sys.exit("the totals differ (ours and mtail's):\n" + "\n".join(wrong[:20]))


def _machine() -> str:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    listed = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", "mtail"],
        capture_output=True,
        text=True,
        check=False,
    )
    return (
        f"{os.cpu_count()} x {model}, Python {platform.python_version()}, "
        f"sidewatch {version('sidewatch')}, mtail {listed.stdout or 'of unknown version'}"
    )


if __name__ == "__main__":
    main()
