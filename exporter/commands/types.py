"""What commands declare themselves with."""

from __future__ import annotations

import argparse
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
