"""Cleaning: what a terminal or an editor left around a line, taken off before it is read."""

from __future__ import annotations

import re

_COLOUR = re.compile(r"\x1b\[[0-9;:]{0,64}[mK]")


def clean(line: str) -> str:
    r"""The line without its end (`\n`, `\r\n`), a leading BOM, and ANSI colours anywhere."""
    if line.endswith(("\n", "\r")):
        line = line.rstrip("\r\n")
    line = line.removeprefix("\ufeff")
    return _COLOUR.sub("", line) if "\x1b" in line else line
