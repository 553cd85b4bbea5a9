"""sidewatch maintenance: an operator says beforehand that an application will be restless."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from exporter.app.discovery import read as read_discovered
from exporter.commands.types import Subparsers, add_config
from exporter.config import Plan, load, seconds
from exporter.errors import SidewatchError
from exporter.maintenance import LONGEST_SECONDS, read, write

DEFAULT_SECONDS = 1800.0


def add_parser(commands: Subparsers) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "maintenance",
        help="open or close a quiet window for planned work",
        description="While a window is open, alerts about what a deploy or a stop may well cause"
        " are held back. Lost data, failed one-shots, restart loops and certificates alert as"
        " ever. A window closes by itself.",
    )
    parser.add_argument("action", choices=("open", "close", "list"))
    add_config(parser)
    parser.add_argument(
        "--app",
        action="append",
        default=[],
        metavar="NAME",
        help="this application; may be given again (default: all)",
    )
    parser.add_argument(
        "--for",
        dest="length",
        type=_length,
        default=DEFAULT_SECONDS,
        metavar="TIME",
        help="how long, like 45m or 2h, a day at most (default: 30m)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Change what is declared, and say what is now; 0. Raises SidewatchError."""
    plan = load(arguments.config)
    apps = _apps(plan, arguments.app)
    now = time.time()
    windows = read(plan.state, now)
    if arguments.action == "open":
        windows |= dict.fromkeys(apps, now + arguments.length)
    elif arguments.action == "close":
        windows = {app: until for app, until in windows.items() if app not in apps}
    if arguments.action != "list":
        write(plan.state, windows)
    _say(windows)
    return 0


def _apps(plan: Plan, wanted: Sequence[str]) -> list[str]:
    known = [app.name for app in plan.apps]
    if plan.discovery is not None:
        known += sorted((read_discovered(plan.state) or {}).keys() - set(known))
    for name in wanted:
        if name not in known:
            raise SidewatchError(f"there is no application {name}; there are {', '.join(known)}")
    return list(wanted) or known


def _say(windows: Mapping[str, float]) -> None:
    if not windows:
        print("no window is open")
    for app, until in sorted(windows.items()):
        print(f"{app}: quiet until {datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M:%S} UTC")


def _length(text: str) -> float:
    try:
        length = seconds(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time like 45m or 2h") from None
    if not 0 < length <= LONGEST_SECONDS:
        raise argparse.ArgumentTypeError("longer than nothing, and a day at most")
    return length
