"""uvicorn's default format: `INFO:     message`, the level padded to ten columns.

encode/uvicorn: uvicorn/logging.py, DefaultFormatter and AccessFormatter.
"""

from __future__ import annotations

import re
from typing import Any

from parsers import Record
from parsers.access import request_fields
from parsers.levels import level

_WIDTH = 10
_ACCESS = re.compile(r'([^ "]{0,100}) - "([^"]{1,65536}+)" (\d{3})(?: [A-Za-z \'-]{0,60})?\Z')


def parse(line: str) -> Record | None:
    """Read a line of the server; the message of an access line is "access"."""
    word, colon, padding = line[:_WIDTH].partition(":")
    known = level(word) if word.isupper() else None
    if not colon or not known or not padding or padding.strip(" "):
        return None
    message = line[_WIDTH:]
    fields: dict[str, Any] = {}
    if access := _ACCESS.match(message):
        fields = {"client": access[1]} | request_fields(access[2]) | {"status": access[3]}
        message = "access"
    return Record(format="uvicorn", message=message, level=known, fields=fields)
