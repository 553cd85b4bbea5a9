"""What sidewatch's own image is built of here: Debian's Python, and the wheels that it needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from tests.support.parts import Parts
from tests.support.wheels import CACHE, ROOT

SUITE = "bookworm"
PYTHON = "3.11"  # what this Debian has
BASE = f"python-of-{SUITE}:1"
PACKAGES = "python3,python3-venv,python3-dev,gcc,libc6-dev"
# What the .dockerignore lets through.
CONTEXT = (
    *("Dockerfile", ".dockerignore", ".env.example", "compose.monitoring.yaml", "pyproject.toml"),
    "MANIFEST.in",
    *("README.md", "LICENSE", "exporter", "parsers", "rules", "dashboards", "stack"),
)
MERGED = ("bin", "sbin", "lib", "lib64")  # links into usr, which no package brings
ASIDE = ("doc", "man", "info", "locale")


def base(parts: Parts) -> Path:
    """A root with Debian's Python as a tar archive: debootstrap's packages, unpacked."""
    debootstrap = parts.need("debootstrap")
    return _kept(CACHE.parent / f"{SUITE}-{_mark(PACKAGES)}.tar", lambda to: _base(debootstrap, to))


def wheels(parts: Parts) -> Path:
    """A folder of all that pip needs to install sidewatch without a network."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    wanted.append("typing-extensions")  # needed by that Python, though perhaps not by this one
    parts.note("python of the image", PYTHON)
    return _kept(CACHE / f"image-{_mark(*wanted)}", lambda to: _download(wanted, to))


def context(folder: Path, house: Path) -> Path:
    """The checkout's part that is built, with these wheels beside it."""
    for name in CONTEXT:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.c")
            shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=ignored)
        else:
            folder.mkdir(exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    shutil.copytree(house, folder / "wheels")
    return folder


def build(context: Path, name: str, url: str) -> None:
    """Build the Dockerfile of a context, without a network, with the daemon at this URL."""
    command = ["docker", "build", "--network=none", f"--tag={name}", f"--build-arg=BASE={BASE}"]
    command += ["--build-arg=PIP_NO_INDEX=1", "--build-arg=PIP_FIND_LINKS=/src/wheels"]
    answer = subprocess.run(
        [*command, str(context)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DOCKER_HOST": url, "DOCKER_BUILDKIT": "0"},
    )
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-3000:]


def _base(debootstrap: Path, to: Path) -> None:
    with tempfile.TemporaryDirectory() as given:
        loaded, root = Path(given) / "loaded", Path(given) / "root"
        options = ("--variant=minbase", "--download-only", f"--include={PACKAGES}")
        _do("debootstrap", [str(debootstrap), *options, SUITE, str(loaded)])
        for name in MERGED:
            (root / "usr" / name).mkdir(parents=True)
            (root / name).symlink_to(f"usr/{name}")
        for package in sorted(loaded.glob("var/cache/apt/archives/*.deb")):
            _do("dpkg-deb", ["dpkg-deb", "--extract", str(package), str(root)])
        for name in ASIDE:
            shutil.rmtree(root / "usr/share" / name, ignore_errors=True)
        with tarfile.open(to, "w") as archive:
            archive.add(root, ".")


def _download(wanted: list[str], to: Path) -> None:
    command = ["pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--only-binary=:all:", f"--python-version={PYTHON}", f"--dest={to}", *wanted]
    _do("pip", [sys.executable, "-m", *command])


def _do(what: str, command: list[str]) -> None:
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        pytest.fail(f"{what} failed: {answer.stdout[-500:]}{answer.stderr[-500:]}", pytrace=False)


def _mark(*words: str) -> str:
    return sha256(" ".join((PYTHON, *words)).encode()).hexdigest()[:8]


def _kept(place: Path, make: Callable[[Path], None]) -> Path:
    """What was made there once; an interrupted attempt is never taken for it."""
    if not place.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as attempt:
            made = Path(attempt) / place.name
            make(made)
            if not place.exists():  # else another process of the tests was faster
                made.rename(place)
    return place
