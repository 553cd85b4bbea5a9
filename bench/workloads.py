"""The lines that are measured: gen.py's and the five applications', and who reads them."""

from __future__ import annotations

from pathlib import Path

import apps
import gen

HERE = Path(__file__).parent
GENERATORS = {"kv": gen.gen_kv, "json": gen.gen_json}
WORKLOADS = (*GENERATORS, *apps.MIXES)
BLOCK = 1 << 20


def generate(name: str, out: Path, lines: int) -> None:
    """Write so many lines of a workload; the same ones each time."""
    if name in GENERATORS:
        with out.open("wb") as file:
            GENERATORS[name](file.write, lines, 7)  # type: ignore[no-untyped-call]  # kept as it is
    else:
        apps.generate(name, out, lines)


def profile(name: str) -> str:
    """The profile that reads a workload."""
    return str(HERE / f"{name}.yaml") if name in GENERATORS else name


def warm(path: Path) -> None:
    """Read a file once, so that nobody measured pays for memory that the machine has put aside."""
    with path.open("rb") as file:
        while file.read(BLOCK):
            pass
