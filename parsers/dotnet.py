""".NET's two-line console: `fail: Category[14]`, and the message indented on the next lines.

dotnet/runtime: Microsoft.Extensions.Logging.Console, SimpleConsoleFormatter.
"""

from __future__ import annotations

import re

from parsers import Record
from parsers.levels import level

_HEAD = re.compile(r"(trce|dbug|info|warn|fail|crit): ([^\s\[\]]{1,300})\[(-?\d{1,10})\]", re.ASCII)


def parse(line: str) -> Record | None:
    """Read a head, which is the whole line; its message follows."""
    found = _HEAD.fullmatch(line)
    if not found:
        return None
    return Record(
        format="dotnet",
        level=level(found[1]),
        fields={"category": found[2], "event_id": found[3]},
        message_follows=True,
    )
