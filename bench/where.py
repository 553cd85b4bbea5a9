"""Where a line's time goes: the start, reading the file, the walk in C, the exact reading.

Run by a person: `./run bench where [--write]`, with the lines of bench/engine.py. The process that
reads them has a clock around each part. Where perf is installed, it tells beside that at which
functions it found the process.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from contestants import Log, sidewatch
from report import figure, heading, spread, table, write
from told import TITLES
from workloads import WORKLOADS, generate, profile, warm

from exporter.app.assembly import assemble
from exporter.clock import SetClock
from exporter.commands.replay import CHUNK
from exporter.config import load_profile
from exporter.engine.counting import Counting
from exporter.model import Cursor

HERTZ = 4000
SHOWN = 8  # functions
_FOUND = re.compile(r"^ +([\d.]+)% +(\S+) +\[[.k]\] +(\S+)", re.MULTILINE)
_MANGLED = re.compile(r"__pyx_f_8exporter_6engine_6native_\d+")


@dataclass(slots=True)
class Spent:
    """CPU seconds of one reading, by part; lines that the exact reading was given."""

    parts: dict[str, float] = field(default_factory=dict)
    exact: int = 0

    def timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call, with its time added to a part."""

        def timed(*given: Any) -> Any:
            began = time.thread_time()
            try:
                return call(*given)
            finally:
                self.parts[part] = self.parts.get(part, 0.0) + time.thread_time() - began

        return timed


def main() -> None:
    chosen = _options()
    rows, found = [], []
    for name in chosen.only or WORKLOADS:
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "bare.log"
            generate(name, log, chosen.lines)
            rows.append(_row(name, log, chosen))
            found.append((TITLES[name], _functions(name, log)))
            print(f"{name}: measured", file=sys.stderr, flush=True)
    text = "\n\n".join(
        (
            heading(f"./run bench where --lines {chosen.lines}", f"{chosen.rounds} rounds"),
            table(_HEADS, rows),
            "Of a whole process, start included, perf's samples by function:",
            table(("", "where it was found"), found),
        )
    )
    print(text)
    if chosen.write:
        write("where", text)


_HEADS = (
    *("us a line", "bytes a line", "reading the file", "walk in C, and what it asks"),
    *("exact reading", "lines read exactly", "walk, MB/s", "start, s"),
)


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--lines", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--only", nargs="+", choices=WORKLOADS, help="these workloads")
    options.add_argument("--write", action="store_true", help="put it into docs/performance.md")
    return options.parse_args()


def _row(name: str, log: Path, chosen: argparse.Namespace) -> Sequence[str]:
    size = log.stat().st_size
    rounds, starts = [], []
    for _ in range(chosen.rounds):
        warm(log)
        rounds.append(_read(name, log))
        starts.append(_start(name, log))
    parts = {part: [1e6 * one.parts[part] / chosen.lines for one in rounds] for part in _PARTS}
    walk = [whole - exact for whole, exact in zip(parts["feed"], parts["exact"], strict=True)]
    return (
        TITLES[name],
        figure(size / chosen.lines),
        spread(parts["read"]),
        spread(walk),
        spread(parts["exact"]),
        f"{100 * rounds[0].exact / chosen.lines:.3f} %",
        spread([size / chosen.lines / each for each in walk]),
        spread(starts),
    )


_PARTS = ("read", "feed", "exact")


def _read(name: str, log: Path) -> Spent:
    """Read all of it, as `replay` does."""
    spent = Spent(dict.fromkeys(_PARTS, 0.0))
    shard = assemble(load_profile(profile(name), None), SetClock(), replaying=True)
    cursor, rest = Cursor("log", "log", "file"), b""
    shard.open("log", cursor)
    feed, one = spent.timed("feed", shard.feed), spent.timed("exact", Counting.one)

    def exact(*given: Any) -> None:
        spent.exact += 1
        one(*given)

    with patch.object(Counting, "one", exact), log.open("rb") as file:
        read = spent.timed("read", file.read)
        while chunk := read(CHUNK):
            rest += chunk
            rest = rest[feed(cursor, rest) :]
    return spent


def _start(name: str, beside: Path) -> float:
    """CPU seconds of a process that reads nothing."""
    empty = beside.with_name("empty.log")
    empty.touch()
    read = sidewatch("compiled")
    if read is None:
        sys.exit("the compiled engine was not built")
    return read(Log(name, profile(name), empty, 0)).cpu


def _functions(name: str, log: Path) -> str:
    """The functions that perf found most often."""
    if shutil.which("perf") is None:
        return "perf is not installed"
    data = log.with_name("perf.data")
    reading = [sys.executable, "-m", "exporter", "replay", "--profile", profile(name), str(log)]
    record = ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(HERTZ), "-o", str(data), "--"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    subprocess.run([*record, *reading], env=environment, capture_output=True, check=True)
    report = ["perf", "report", "--stdio", "--sort", "dso,symbol", "-i", str(data)]
    told = subprocess.run(report, capture_output=True, text=True, check=True).stdout
    return ", ".join(_shown(told))


def _shown(told: str) -> Iterator[str]:
    found: dict[str, float] = {}
    for share, where, symbol in _FOUND.findall(told):
        called = "the interpreter" if "libpython" in where else _MANGLED.sub("", symbol)
        found[called] = found.get(called, 0.0) + float(share)
    most = sorted(found.items(), key=lambda one: -one[1])[:SHOWN]
    yield from (f"{called} {share:.1f} %" for called, share in most)


if __name__ == "__main__":
    main()
