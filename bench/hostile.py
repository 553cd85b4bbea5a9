"""What hostile streams cost, beside the exact reading of the same lines: no fast path helps there.

Run by a person: `./run bench hostile [--lines N] [--rounds N] [--write]`. CPU time, alternated; of
the ratios, which are taken round by round, the median with the least and the most.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import report

from exporter.engine import choice
from tests.support.differential import plan
from tests.support.hostile import NOW
from tests.support.hostile_streams import STREAMS, stream
from tests.support.oracle import Counted, Oracle

BLOCK = 1 << 18  # as much as a source hands over at once
MOST = 3.0
ENGINES = (choice.PYTHON, choice.COMPILED)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lines", type=int, default=5_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--write", action="store_true", help="into docs/performance.md")
    chosen = options.parse_args()
    rows = [_row(name, stream(name, chosen.lines), chosen.rounds) for name in STREAMS]
    worst = max(ratio for *_, ratio in rows)
    told = "\n\n".join(
        (
            report.heading(f"./run bench hostile --lines {chosen.lines} --rounds {chosen.rounds}"),
            report.table(
                ("stream", "lines", "bytes a line", "exact reading, us a line",
                 "Python engine / exact", "compiled / exact"),
                [row[:-1] for row in rows],
            ),
            f"The worst median is {worst:.2f}x; the goal is at most {MOST:.0f}x.",
        )
    )  # fmt: skip
    print(told)
    if chosen.write:
        report.write("hostile", told)


def _row(name: str, lines: list[bytes], rounds: int) -> tuple[str, str, str, str, str, str, float]:
    tasks: dict[str, Callable[[], None]] = {"exact": lambda: _exact(lines)}
    tasks |= {each: lambda each=each: _engine(lines, each) for each in ENGINES}  # type: ignore[misc]
    took: dict[str, list[float]] = {each: [] for each in tasks}
    for _ in range(rounds):
        for each, task in tasks.items():
            begun = time.process_time()
            task()
            took[each].append((time.process_time() - begun) / len(lines) * 1e6)
    found = {each: report.ratios(took[each], took["exact"]) for each in ENGINES}
    return (
        name,
        f"{len(lines):,}",
        f"{sum(map(len, lines)) // len(lines):,}",
        report.figure(statistics.median(took["exact"])),
        *(report.spread(found[each], "x") for each in ENGINES),  # type: ignore[return-value]
        max(statistics.median(found[each]) for each in ENGINES),
    )


def _exact(lines: list[bytes]) -> None:
    Oracle(plan("keyvalue"), NOW).read(lines)


def _engine(lines: list[bytes], engine: str) -> None:
    data = b"".join(line + b"\n" for line in lines)
    counted = Counted(plan("keyvalue"), NOW, by=engine)
    counted.feed(data[at : at + BLOCK] for at in range(0, len(data), BLOCK))


if __name__ == "__main__":
    main()
