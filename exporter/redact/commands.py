"""Secrets that commands take as words: `curl -u ann:x`, `mysql -px`, `redis-cli -a x`.

A letter says nothing by itself: each is known by its command, on the same line and before a pipe
that no quotes enclose.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from exporter.redact.names import TELLING
from exporter.redact.shapes import Shape

SPELLED = r"""\\+(?:["'nrt]|u002[027])"""
# A command is a word of its own, or a path's last: `mysql-0` and `my-curl` are other names.
PLACE = rf"""(?:^|[\s"'`/=:,(\[$]|{SPELLED})"""
# Between words: spaces, or what stands between the texts of a list, spelled in JSON or not.
GAP = rf"""(?:(?:[\s"',\x{{a0}}]|{SPELLED})+)"""
BEFORE = r"""(?:"[^"\n]*"|'[^'\n]*'|[^\n|;])*?"""
QUOTE = r"""(?:\\*["'])?"""
NAME = r"""[^\s:"'\\]{0,64}"""
GIVEN = r"""[^\s"'\\]+"""
CURL = rf"(?:-[a-zA-Z]*[uU]{GAP}?|--(?:proxy-)?user(?:=|{GAP}))"
MYSQL = r"mysql(?:dump|admin|check|import|show|slap|pump)?"
MARIADB = r"mariadb(?:-(?:dump|admin|check|import|show|slap|backup))?"

# `docker run --name mongo -p 27017:27017` publishes a port, and `-u 1000:1000` is no password.
NUMBERS = r"\d{1,5}(?:-\d{1,5})?"
VARIABLE = r"\$(?:\w+|\{[^{}]*\})"
FIRST = rf"(?:{NUMBERS}|{VARIABLE}|[\d.]+|\[[0-9a-fA-F:.]*\]):"
PORT = re.compile(rf"(?:(?:{FIRST})*{NUMBERS}|(?:{FIRST})+{VARIABLE})(?:/tcp|/udp|/sctp)?")
# Long options of others, spelled with one dash: `-pid-file=x`, and some without a seam.
OPTION = re.compile(r"[a-z][a-zA-Z]*(?:=.*|(?:-[a-z]+)+(?:=.*)?)", re.DOTALL)
OPTIONS = frozenset({
    "arallel", "ath", "latform", "lugin", "ool", "ort", "refix", "retty", "rint", "rivileged",
    "rod", "roduction", "rofile", "roxy", "rotocol", "roto", "ublish", "ull",
})  # fmt: skip
SAID = TELLING | {"option", "options", "flag"}  # `redis-cli -a or -u option` is a sentence


def commands() -> Iterator[Shape]:
    """A shape for each command."""
    for command, option, fits in (
        (r"curl", rf"{CURL}{NAME}:", is_given),
        (rf"(?:{MYSQL}|{MARIADB})", rf"-p{QUOTE}", is_glued),
        (r"mongo(?:sh|dump|restore|export|import)?", rf"-p{GAP}?", is_word),
        (r"redis-cli", rf"-a{GAP}?", is_word),
        (r"sshpass", rf"-p{GAP}?", is_word),
        (rf"docker{GAP}login", rf"-p{GAP}?", is_word),
    ):
        yield _shape(command, option, fits)


def is_given(text: str) -> bool:
    """Neither a port nor what only stands behind a closing quote."""
    return PORT.fullmatch(text) is None and text[0] not in ",;)}]"


def is_word(text: str) -> bool:
    """Nor a word of a sentence about the option."""
    return is_given(text) and text.lower() not in SAID


def is_glued(text: str) -> bool:
    """Nor the rest of another option, which begins with the same letter."""
    return is_given(text) and text not in OPTIONS and OPTION.fullmatch(text) is None


def _shape(command: str, option: str, fits: Callable[[str], bool]) -> Shape:
    expression = rf"{PLACE}(?i:{command}):?{GAP}(?:{BEFORE}{GAP})??{option}(?P<it>{GIVEN})"
    return Shape("command", expression, fits)
