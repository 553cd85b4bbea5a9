"""The queue libraries of Python's that tests run for real, by exact versions of all they need.

They exclude each other, and some need a newer Python than sidewatch does.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import wheels
from tests.support.parts import Parts

_PSYCOPG = ("psycopg==3.3.9", "psycopg-binary==3.3.9", "psycopg-pool==3.3.3")
_TYPING = ("typing-extensions==4.16.0",)
_PLAIN = (
    *_PSYCOPG,
    *_TYPING,
    "click==8.5.1",
    "jinja2==3.1.6",
    "markupsafe==3.0.4",
    "opentelemetry-api==1.45.2",
    "opentelemetry-semantic-conventions==0.66b2",
    "sqlparse==0.6.1",
)
_PLAIN_SERVER = (
    *_PLAIN,
    "anyio==4.16.0",
    "h2==4.4.1",
    "hpack==4.2.0",
    "hyperframe==6.1.0",
    "idna==3.20",
    "watchfiles==1.3.0",
)
_PROCRASTINATE = (
    *_TYPING,
    "asgiref==3.13.0",
    "attrs==26.1.0",
    "croniter==7.0.0",
    "packaging==26.3",
    "python-dateutil==4.0.0",
    "tzdata==2026.6",
)
_PGQUEUER = (
    *_TYPING,
    "annotated-types==0.8.0",
    "anyio==4.16.0",
    "asyncpg==0.32.0",
    "croniter==7.0.0",
    "idna==3.20",
    "pydantic==2.14.3",
    "pydantic-core==2.50.4",
    "pydantic-settings==2.16.3",
    "python-dateutil==4.0.0",
    "python-dotenv==1.2.4",
    "typing-inspection==0.4.5",
    "tzdata==2026.6",
)


@dataclass(frozen=True)
class Library:
    """A version of a library, everything it needs, and the oldest Python that it runs on."""

    name: str
    version: str
    needs: tuple[str, ...]
    python: tuple[int, int] = (3, 11)


PLAIN = {
    "heartbeats": Library(
        "plain.jobs",
        "0.57.5",
        ("plain==0.164.1", "plain.postgres==0.120.0", *_PLAIN_SERVER),
        (3, 13),
    ),
    "jobs": Library(
        "plain.jobs",
        "0.50.1",
        ("plain==0.139.0", "plain.postgres==0.101.0", *_PLAIN_SERVER),
        (3, 13),
    ),
    "worker": Library(
        "plain.worker", "0.32.0", ("plain==0.74.0", "plain.models==0.51.0", *_PLAIN), (3, 13)
    ),
    "worker-job": Library(
        "plain.worker", "0.27.1", ("plain==0.60.0", "plain.models==0.40.0", *_PLAIN)
    ),
}
PROCRASTINATE = {
    "3": Library("procrastinate", "3.10.0", (*_PSYCOPG, *_PROCRASTINATE)),
    "2": Library(
        "procrastinate",
        "2.15.1",
        (
            "psycopg==3.2.12",  # its pools refuse the newer ones
            "psycopg-binary==3.2.12",
            "psycopg-pool==3.2.6",
            "anyio==4.16.0",
            "idna==3.20",
            *_PROCRASTINATE,
        ),
    ),
}
PGQUEUER = {
    "1": Library("pgqueuer", "1.6.0", _PGQUEUER),
    "0": Library("pgqueuer", "0.26.3", ("async-timeout==5.0.1", *_PGQUEUER)),
}


@dataclass(frozen=True)
class Installed:
    """A library in its folder, and the Python that runs it."""

    library: Library
    python: Path
    folder: Path

    def environment(self) -> Mapping[str, str]:
        """What a program of it needs besides its own variables."""
        return wheels.environment(self.folder)


def installed(library: Library, parts: Parts) -> Installed:
    """The library, installed now if it is not yet; the test fails where that cannot be done."""
    python = _python(library)
    pins = (f"{library.name}=={library.version}", *library.needs)
    return Installed(library, python, wheels.installed(parts, *pins, python=python))


def _python(library: Library) -> Path:
    """A Python that is new enough: that of the tests, or one found beside it.

    Debian 12 has none newer than 3.11, so this is the one part that a test may have to do without.
    """
    if sys.version_info[:2] >= library.python:
        return Path(sys.executable)
    test = f"import sys; sys.exit(sys.version_info < {library.python})"
    for candidate in _pythons():
        if not subprocess.run([candidate, "-c", test], check=False, capture_output=True).returncode:
            return candidate
    wanted = ".".join(map(str, library.python))
    return pytest.skip(
        f"{library.name} {library.version} needs Python {wanted}, which neither pip nor this"
        " system's packages bring; found none on PATH or where pyenv and uv keep theirs"
    )


def _pythons() -> Iterator[Path]:
    for minor in range(13, 20):
        if found := shutil.which(f"python3.{minor}"):
            yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    uv = Path.home() / ".local/share/uv/python"
    for kept in (pyenv, uv):
        yield from sorted(kept.glob("*/bin/python3"))
