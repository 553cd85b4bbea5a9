"""sidewatch check: all that is wrong with a configuration, or a summary of what it asks for."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from glob import glob
from pathlib import Path

from exporter.config import AppPlan, Plan, load
from exporter.errors import Complaint, ConfigError


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
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


def run(args: argparse.Namespace) -> int:
    """Print complaints and exit 1, or a summary and exit 0."""
    try:
        plan = load(args.config)
    except ConfigError as error:
        return _refuse(error.complaints)
    if wrong := list(_state_faults(plan)):
        return _refuse(wrong)
    print(f"configuration ok: {plan.file}")
    print(f"  listens at {plan.listen}, keeps its state in {plan.state}")
    for app in plan.apps:
        print(f"  {_summary(app)}")
    for note in (*plan.notes, *_unmatched(plan), *_read_twice(plan)):
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
    return f"{app.name}: profile {app.profile}, {', '.join(counts)}"


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


def _globs(plan: Plan) -> Iterator[tuple[AppPlan, str, int, str]]:
    """Each application's globs: with the key and the line of their entry."""
    for app in plan.apps:
        for one in app.logs:
            for pattern in getattr(one.source, "files", ()):
                yield app, one.key, one.line, pattern


def _unmatched(plan: Plan) -> Iterator[Complaint]:
    for _, key, line, pattern in _globs(plan):
        paths = glob(pattern, recursive=True)
        if not paths:
            yield Complaint(plan.file, line, f"{key}.files", f"nothing fits {pattern!r} now")
        for path in paths:
            if not os.access(path, os.R_OK):
                yield Complaint(plan.file, line, f"{key}.files", f"this user may not read {path}")


def _read_twice(plan: Plan) -> Iterator[Complaint]:
    """Files that two applications read: their lines count for both."""
    readers: dict[str, str] = {}
    for app, key, line, pattern in _globs(plan):
        for path in (pattern, *glob(pattern, recursive=True)):
            reader = readers.setdefault(os.path.realpath(path), app.name)
            if reader != app.name:
                text = f"{path} is read for {reader} too; its lines count for both"
                yield Complaint(plan.file, line, f"{key}.files", text)
                break
