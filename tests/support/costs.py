"""What a process costs, as the kernel counts it: CPU, memory, threads, and how often it wakes."""

from __future__ import annotations

import os
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def cpu(pid: int) -> float:
    """Seconds of CPU so far, of threads that have ended too; exact to 10 ms."""
    _, _, rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    user, system = rest.split()[11:13]
    return (int(user) + int(system)) / TICK


def fine_cpu(pid: int) -> float:
    """Seconds of CPU so far of the threads that live; exact to far below a millisecond."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in _tasks(pid)) / 1e9


def wakes(pid: int) -> int:
    """How often the threads that live have waited for something: each time, one woke."""
    return sum(
        int(line.split()[1])
        for task in _tasks(pid)
        for line in (task / "status").read_text().splitlines()
        if line.startswith("voluntary_ctxt_switches")
    )


def threads(pid: int) -> int:
    """How many there are."""
    return len(_tasks(pid))


def memory(pid: int) -> dict[str, float]:
    """MiB by the kernel's words: `Rss`, `Pss` (what is shared counts in part), `Private_Dirty`."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {
        name: int(rest.split()[0]) / 1024 for name, _, rest in (x.partition(":") for x in lines)
    }


def pss(pid: int) -> float:
    """MiB of memory that are its own, and its share of those that it shares."""
    return memory(pid)["Pss"]


def _tasks(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/task").iterdir())
