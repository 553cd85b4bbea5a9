"""Which engine counts: the compiled one where it can be loaded, else the one in Python.

The environment variable SIDEWATCH_ENGINE asks for one of them, "compiled" or "python".
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from exporter.engine.counting import Counting, Paths
from exporter.errors import SidewatchError

COMPILED, PYTHON = "compiled", "python"
_VARIABLE = "SIDEWATCH_ENGINE"
_LOOP = "exporter.engine.native.loop"
_REFERENCE = "exporter.engine.reference"


def available() -> bool:
    """Whether the compiled engine was built and can be loaded."""
    return _trouble() is None


def _trouble() -> str | None:
    """Why there is no compiled engine, in words that go on a sentence; None where there is."""
    if find_spec(_LOOP) is None:
        return (
            "was not built: install a C compiler and Python's headers, then install sidewatch again"
        )
    try:
        import_module(_LOOP)
    except (ImportError, AttributeError, ValueError) as error:  # of another Python, or outdated
        return f"cannot be loaded ({error}): compile it again"
    return None


def paths(name: str) -> Callable[[Counting], Paths]:
    """What makes the fast paths of one service, by the engine of this name."""
    if name not in (COMPILED, PYTHON):
        raise SidewatchError(f"{_VARIABLE} is '{name}': it must be {COMPILED} or {PYTHON}")
    if name == COMPILED and (trouble := _trouble()):
        raise SidewatchError(f"{_VARIABLE} asks for the compiled engine, which {trouble}")
    made: Callable[[Counting], Paths] = import_module(_REFERENCE if name == PYTHON else _LOOP).Lines
    return made


def running() -> str:
    """The engine that counts. Raises SidewatchError where it is no engine, or was not built."""
    paths(ENGINE)
    return ENGINE


def described() -> str:
    """The same in words, with why it is the slower one."""
    if running() == COMPILED:
        return "the compiled engine"
    trouble = _trouble()
    why = f"{_VARIABLE} asks for it" if trouble is None else f"the compiled one {trouble}"
    return f"the engine in Python, which is slower: {why}"


# The engine that runs. What cannot be had is told when it is first needed, not by an import.
ENGINE = os.environ.get(_VARIABLE) or (COMPILED if available() else PYTHON)
