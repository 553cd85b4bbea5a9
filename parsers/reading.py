"""Reading: the text of one line in, a record out, whatever the line is.

The first character says which formats are asked, the more particular ones first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from parsers import (
    Record,
    alembic,
    celery,
    dotnet,
    gunicorn,
    jsonlines,
    keyvalue,
    nginx,
    prefixed,
    python_text,
    text,
    uvicorn,
)
from parsers.cleaning import clean

Parse = Callable[[str], Record | None]

FORMATS = (
    "jsonlines", "keyvalue", "celery", "gunicorn", "nginx", "uvicorn", "alembic", "python_text",
    "dotnet", "prefixed", "text",
)  # fmt: skip

_DIGIT: tuple[Parse, ...] = (python_text.parse, nginx.parse, jsonlines.parse, keyvalue.parse)
_UPPER: tuple[Parse, ...] = (
    uvicorn.parse, alembic.parse, prefixed.parse, jsonlines.parse, keyvalue.parse,
)  # fmt: skip
_LOWER: tuple[Parse, ...] = (
    dotnet.parse, nginx.parse, prefixed.parse, jsonlines.parse, keyvalue.parse,
)  # fmt: skip
_OTHER: tuple[Parse, ...] = (nginx.parse, jsonlines.parse, keyvalue.parse)
_BY_FIRST: Mapping[str, tuple[Parse, ...]] = MappingProxyType(
    {
        "{": (jsonlines.parse,),
        "[": (celery.parse, gunicorn.parse, jsonlines.parse, keyvalue.parse),
        **dict.fromkeys("0123456789", _DIGIT),
        **dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZ", _UPPER),
        **dict.fromkeys("abcdefghijklmnopqrstuvwxyz", _LOWER),
    }
)


def read(line: str) -> Record:
    """The record of a line, in time that grows with its length only; never None."""
    line = clean(line)
    for parse in _BY_FIRST.get(line[:1], _OTHER):
        if record := parse(line):
            return record
    record = text.parse(line)
    if jsonlines.is_malformed(line):
        record.reason = jsonlines.MALFORMED
    return record
