"""`sidewatch demo`: the whole of it on simulated applications, with no configuration."""

from __future__ import annotations

import argparse
import math

from exporter.commands.types import Subparsers


def add_parser(commands: Subparsers) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "demo",
        help="watch simulated applications whose faults come and go",
        description="Starts simulated applications that write real-format logs into a private "
        "folder, watches them, and tells what happens. Installed as sidewatch[demo], it has a "
        "PostgreSQL in that folder, into which they write what they log; with Prometheus and "
        "Alertmanager on PATH it shows the messages that these send. Needs no configuration and no "
        "root, and removes what it wrote.",
    )
    parser.add_argument("--seconds", type=_seconds, help="end by itself after so many")
    parser.add_argument("--seed", type=int, help="of the dice, for the same course again")
    parser.add_argument("--fast", action="store_true", help="scenes of a few seconds")
    parser.add_argument("--keep", action="store_true", help="leave the folder, and say where")
    parser.add_argument(
        "--no-alerts", action="store_true", help="start no Prometheus and no Alertmanager"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT."""
    from exporter.demo.show import Options, demo  # noqa: PLC0415 - no other command pays for it

    given = arguments
    demo(Options(given.seconds, given.seed, given.fast, given.keep, alerts=not given.no_alerts))
    return 0


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < math.inf:
        raise ValueError(text)
    return seconds
