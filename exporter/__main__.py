"""The command `sidewatch`: its sub-commands, each in a file of exporter/commands/."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from typing import NoReturn, TextIO

from exporter import __version__
from exporter.commands import add_parsers
from exporter.commands.loading import uncollected
from exporter.errors import ConfigError, SidewatchError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command; its exit code.

    1, and 2 of `lint`: a mistake of the configuration or the surroundings.
    """
    parser = argparse.ArgumentParser(
        prog="sidewatch",
        description="Watches self-hosted applications by what they emit.",
        allow_abbrev=False,
    )
    parser.set_defaults(cannot=1)
    words = sys.argv[1:] if arguments is None else arguments
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version, and exit")
    with uncollected() if arguments is None else nullcontext():  # where the process is ours
        add_parsers(parser, words)
    chosen = parser.parse_args(words)
    try:
        code: int = chosen.run(chosen)
        sys.stdout.flush()
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is a command
        return 1
    except SidewatchError as error:
        print(f"sidewatch: {_redacted(error)}", file=sys.stderr)  # noqa: T201 - this is a command
        return 1
    except BrokenPipeError:
        _let_go(sys.stdout)  # whoever read our output has left; that is no failure
        return 0
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        print(f"sidewatch: {what}{error.strerror or error}", file=sys.stderr)  # noqa: T201 - as above
        _let_go(sys.stdout)
        code = chosen.cannot
    return code


def _redacted(error: SidewatchError) -> str:
    from exporter.redact import Redaction, redactor  # noqa: PLC0415 - as the commands

    return redactor(Redaction()).text(str(error))


class _Version(argparse.Action):
    """Says what runs, with the engine that would count; 1 where that cannot be had."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from exporter.engine import choice  # noqa: PLC0415 - as the commands, with what they need

        text = f"sidewatch {__version__}"
        try:
            text = f"{text} ({choice.running()} engine)"
        except SidewatchError as error:
            parser.exit(1, f"{text}; {error}\n")
        with suppress(OSError):
            print(text)  # noqa: T201 - this is a command
        _let_go(sys.stdout)  # whoever does not read it is not told
        parser.exit()


def _let_go(output: TextIO) -> None:
    """Forget what could not be written, or it is tried again at the end, in words of Python's."""
    try:
        output.flush()
    except OSError:
        with suppress(OSError):
            output.close()


if __name__ == "__main__":
    sys.exit(main())
