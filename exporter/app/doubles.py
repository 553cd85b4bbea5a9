"""Logs that would be read twice: as a file, and through the API of the daemon that writes it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from exporter.app.discovery import configured
from exporter.config import Plan
from exporter.config.settings import PlacedSource
from exporter.errors import Complaint
from exporter.sources.docker import Docker
from exporter.sources.docker.settings import app_of
from exporter.sources.docker.twice import JSON_LOG, labels_of
from exporter.sources.files import Files
from exporter.sources.files.discover import Finder
from exporter.sources.worker import Worker

PATIENCE_SECONDS = 5.0

log = logging.getLogger(__name__)


def doubled(plan: Plan) -> list[Complaint]:
    """What is wrong with the plan for that, as far as the files there are now tell."""
    logs = [one for app in plan.apps for one in app.logs]
    if plan.discovery is None and not any(isinstance(one.source, Docker) for one in logs):
        return []
    return [
        Complaint(plan.file, one.line, one.key, _why(path, key, app, other))
        for app, one, path, real in _json_logs(plan)
        if (labels := labels_of(Path(real))) is not None
        for other, key in _readers(plan, labels)
    ]


async def doubled_soon(plan: Plan) -> list[Complaint]:
    """The same off the loop; nothing where the files cannot be looked at in time."""
    worker = Worker("look for doubles")
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await worker.do(lambda: doubled(plan))
    except TimeoutError:
        log.warning("whether a log is read twice is not known: the files cannot be looked at now")
        return []
    finally:
        worker.close()


def json_logs(plan: Plan) -> dict[str, str]:
    """The daemon's own log files that are read as files: name, and the key of who reads it."""
    return {Path(real).name: one.key for _, one, _, real in _json_logs(plan)}


def _readers(plan: Plan, labels: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Who reads a container of these labels through Docker: application, and its key."""
    for app in plan.apps:
        for one in app.logs:
            if isinstance(one.source, Docker) and one.source.docker.fits(labels):
                yield app.name, one.key
    found, app_named = plan.discovery, app_of(labels)
    if found and found.selection.fits(labels) and not configured(app_named, labels, plan):
        yield app_named, "discover"


def _json_logs(plan: Plan) -> Iterator[tuple[str, PlacedSource, str, str]]:
    """Application, source, path, and what the path leads to."""
    for app in plan.apps:
        for one in app.logs:
            if not isinstance(one.source, Files):
                continue
            found = Finder(one.source.files, one.source.exclude).find()
            for path in sorted(seen.path for seen in found.files.values()):
                real = os.path.realpath(path)
                if JSON_LOG.fullmatch(Path(real).name):
                    yield app.name, one, path, real


def _why(path: str, key: str, app: str, other: str) -> str:
    through = f"{path} is read through Docker by {key}"
    if app == other:
        return f"{through}; its lines would count twice"
    return f"{through} for {other}; a log is read one way"
