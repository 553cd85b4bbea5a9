"""What measurements print: tables of Markdown, and the part of docs/performance.md they stand in.

A bench tells its figures as one text. With `--write` it puts that text between its own two
markers, `<!-- NAME: begin -->` and `<!-- NAME: end -->`: the page quotes only what was printed.
"""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown; the first column is words, the others are figures."""
    marks = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, marks, *rows))


def spread(values: Sequence[float], unit: str = "") -> str:
    """The median, and the least and the most: "1.71x (1.60-1.88)" where the unit is "x"."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{figure(middle)}{unit} ({figure(low)}-{figure(high)})"


def figure(value: float) -> str:
    """A number as exactly as it is worth: about three digits."""
    size = abs(value)
    places = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 or not size else 4
    return f"{value:,.{places}f}"


def ratios(of: Sequence[float], to: Sequence[float]) -> list[float]:
    """How many times as much `of` is, round by round: both have one value of each round."""
    return [a / b for a, b in zip(of, to, strict=True)]


def heading(command: str, *versions: str) -> str:
    """The line above the figures: the command, the day, the machine, and who took part."""
    parts = (f"Python {platform.python_version()}", *versions)
    day = datetime.now(UTC).date().isoformat()
    return f"`{command}` on {day}: {_machine()}; {', '.join(parts)}."


def package(name: str) -> str:
    """What Debian calls the version of an installed package, with its name."""
    answer = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", name],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"{name} {answer.stdout or 'of unknown version'}"


def write(name: str, text: str, page: Path = PAGE) -> None:
    """Put the text between the page's markers of this name. Raises ValueError where it has none."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    old = page.read_text()
    between = re.compile(f"{re.escape(begin)}\n.*?{re.escape(end)}", re.DOTALL)
    if len(between.findall(old)) != 1:
        raise ValueError(f"{page} must have the lines {begin} and {end}, once, in this order")
    new = f"{begin}\n{text.strip()}\n{end}"
    page.write_text(between.sub(lambda _: new, old))


def _machine() -> str:
    cores = os.cpu_count()
    return f"{cores} x {next(_models(), platform.machine())}, Linux {platform.release()}"


def _models() -> Iterator[str]:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            yield line.partition(":")[2].strip()
