"""The command `sidewatch`: its sub-commands, each in a file of exporter/commands/."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from exporter import __version__
from exporter.commands import COMMANDS
from exporter.errors import ConfigError, SidewatchError
from exporter.redact import Redaction, redactor


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command; its exit code. 1: a mistake of the configuration or the surroundings."""
    parser = argparse.ArgumentParser(
        prog="sidewatch", description="Watches self-hosted applications by what they emit."
    )
    parser.add_argument("--version", action="version", version=f"sidewatch {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(commands)
    chosen = parser.parse_args(arguments)
    try:
        code: int = chosen.run(chosen)
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is a command
        return 1
    except SidewatchError as error:
        told = redactor(Redaction()).text(str(error))
        print(f"sidewatch: {told}", file=sys.stderr)  # noqa: T201 - this is a command
        return 1
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has left; that is no failure
        return 0
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        print(f"sidewatch: {what}{error.strerror or error}", file=sys.stderr)  # noqa: T201 - as above
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
