"""Builds what is written in Cython, apart from the product's own build, and loads it."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LOOP = ROOT / "exporter" / "engine" / "native" / "loop.pyx"
LEAVES = Path(__file__).with_name("leaves.pyx")


def build(source: Path, folder: Path, compiler: str, flags: Sequence[str] = ("-O1",)) -> Path:
    """Compile a module in `folder`; the file that it is loaded from."""
    written = folder / f"{source.stem}.c"
    built = folder / f"{source.stem}{sysconfig.get_config_var('EXT_SUFFIX')}"
    cython = [sys.executable, "-m", "cython", "-3", "-I", str(ROOT), "-o", str(written)]
    subprocess.run([*cython, str(source)], check=True, cwd=ROOT)
    include = f"-I{sysconfig.get_path('include')}"
    ends = [include, str(written), "-o", str(built), *flags]  # libraries stand last among flags
    subprocess.run([compiler, "-fPIC", "-shared", *ends], check=True)
    return built


def load(built: Path) -> Any:
    """The module in a file that `build` gave, which is imported from there from now on."""
    stem = built.name.partition(".")[0]
    name = "exporter.engine.native.loop" if stem == LOOP.stem else f"tests.support.{stem}"
    spec = spec_from_file_location(name, built, loader=ExtensionFileLoader(name, str(built)))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
