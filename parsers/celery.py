"""Celery's own format: `[2026-11-20 23:59:07,310: INFO/ForkPoolWorker-2] message`.

celery/celery: celery/app/defaults.py, worker_log_format.
"""

from __future__ import annotations

import re

from parsers import Record
from parsers.levels import level

_HEAD = re.compile(
    r"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[,.]\d{1,6}): ([A-Z]{3,11})/([^\]]{1,200})\](?: |\Z)",
    re.ASCII,
)


def parse(line: str) -> Record | None:
    """Read a line of a worker or of beat; `process` is the field of the process's name."""
    found = _HEAD.match(line)
    known = level(found[2]) if found else None
    if not found or not known:
        return None
    return Record(
        format="celery",
        message=line[found.end() :],
        level=known,
        time=found[1],
        fields={"process": found[3]},
    )
