"""nginx: access lines (common, combined) and error lines.

nginx.org: ngx_http_log_module, the combined format; ngx_core_module, error_log.
"""

from __future__ import annotations

import re
from typing import Any

from parsers import Record
from parsers.access import combined
from parsers.levels import level

_ERROR = re.compile(
    r"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[([a-z]{3,8})\] (\d{1,10})#\d{1,10}: (?:\*(\d{1,20}) )?",
    re.ASCII,
)
# Printed before the error log is open: "nginx: [emerg] host not found in upstream".
_EARLY = re.compile(r"nginx: \[([a-z]{3,8})\] ")
_CONTEXT = re.compile(r", (client|server|request|subrequest|upstream|host|referrer): ")


def parse(line: str) -> Record | None:
    """Read a line of either log; the message of an access line is "access"."""
    if found := _ERROR.match(line):
        return _error(line[found.end() :], *found.groups())
    if found := _EARLY.match(line):
        return Record(format="nginx", message=line[found.end() :], level=level(found[1]))
    if access := combined(line):
        time, fields = access
        return Record(format="nginx", message="access", time=time, fields=fields)
    return None


def _error(text: str, time: str, spelled: str, pid: str, connection: str | None) -> Record:
    message, client, rest = text.partition(", client: ")
    fields: dict[str, Any] = {"pid": pid}
    if connection:
        fields["connection"] = connection
    # parts: text, name, text, name, text ...; names come in a fixed order, so the first counts.
    parts = _CONTEXT.split(client + rest)
    for name, value in zip(parts[1::2], parts[2::2], strict=True):
        fields.setdefault(name, value[1:-1] if value[:1] == value[-1:] == '"' else value)
    return Record(format="nginx", message=message, level=level(spelled), time=time, fields=fields)
