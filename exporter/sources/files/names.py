"""File names: which log a rotated or compressed file belongs to."""

from __future__ import annotations

import re
from functools import lru_cache

PACKED = (".gz", ".bz2", ".zst")

_DATE = r"(?:19|20)\d\d-?[01]\d-?[0-3]\d"
# server.log.1, server.log-20261120, server.log.2026-11-20_03-00, server.log-1795143600, server.old
_SUFFIX = re.compile(rf"[.](?:\d{{1,4}}|old|bak)|[-._]{_DATE}[-\dT:._]*|[-.]\d{{10}}")
# server-20261120.log, server.2026-11-20.1.log: the ending stays last
_INFIX = re.compile(rf"[-._]{_DATE}[-\dT:._]*(?=[.][A-Za-z]\w*$)")


def unpacked_name(name: str) -> str | None:
    """The name without the ending of its compression; None where it has none."""
    return next((name[: -len(end)] for end in PACKED if name.endswith(end)), None)


def is_packed(name: str) -> bool:
    """Whether the name tells that the file is compressed."""
    return name.endswith(PACKED)


def is_rotated(path: str) -> bool:
    """Whether a file's name tells that it was written under another one."""
    name = path.rpartition("/")[2]
    return live_name(name) != name


@lru_cache(maxsize=1 << 15)  # every look asks again for every name
def live_name(name: str) -> str:
    """The name under which a file was written: "server.log" of "server.log-20261120.gz"."""
    name = unpacked_name(name) or name
    for start in range(1, len(name)):
        if name[start] in ".-_":
            if _SUFFIX.fullmatch(name, start):
                return name[:start]
            if found := _INFIX.match(name, start):
                return name[:start] + name[found.end() :]
    return name
