"""What a line costs: sidewatch's two engines beside mtail and Fluent Bit, on the same files.

Run by a person: `./run bench engine [--write] [--fluent-bit BINARY]`; BINARY may stand in the
environment as FLUENT_BIT. The workloads are the key-value and JSON lines of gen.py and the five
applications' own lines of apps.py with the shipped profiles, each bare and in the envelopes of
Docker and of the CRI, which only sidewatch is given.

All take turns, whole processes, start included; a file is read once beforehand, so that it lies in
memory for each of them. The compiled engine reads all lines. Whoever needs longer reads the first
quarter, and the compiled engine that too: what two have counted of the same lines must be the same,
in every round. Buckets are not compared (mtail puts a value that lies on a bound into the next
one), nor are gauges: gen.py's clock begins anew each day, and a record that is late sets no gauge
of ours.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from contestants import Log, Reader, Run, fluent_bit, mtail, sidewatch, versions
from envelopes import FORMS, wrap
from report import write
from told import OURS, Spent, told
from totals import Totals, differences, translated
from workloads import WORKLOADS, generate, profile, warm

HERE = Path(__file__).parent
PART = 4  # whoever is slow reads the first fourth


@dataclass(frozen=True, slots=True)
class Made:
    """One workload by form ("bare" is one): all lines, and the first of them."""

    whole: Mapping[str, Log]
    part: Mapping[str, Log]


def main() -> None:
    chosen = _options()
    found = {
        "compiled": sidewatch("compiled"),
        "python": sidewatch("python"),
        "mtail": mtail(),
        "Fluent Bit": fluent_bit(chosen.fluent_bit),
    }
    readers = {name: reader for name, reader in found.items() if reader is not None}
    spent = {}
    for name in chosen.only or WORKLOADS:
        with tempfile.TemporaryDirectory() as folder:
            made = _make(name, Path(folder), chosen.lines)
            spent[name] = _measure(made, readers, chosen.rounds)
            print(f"{name}: measured", file=sys.stderr, flush=True)
    text = told(spent, chosen.rounds, versions(chosen.fluent_bit))
    print(text)
    if chosen.write:
        write("engine", text)


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--lines", type=int, default=4_000_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--only", nargs="+", choices=WORKLOADS, help="these workloads")
    options.add_argument(
        "--fluent-bit", metavar="BINARY", default=os.environ.get("FLUENT_BIT"), help="to be beside"
    )
    options.add_argument(
        "--write", action="store_true", help="put the figures into docs/performance.md"
    )
    return options.parse_args()


def _make(name: str, folder: Path, lines: int) -> Made:
    bare = folder / "bare.log"
    generate(name, bare, lines)
    for form in FORMS:
        wrap(form, bare, folder / f"{form}.log")
    few = lines // PART
    for form in ("bare", *FORMS):
        with (folder / f"{form}.log").open("rb") as log, (folder / f"{form}.part").open("wb") as to:
            to.writelines(islice(log, few))
    by = profile(name)
    return Made(
        {form: Log(name, by, folder / f"{form}.log", lines) for form in ("bare", *FORMS)},
        {form: Log(name, by, folder / f"{form}.part", few) for form in ("bare", *FORMS)},
    )


def _measure(made: Made, readers: Mapping[str, Reader], rounds: int) -> Spent:
    spent = Spent(made.whole["bare"].lines)
    empty = made.part["bare"].path.with_name("empty.log")
    empty.touch()
    nothing = Log(made.part["bare"].name, made.part["bare"].profile, empty, 0)
    for _ in range(rounds):
        right: dict[str, Totals] = {}
        for name, read in readers.items():
            for form in ("bare", *FORMS) if name in OURS else ("bare",):
                part = made.part[form]
                one = _read(read, part)
                right.setdefault(form, one.told)
                _compare(f"{part.name}, {form}, {name}", right, form, one, part.name)
                log = made.whole[form] if name == "compiled" else part
                whole = _read(read, log) if log is not part else one
                spent.note(form, name, whole.cpu / log.lines)
            if name in (*OURS, "mtail"):
                spent.note("start", name, read(nothing).cpu / log.lines)
    if "compiled" in readers:
        spent.threads = _threads(made.part["bare"])
    return spent


def _read(read: Reader, log: Log) -> Run:
    warm(log.path)
    return read(log)


def _compare(who: str, right: Mapping[str, Totals], form: str, one: Run, workload: str) -> None:
    """Hold it against who read the same first, and an envelope's lines against the bare ones."""
    for which in {form, "bare"}:
        wrong = list(differences(right[which], translated(one.told, workload)))
        if wrong:
            shown = "\n".join(wrong[:20])
            sys.exit(f"{who}: the totals differ (the first reader's, and this one's):\n{shown}")


def _threads(log: Log) -> float:
    """How much two threads count in the time of one."""
    answer = subprocess.run(
        [sys.executable, HERE / "threads.py", log.profile, log.path],
        env={**os.environ, "PYTHONPATH": str(HERE.parent), "SIDEWATCH_ENGINE": "compiled"},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(answer.stdout)


if __name__ == "__main__":
    main()
