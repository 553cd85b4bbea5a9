"""What can go wrong: the tree of errors.

SidewatchError
├── ConfigError     the configuration is wrong: the start stops, every complaint at once
├── StateError      a saved state cannot be used: said once, a safe default is taken
├── ExportError     what was asked for cannot be written for others to load
└── SourceError     a source cannot be read now: counted, backed off, tried again
"""

from __future__ import annotations

from msgspec import Struct


class SidewatchError(Exception):
    """The root of every error that sidewatch raises on purpose."""


class Complaint(Struct, frozen=True):
    """One mistake in a configuration: where it stands, what is wrong, what would be right."""

    file: str
    line: int
    key: str
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.text}" if self.key else f"{place}: {self.text}"


class ConfigError(SidewatchError):
    """The configuration is wrong; carries all complaints, in the order of the file."""

    def __init__(self, complaints: list[Complaint]) -> None:
        super().__init__("\n".join(map(str, complaints)))
        self.complaints = complaints


class StateError(SidewatchError):
    """A saved state cannot be used: corrupt, of a foreign version, or not writable."""


class ExportError(SidewatchError):
    """What was asked for cannot be written for others to load."""


class SourceError(SidewatchError):
    """A source cannot be read now; `reason` is a short word fit for a metric label."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason
