"""The sub-commands, one file each: `add_parser` declares it, `run` does it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from exporter.commands.types import Subparsers

# Their files, in the order of the help.
COMMANDS = {
    "run": "run",
    "check": "check",
    "explain": "explain",
    "replay": "replay",
    "maintenance": "maintenance",
    "export": "export",
    "test-alert": "testalert",
    "lint": "lint",
    "demo": "demo",
}


class Command(Protocol):
    """One file. Its parser sets `run`, from the options to an exit code."""

    def add_parser(self, commands: Subparsers, /) -> None:
        """Declare the command."""


def add_parsers(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """Declare the command that the words begin with, or else all.

    Each comes with all that it works with, so that `run` neither waits for it nor carries it.
    """
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in _meant(words):
        command.add_parser(commands)


def _meant(words: Sequence[str]) -> Iterator[Command]:
    names = words[:1] if words and words[0] in COMMANDS else COMMANDS
    for name in names:
        yield cast(Command, import_module(f"exporter.commands.{COMMANDS[name]}"))
