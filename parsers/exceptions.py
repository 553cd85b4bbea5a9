"""Exceptions: which line of a traceback names one, and its type, for Python, Node and .NET."""

from __future__ import annotations

import re

PYTHON_HEAD = "Traceback (most recent call last):"
# What Python prints between the tracebacks of a chain; the first one, the cause, counts.
PYTHON_LINKS = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)

_GROUP = "Exception Group " + PYTHON_HEAD
_LONGEST_TYPE = 100
LONGEST_LINE = 2000
# No name that is printed in front of its text reaches further.
_LOOK = 400

_COMPONENT = r"(?:[A-Za-z_][A-Za-z0-9_]{0,127}+|<locals>)"
_PATH = rf"{_COMPONENT}(?:[.+]{_COMPONENT}){{0,63}}+"
_PATH_ALONE = re.compile(_PATH)
# Behind the path Python has nothing, .NET a number in parentheses (`(0x80004005)`), Node a code in
# brackets (`[ECONNREFUSED]`); the introductions are those of a crash in Node and .NET.
_LINE = re.compile(
    r"(?:Uncaught |Unhandled exception\. |Unhandled Exception: )?"
    rf"({_PATH})(?: \([0-9A-Za-z]{{1,20}}\)| \[[0-9A-Za-z_]{{1,64}}\])?(?:: |:?\Z)"
)
# How the last component ends where no module stands in front of it, and text could be prose.
_TELLING_ALONE = ("Error", "Exception")
_TELLING = (
    "Warning", "Interrupt", "Exit", "Iteration", "Group", "Exceeded", "Timeout", "Failure", "Fault",
)  # fmt: skip
# Old Python exceptions have lower-case names: socket.timeout, zlib.error, socket.gaierror.
_LOWER = ("error", "timeout")
# A frame of an exception group is drawn behind a margin of bars.
_MARGIN = re.compile(r"\A {0,64}\| ?")


def type_name(text: str) -> str | None:
    """The text as a type, where it is a dotted name and nothing else; at most 100 characters."""
    return text[:_LONGEST_TYPE] if _PATH_ALONE.fullmatch(text, 0, _LOOK) else None


def is_exception_line(line: str) -> bool:
    """Whether the line, from its first character, is what is printed for an exception."""
    return _named(line) is not None


def exception_type(text: str) -> str | None:
    """The type that a traceback or a single line names, as printed; None for what names none."""
    line = exception_line(text)
    return _named(line) if line else None


def exception_line(text: str) -> str | None:
    """The line that names a traceback's exception, at most 2000 characters of it.

    Python prints it below the frames. In a chain the first one counts, the cause: who reads line by
    line knows it first. In a group it is the innermost. Node and .NET print it before the frames,
    and their first one counts.
    """
    head = text.rfind(PYTHON_HEAD) if _GROUP in text else text.find(PYTHON_HEAD)
    return _first_exception(text) if head < 0 else _below_frames(text, head)


def _first_exception(text: str) -> str | None:
    lines = (line.strip() for line in text.splitlines())
    return next((line[:LONGEST_LINE] for line in lines if is_exception_line(line)), None)


def _below_frames(text: str, head: int) -> str | None:
    """The first line below `head` that is not indented, as the frames and their source are."""
    in_group = text[text.rfind("\n", 0, head) + 1 : head].lstrip(" ").startswith(("|", "+"))
    for line in text[head:].splitlines()[1:]:
        shown = _MARGIN.sub("", line, count=1) if in_group else line
        if shown.strip() and not shown.startswith((" ", "\t")):
            return shown.rstrip()[:LONGEST_LINE]
    return None


def _named(line: str) -> str | None:
    # The end of what is looked at is not the end of the line.
    found = _LINE.match(line.rstrip() if len(line) <= _LOOK else f"{line[:_LOOK]}...")
    if not found or not _is_telling(found[1]):
        return None
    return found[1][:_LONGEST_TYPE]


def _is_telling(path: str) -> bool:
    last = path.replace("+", ".").rpartition(".")[2]
    if last != path:
        return last[0].isupper() or last.endswith(_LOWER)
    return last.endswith(_TELLING_ALONE) or (last.endswith(_TELLING) and last not in _TELLING)
