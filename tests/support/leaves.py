"""Builds the leaf scanners of the compiled engine as a module of their own, for tests alone.

In the product they exist inside the engine's loop only, where nothing else can call them.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).with_suffix(".pyx")
NAME = SOURCE.stem


def build(folder: Path, compiler: str, flags: tuple[str, ...] = ("-O1",)) -> Path:
    """Compile them in `folder`; the module's file."""
    written = folder / f"{NAME}.c"
    built = folder / f"{NAME}{sysconfig.get_config_var('EXT_SUFFIX')}"
    cython = [sys.executable, "-m", "cython", "-3", "-I", str(ROOT), "-o", str(written)]
    subprocess.run([*cython, str(SOURCE)], check=True, cwd=ROOT)
    include = f"-I{sysconfig.get_path('include')}"
    subprocess.run(
        [compiler, *flags, "-fPIC", "-shared", include, str(written), "-o", str(built)], check=True
    )
    return built


def load(built: Path) -> Any:
    """The module in a file that `build` gave."""
    spec = spec_from_file_location(NAME, built, loader=ExtensionFileLoader(NAME, str(built)))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
