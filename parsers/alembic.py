"""alembic's console: `INFO  [alembic.runtime.migration] message`, the level padded to five.

sqlalchemy/alembic: templates/generic/alembic.ini.mako, formatter_generic (`%(levelname)-5.5s`,
which also cuts: WARNI, CRITI).
"""

from __future__ import annotations

import re

from parsers import Record
from parsers.levels import level

# One space behind the level, as five letters leave it, is not telling: then the name must be.
_HEAD = re.compile(
    r"([A-Z]{4,5})"
    r"(?:  \[([A-Za-z_][\w.]{0,200})\]| \[([A-Za-z_]\w{0,100}\.[\w.]{1,200})\])(?: |\Z)",
    re.ASCII,
)


def parse(line: str) -> Record | None:
    """Read a line of a migration; `logger` is the field of the name in brackets."""
    found = _HEAD.match(line)
    known = level(found[1]) if found else None
    if not found or not known:
        return None
    logger = found[2] or found[3]
    return Record(
        format="alembic",
        message=line[found.end() :],
        level=known,
        fields={"logger": logger},
    )
