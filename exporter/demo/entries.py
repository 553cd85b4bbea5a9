"""What an application says and writes to its database, and the forms in which a line is written.

Everything knows when it is due, in the application's own time; the time that stands in a line is
the machine's, so it is given when the line is written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

from msgspec import Struct, field

Form = Callable[["Entry", float], str]
PINO_LEVELS = {"INFO": 30, "WARNING": 40, "ERROR": 50}


class Entry(Struct, frozen=True):
    """One record. A field that can be called is a function of the time of writing.

    `log` is the file, as application/name. `traceback` is Python's, without a last newline.
    """

    at: float
    log: str
    form: Form
    level: str
    message: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    logger: str = ""
    traceback: str = ""

    def text(self, now: float) -> str:
        """Its line or lines, written at `now` (seconds since 1970), with the last newline."""
        return f"{self.form(self, now)}\n"


class When(Struct, frozen=True):
    """A moment in the application's own time, as a value of a deed."""

    at: float


class Deed(Struct, frozen=True):
    """One statement that an application sends to its database, with its values."""

    at: float
    app: str
    sql: str
    values: tuple[object, ...] = ()


Happening = Entry | Deed


def bare(entry: Entry, _: float) -> str:
    """What is printed past the logger."""
    return entry.message


def keyvalue(entry: Entry, now: float) -> str:
    """The plain framework with LOG_FORMAT=keyvalue: no time, and a space even before no pairs."""
    pairs = " ".join(f"{name}={_quoted(value)}" for name, value in _fields(entry, now))
    line = f"[{entry.level}] {entry.message} {pairs}"
    return f"{line}\n{entry.traceback}" if entry.traceback else line


def _quoted(value: Any) -> str:
    text = str(value)
    if '"' in text:
        return '"' + text.replace('"', '\\"') + '"'
    return f'"{text}"' if not text or any(one in text for one in " /':=.") else text


def plain_json(entry: Entry, now: float) -> str:
    """The plain framework with LOG_FORMAT=json: it prints a traceback inside, and once more."""
    at = datetime.fromtimestamp(now, UTC)
    written = {
        "timestamp": f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03}",
        "level": entry.level,
        "message": entry.message,
        "logger": entry.logger,
        **dict(_fields(entry, now)),
    }
    if not entry.traceback:
        return json.dumps(written, ensure_ascii=False)
    inside = json.dumps({**written, "exception": entry.traceback}, ensure_ascii=False)
    return f"{inside}\n{entry.traceback}"


def pino(entry: Entry, now: float) -> str:
    """JSON as pino writes it: the level is a number, the time in milliseconds, the message last."""
    written = {
        "level": PINO_LEVELS[entry.level],
        "time": int(now * 1000),
        "pid": 1,
        "hostname": "kodiai-demo",
        **dict(_fields(entry, now)),
        "msg": entry.message,
    }
    return json.dumps(written, ensure_ascii=False, separators=(",", ":"))


def _fields(entry: Entry, now: float) -> Iterator[tuple[str, Any]]:
    for name, value in entry.fields.items():
        yield name, value(now) if callable(value) else value


# -- what the simulated applications share --------------------------------------------------------


def arrivals(dice: Random, begin: float, end: float, a_minute: float) -> Iterator[float]:
    """Times at which something comes by itself, so many a minute (a Poisson process)."""
    at = begin + dice.expovariate(a_minute / 60.0)
    while at < end:
        yield at
        at += dice.expovariate(a_minute / 60.0)


def uuid(dice: Random) -> str:
    """A random UUID."""
    return str(UUID(int=dice.getrandbits(128), version=4))


def take_due(waiting: list[Happening], end: float) -> list[Happening]:
    """Take out, in order, what is due before `end`."""
    due = sorted((one for one in waiting if one.at < end), key=lambda one: one.at)
    waiting[:] = [one for one in waiting if one.at >= end]
    return due
