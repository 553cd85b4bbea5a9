"""How cost grows: with lines, files, rules, series, queues, rows, probes, containers and cores.

Run by a person: `./run bench growth [--only NAME] [--quick]`, as root, since a Docker Engine of the
bench's own is started. Every figure is of the real `sidewatch run`: its CPU by the clock that the
kernel keeps of a process, its memory by /proc, its answers by scraping it as Prometheus does. The
points are measured in turns, those of databases, probes and containers at the same time; a table
has the median of some rounds, the lowest and the highest. Last, sidewatch stands beside
postgres_exporter and blackbox_exporter on the same targets.

Tables go into docs/performance.md, between the markers of their names, and plots beside it, so that
the document quotes nothing else. `--quick` measures fewer points for a shorter time, and prints.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from growing import beside, databases, endpoints, engines, logs, shown
from growing.effort import FULL, QUICK, Effort
from growing.findings import Curve, told
from growing.plot import svg
from report import PAGE, heading, write

from exporter.engine.choice import ENGINE

PLOTS = PAGE.with_name("performance")

Measured = Callable[[Effort, Path], Curve | str]
# By the name of --only, of the markers and of the plot: a title, and what measures it.
CURVES: dict[str, tuple[str, Measured]] = {
    "lines": ("CPU against lines a second", logs.lines),
    "files": ("CPU against watched files", logs.files),
    "rules": ("CPU of a line against rules", logs.rules),
    "series": ("CPU of a scrape against series", shown.series),
    "queues": ("CPU against queues of a library", databases.queues),
    "rows": ("CPU against rows", databases.rows),
    "probes": ("CPU against probes", endpoints.probes),
    "containers": ("CPU against containers", engines.containers),
    "cores": ("Speed against applications that catch up", logs.cores),
    "postgres_exporter": ("Beside postgres_exporter", beside.beside_postgres),
    "blackbox_exporter": ("Beside blackbox_exporter", beside.beside_blackbox),
}
PROGRAMS = (
    *("nginx", "dockerd", "docker", "/usr/lib/postgresql/15/bin/postgres"),
    *(beside.POSTGRES_EXPORTER, beside.BLACKBOX_EXPORTER),
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", action="append", choices=CURVES, help="one of them, or several")
    options.add_argument("--quick", action="store_true", help="a look; the document stays")
    options.add_argument("--rounds", type=int, help="how often each point is measured")
    options.add_argument("--list", action="store_true", help="the names of all, and no more")
    chosen = options.parse_args()
    if chosen.list:
        print(*CURVES, sep="\n")
        return
    lacking = [program for program in PROGRAMS if shutil.which(program) is None]
    if lacking:
        sys.exit(f"not installed: {', '.join(lacking)}; `./run bench growth` installs them")
    if os.getuid():
        sys.exit("it starts a Docker Engine: run it as root")
    effort = QUICK if chosen.quick else FULL
    effort = replace(effort, rounds=chosen.rounds or effort.rounds)
    failed = [name for name in chosen.only or CURVES if not tell(name, effort)]
    if failed:
        sys.exit(f"could not be measured: {', '.join(failed)}")


def tell(name: str, effort: Effort) -> bool:
    """Measure one, print it, and put it into the document; False where that failed."""
    title, measure = CURVES[name]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="growth-") as folder:
        try:
            found = measure(effort, Path(folder))
        except (AssertionError, OSError) as error:  # the others are worth having all the same
            print(f"{name}: {error}", *getattr(error, "__notes__", ()), sep="\n", file=sys.stderr)
            return False
    text = found if isinstance(found, str) else told(found)
    head = heading(f"./run bench growth --only {name}", *versions(effort))
    print(f"\n## {title}\n\n{head}\n\n{text}\n\n({time.monotonic() - began:.0f} s)", flush=True)
    if not effort.quick:
        picture = "" if isinstance(found, str) else draw(name, title, found)
        write(f"growth {name}", f"{head}\n\n{text}\n{picture}")
    return True


def draw(name: str, title: str, curve: Curve) -> str:
    """Write the plot; what shows it in the document."""
    PLOTS.mkdir(exist_ok=True)
    (PLOTS / f"{name}.svg").write_text(svg(curve, title))
    return f"\n![{title}](performance/{name}.svg)"


def versions(effort: Effort) -> Iterator[str]:
    """What is measured, and how often."""
    yield f"sidewatch {version('sidewatch')}"
    yield f"{ENGINE} engine"
    yield f"{effort.rounds} rounds"


if __name__ == "__main__":
    main()
