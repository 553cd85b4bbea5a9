"""What redaction costs a line, beside what reading the same line exactly costs.

Run by a person: `python bench/redact.py [--lines N] [--rounds N]`. The lines are those of the
project's samples; half a per cent of them get a secret. CPU time, alternated, medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from exporter.redact import Redaction, redactor
from parsers.reading import read

SAMPLES = Path(__file__).parents[1] / "tests" / "parsers"
SECRETS = ' token="abcdef0123456789" for postgresql://watcher:hunter2@db/shop'
EVERY = 200


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lines", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    samples = [
        line
        for path in sorted(SAMPLES.glob("*/*.log"))
        for line in path.read_text(errors="replace").splitlines()
        if line
    ]
    clean = [samples[i % len(samples)] for i in range(chosen.lines)]
    mixed = [one + SECRETS * (i % EVERY == 0) for i, one in enumerate(clean)]
    secret = [one + SECRETS for one in clean]
    hiding = redactor(Redaction())
    tasks: dict[str, Callable[[], object]] = {
        "read exactly": lambda: [read(line) for line in clean],
        "redact, no line with a secret": lambda: [hiding.text(line) for line in clean],
        f"redact, one line of {EVERY} with two": lambda: [hiding.text(line) for line in mixed],
        "redact, all lines with two": lambda: [hiding.text(line) for line in secret],
    }
    took: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(chosen.rounds):
        for name, task in tasks.items():
            begun = time.process_time()
            task()
            took[name].append((time.process_time() - begun) / chosen.lines * 1e6)
    mean = sum(map(len, clean)) / len(clean)
    print(f"{chosen.lines} lines of {mean:.0f} characters on average; microseconds a line")
    peer = statistics.median(took["read exactly"])
    for name, found in took.items():
        middle = statistics.median(found)
        print(f"{middle:8.2f}  {middle / peer:5.2f} x reading  {name}")


if __name__ == "__main__":
    main()
