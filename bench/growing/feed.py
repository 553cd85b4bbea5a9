"""Lines for a sidewatch: generated once, appended at a rate or at once."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

BENCH = Path(__file__).parents[1]
TICKS = 50  # appends a second


def generated(kind: str, folder: Path, lines: int) -> list[bytes]:
    """The lines of bench/gen.py."""
    log = folder / f"{kind}.generated"
    subprocess.run([sys.executable, BENCH / "gen.py", kind, log, str(lines)], check=True)
    found = log.read_bytes().splitlines(keepends=True)
    log.unlink()
    return found


@dataclass
class Feed:
    """Appends lines to files in turn. `sent` is how many there are now."""

    lines: Sequence[bytes]
    files: Sequence[Path]
    sent: int = 0

    def __post_init__(self) -> None:
        self._source = cycle(self.lines)
        self._files = cycle(self.files)

    def burst(self, lines: int) -> None:
        """So many at once, in one file."""
        with next(self._files).open("ab") as out:
            out.write(b"".join(islice(self._source, lines)))
        self.sent += lines

    def at(self, rate: float, seconds: float) -> int:
        """So many a second; how many there were. Each append goes to the next file."""
        ticks = max(1, round(TICKS * seconds))
        before, began = self.sent, time.perf_counter()
        for tick in range(ticks):
            wanted = round(rate * seconds * (tick + 1) / ticks) - (self.sent - before)
            self.spread(wanted)
            left = began + (tick + 1) * seconds / ticks - time.perf_counter()
            time.sleep(max(0.0, left))
        return self.sent - before

    def spread(self, lines: int) -> None:
        """So many, over as many files as there are."""
        share = -(-lines // len(self.files))
        while lines > 0:
            self.burst(min(share, lines))
            lines -= share
