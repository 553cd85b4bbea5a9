"""Where lines and values come from: the shapes of a source, and the one map of kinds of lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec.structs import replace

from exporter.clock import Clock
from exporter.model import Board, Sink
from exporter.sources.docker import Docker
from exporter.sources.files import Files
from exporter.sources.journald import Journald
from exporter.sources.otlp import Otlp
from exporter.sources.stdin import Stdin


class LogSource(Protocol):
    """A frozen value whose fields are its keys in the configuration."""

    @property
    def name(self) -> str:
        """The label `source`; the same for as long as the source is the same one."""

    @property
    def finite(self) -> bool:
        """Whether it can come to its end."""

    @property
    def interval(self) -> float | None:
        """How often it is looked at, in seconds, at the least; None for what tells by itself."""

    async def run(self, sink: Sink, clock: Clock) -> None:
        """Feed the sink until cancelled; returns where the input ends. Raises SourceError."""


class AskingSource(Protocol):
    """A source that asks for values, on its own clock; else like one of lines."""

    @property
    def name(self) -> str:
        """The label `source`; the same for as long as the source is the same one."""

    @property
    def finite(self) -> bool:
        """Whether it can come to its end."""

    async def run(self, board: Board, clock: Clock) -> None:
        """Ask until cancelled. It tells of failures itself, and outlives them."""


# What these hand over nobody can read again.
ONCE: tuple[type[LogSource], ...] = (Otlp, Stdin)

KINDS: Mapping[str, type[LogSource]] = {
    "docker": Docker,
    "files": Files,
    "journald": Journald,
    "otlp": Otlp,
    "stdin": Stdin,
}


def from_beginning(source: LogSource) -> LogSource:
    """The same; what it knows nothing of is read from the beginning, whatever it was told."""
    if isinstance(source, Docker | Files | Journald):
        return replace(source, from_="beginning")
    return source
