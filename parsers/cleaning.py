"""Cleaning: what a terminal or an editor left around a line, taken off before it is read."""

from __future__ import annotations

import re

# A colour, or an escape character that is left alone.
_ESCAPE = r"\x1b(?:\[[0-9;:]{0,64}[mK])?"
_TEXT = re.compile(_ESCAPE)
_BYTES = re.compile(_ESCAPE.encode())


def clean(line: str) -> str:
    r"""The line without its end (`\n`, `\r\n`), a leading BOM, and ANSI colours anywhere."""
    if "\x1b" in line:
        line = _TEXT.sub("", line)
    if line.endswith(("\n", "\r")):
        line = line.rstrip("\r\n")
    return line.removeprefix("\ufeff")


def uncoloured(line: bytes) -> bytes:
    """The line without ANSI colours, before it is decoded."""
    return _BYTES.sub(b"", line) if b"\x1b" in line else line
