"""The application that a command is about: a profile's, or one of a configuration."""

from __future__ import annotations

from pathlib import Path

from exporter.config import AppPlan, Plan
from exporter.errors import SidewatchError


def application(plan: Plan, path: Path, name: str | None) -> AppPlan:
    """The one of this name, or the only one. Raises SidewatchError."""
    apps = {app.name: app for app in plan.apps}
    if not apps:
        text = "names no application (those that are discovered have none); use --profile"
        raise SidewatchError(f"{path}: {text}")
    wanted = next(iter(apps)) if name is None else name
    if wanted not in apps or (name is None and len(apps) > 1):
        raise SidewatchError(f"{path}: --app must be one of {', '.join(apps)}")
    return apps[wanted]
