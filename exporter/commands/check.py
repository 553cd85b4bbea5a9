"""sidewatch check: all that is wrong with a configuration, or a summary of what it asks for."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from exporter.commands.types import Subparsers
from exporter.config import AppPlan, Plan, load
from exporter.errors import Complaint, ConfigError
from exporter.sources.files import Files
from exporter.sources.files.discover import Finder, Found


def add_parser(commands: Subparsers) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "check",
        help="say all that is wrong with a configuration",
        description="Reads the configuration and its profiles, and says all that is wrong at once.",
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("sidewatch.yaml"),
        metavar="FILE",
        help="the configuration (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print complaints and exit 1, or a summary and exit 0."""
    try:
        plan = load(arguments.config)
    except ConfigError as error:
        return _refuse(error.complaints)
    if wrong := list(_state_faults(plan)):
        return _refuse(wrong)
    print(f"configuration ok: {plan.file}")
    print(f"  listens at {plan.listen}, keeps its state in {plan.state}")
    for app in plan.apps:
        print(f"  {_summary(app)}")
    for note in (*plan.notes, *_surroundings(plan)):
        print(f"note: {note}")
    return 0


def _refuse(complaints: list[Complaint]) -> int:
    for complaint in complaints:
        print(complaint)
    print(f"{_number(len(complaints), 'mistake')} in the configuration")
    return 1


def _summary(app: AppPlan) -> str:
    counts = (
        _number(len(app.logs), "source"),
        _number(len(app.rules.rules), "log rule"),
        _number(len(app.objectives), "objective"),
    )
    asked = app.postgres
    database = "" if asked is None else f", database {asked.database}: {len(asked.queries)} queries"
    return f"{app.name}: profile {app.profile}, {', '.join(counts)}{database}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _state_faults(plan: Plan) -> Iterator[Complaint]:
    """Why the state could not be kept where it should: the folder, or the one it is made in."""
    folder = plan.state
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        yield Complaint(plan.file, 0, "state", f"{folder} is no folder")
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield Complaint(plan.file, 0, "state", f"this user may not write in the folder {folder}")


def _surroundings(plan: Plan) -> Iterator[Complaint]:
    """What the globs find now: nothing, files that may not be read, another application's files."""
    readers: dict[str, str] = {}
    for app in plan.apps:
        for one in app.logs:
            if isinstance(one.source, Files):
                found = Finder(one.source.files, one.source.exclude).find()
                for text in _findings(one.source, found, app.name, readers):
                    yield Complaint(plan.file, one.line, one.key, text)


def _findings(source: Files, found: Found, app: str, readers: dict[str, str]) -> Iterator[str]:
    if not found.files:
        yield f"no file fits {' or '.join(source.files)} now"
    for path, reason in found.refused.items():
        yield f"{path} cannot be looked at: {reason}"
    for seen in found.files.values():
        if not os.access(seen.path, os.R_OK):
            yield f"this user may not read {seen.path}"
    shared = {
        (reader, seen.path)
        for seen in found.files.values()
        if (reader := readers.setdefault(os.path.realpath(seen.path), app)) != app
    }
    for reader, path in sorted(shared):
        yield f"{path} is read for {reader} too; its lines count for both"
