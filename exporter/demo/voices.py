"""How it is told: over and over in one place on a terminal, line after line elsewhere."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Protocol, TextIO

from msgspec import Struct, field

from exporter.demo.inbox import Message
from exporter.demo.scenes import Span
from exporter.demo.telling import (
    INDENT,
    Board,
    Moment,
    alarm_line,
    number_lines,
    scene_lines,
)

NUMBERS_EVERY = 5  # moments


class Voice(Protocol):
    """Tells moments."""

    def tell(self, moment: Moment, board: Board) -> None:
        """Tell one; `board` has the alarms that hold."""


class Listener(Struct, frozen=True):
    """Where words go. When nobody listens any more, `gone` is told, and the rest is dropped."""

    out: TextIO
    gone: Callable[[], None]

    def hear(self, text: str) -> None:
        """Write at once."""
        try:
            self.out.write(text)
            self.out.flush()
        except UnicodeEncodeError:
            self.hear(text.encode("ascii", "replace").decode())
        except OSError:
            # What stays in the buffer would be an error again when the interpreter ends.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.out.fileno())
            os.close(nowhere)
            self.gone()


def voice(listener: Listener) -> Voice:
    """The one that fits where the words go."""
    if listener.out.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        return InPlace(listener)
    return LineByLine(listener)


class LineByLine(Struct):
    """Scenes as they begin, messages and alarms as they come, numbers every few moments."""

    listener: Listener
    _span: Span | None = None
    _moments: int = 0

    def tell(self, moment: Moment, board: Board) -> None:
        """Tell what is new."""
        del board  # its changes stand in the moment
        for line in self._lines(moment):
            self.listener.hear(f"{line}\n")

    def _lines(self, moment: Moment) -> Iterator[str]:
        if moment.span != self._span:
            self._span = moment.span
            yield f"-- {moment.span.scene.title} ({moment.left:.0f} s)"
            yield from scene_lines(moment.span)
        self._moments += 1
        if self._moments % NUMBERS_EVERY == 0:
            yield from number_lines(moment.page, moment.now)
        told = moment.told
        yield from (f"would fire: {alarm_line(one)}" for one in told.begun)
        yield from (f"no longer:  {one.rule} · {one.subject}" for one in told.ceased)
        yield from (one.line() for one in told.messages)
        yield from (f"sidewatch says: {text}" for text in told.complaints)


class InPlace(Struct):
    """Draws every moment over the one before."""

    listener: Listener
    _complaints: deque[str] = field(default_factory=lambda: deque(maxlen=3))
    _messages: deque[tuple[float, Message]] = field(default_factory=lambda: deque(maxlen=6))
    _height: int = 0

    def tell(self, moment: Moment, board: Board) -> None:
        """Draw; long lines are folded, and what is too much for the terminal is left out."""
        self._complaints.extend(moment.told.complaints)
        self._messages.extendleft((moment.now, one) for one in moment.told.messages)
        columns, rows = shutil.get_terminal_size()
        folded = (_fold(line, columns - 1) for line in self._lines(moment, board))
        lines = [*chain.from_iterable(folded)][: rows - 1]
        up = f"\x1b[{self._height}F" if self._height else ""
        self.listener.hear(f"{up}\x1b[J" + "".join(f"{line}\n" for line in lines))
        self._height = len(lines)

    def _lines(self, moment: Moment, board: Board) -> Iterator[str]:
        yield f"Now: {moment.span.scene.title} ({moment.left:.0f} s more)"
        yield from scene_lines(moment.span)
        yield "/metrics says:"
        yield from (f"{INDENT}{line}" for line in number_lines(moment.page, moment.now))
        if self._messages:
            yield "Messages that came, the newest first:"
        for at, one in self._messages:
            yield f"{INDENT}{one.line()} ({moment.now - at:.0f} s ago)"
        yield "Conditions of shipped alerts that hold:"
        held = list(board.lines(moment.now)) or ["none"]
        yield from (f"{INDENT}{line}" for line in held)
        yield from (f"sidewatch says: {text}" for text in self._complaints)


def _fold(line: str, width: int) -> list[str]:
    margin = " " * (len(line) - len(line.lstrip()))
    return textwrap.wrap(line, width, subsequent_indent=f"{margin}{INDENT}")
