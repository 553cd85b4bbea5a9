"""Secrets that commands take as words: `curl -u ann:x`, `mysql -px`, `redis-cli -a x`.

A letter says nothing by itself: each is known by its command, on the same line and before a pipe.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from exporter.redact.shapes import Shape

# Between words: spaces, or what stands between the texts of a list, spelled in JSON or not.
GAP = r"""(?:(?:[\s"',]|\\+["'nrt])+)"""
GIVEN = r"""[^\s"'\\]+"""
# Command, option, and what of its value is no secret.
COMMANDS = (
    (r"curl", rf"(?:-[a-zA-Z]*[uU]{GAP}?|--(?:proxy-)?user(?:=|{GAP}))", r"""[^\s:"'\\]{0,64}:"""),
    (r"(?:mysql|mariadb)[a-z\-]*", r"-p", ""),
    (r"mongo(?:sh|dump|restore|export|import)?", rf"-p{GAP}?", ""),
    (r"redis-cli", rf"-a{GAP}?", ""),
    (r"sshpass", rf"-p{GAP}?", ""),
)
# `docker run --name mongo -p 27017:27017` publishes a port, and `-u 1000:1000` is no password.
PORT = re.compile(r"(?:[\d.]+:)*\d{1,5}(?:/tcp|/udp)?")
# Long options of others, spelled with one dash.
OTHERS = frozenset({"ort", "ath", "ool", "roto", "rotocol", "rofile", "roxy", "arseTime", "refix"})


def commands() -> Iterator[Shape]:
    """A shape for each command."""
    for command, option, shown in COMMANDS:
        expression = rf"\b{command}\b[^\n|;]*?{GAP}{option}{shown}(?P<it>{GIVEN})"
        yield Shape("command", expression, is_given)


def is_given(text: str) -> bool:
    """Neither a port nor the rest of another option."""
    return PORT.fullmatch(text) is None and text.partition("=")[0] not in OTHERS
