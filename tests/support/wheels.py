"""Packages of Python's that tests run apart from sidewatch, each set in a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from tests.support.parts import Parts

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".parts" / "wheels"


def installed(parts: Parts, *pins: str, python: Path = Path(sys.executable)) -> Path:
    """Where these packages are, installed once by their exact versions; the first is noted.

    `python` is what will run them.
    """
    name, _, version = pins[0].partition("==")
    mark = sha256(" ".join((sys.version, str(python), *pins)).encode()).hexdigest()[:8]
    folder = CACHE / f"{name}-{version}-{mark}"
    if not folder.exists():
        _install(pins, folder, python)
    parts.note(name, version)
    return folder


def environment(folder: Path) -> Mapping[str, str]:
    """What a program needs besides its own variables to find them, and the tests' modules."""
    return {"PYTHONPATH": os.pathsep.join(map(str, (folder, ROOT)))}


def _install(pins: tuple[str, ...], folder: Path, python: Path) -> None:
    """Into a folder beside it first, so that an interrupted attempt is never taken for whole."""
    CACHE.mkdir(parents=True, exist_ok=True)
    attempt = Path(tempfile.mkdtemp(dir=CACHE))
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    command += ["--disable-pip-version-check", "--no-input", "--no-compile", "--no-deps"]
    command += ["--target", str(attempt), *pins]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        shutil.rmtree(attempt)
        pytest.fail(f"pip could not install {pins[0]}: {answer.stderr}", pytrace=False)
    try:
        attempt.rename(folder)
    except OSError:
        shutil.rmtree(attempt)
        if not folder.exists():  # else another process of the tests was faster
            raise
