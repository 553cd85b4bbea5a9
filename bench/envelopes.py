"""A log as a container's runtime writes it: envelopes.py docker|cri INFILE OUTFILE.

Docker's json-file writes a line as Go's JSON does, with `<`, `>` and `&` escaped; the CRI's log
format puts time, stream and a tag before it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

BEGIN = 1795219200  # where the clock of apps.py begins
STEP = 20_000_000  # nanoseconds from one line to the next
_GO = str.maketrans({"<": r"\u003c", ">": r"\u003e", "&": r"\u0026"})


def docker(line: str, time: str) -> str:
    """An entry of Docker's json-file log."""
    text = json.dumps(f"{line}\n", ensure_ascii=False).translate(_GO)
    return f'{{"log":{text},"stream":"stdout","time":"{time}"}}\n'


def cri(line: str, time: str) -> str:
    """A line of a log that containerd or CRI-O writes."""
    return f"{time} stdout F {line}\n"


FORMS: dict[str, Callable[[str, str], str]] = {"docker": docker, "cri": cri}


def wrap(form: str, log: Path, to: Path) -> None:
    """Write each line of `log` in this form's envelope."""
    made, at = FORMS[form], 0
    with log.open(newline="\n") as lines, to.open("w", newline="\n") as out:
        for line in lines:
            at += STEP
            out.write(made(line.removesuffix("\n"), stamp(at)))


def stamp(after: int) -> str:
    """The time so many nanoseconds after the beginning, as Go writes it in UTC."""
    seconds, rest = divmod(after, 10**9)
    whole = datetime.fromtimestamp(BEGIN + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{rest:09d}Z"


if __name__ == "__main__":
    wrap(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
