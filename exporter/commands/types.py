"""What commands declare themselves with."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no other name
else:
    Subparsers = object


def add_config(parser: argparse.ArgumentParser) -> None:
    """Declare the configuration that a command reads."""
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("sidewatch.yaml"),
        metavar="FILE",
        help="the configuration (default: %(default)s)",
    )


def add_web(parser: argparse.ArgumentParser) -> None:
    """Declare the endpoint's own file."""
    parser.add_argument(
        "--web.config.file",
        dest="web_config",
        default="",
        metavar="FILE",
        help="TLS and users of the endpoint, in the Prometheus exporter toolkit's format",
    )


def environment(arguments: argparse.Namespace) -> Mapping[str, str]:
    """The environment that a configuration is read with: an option stands above its variable."""
    from exporter.config import WEB_VARIABLE  # noqa: PLC0415 - `run` loads it beside the server

    given = {WEB_VARIABLE: arguments.web_config} if arguments.web_config else {}
    return os.environ | given
