"""Which engine counts: the compiled one where it was built, else the one in Python.

The environment variable SIDEWATCH_ENGINE asks for one of them, "compiled" or "python".
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from exporter.engine.counting import Counting, Paths
from exporter.engine.reference import Lines
from exporter.errors import SidewatchError

COMPILED, PYTHON = "compiled", "python"
_VARIABLE = "SIDEWATCH_ENGINE"
_LOOP = "exporter.engine.native.loop"


def available() -> bool:
    """Whether the compiled engine was built."""
    return find_spec(_LOOP) is not None


def paths(name: str) -> Callable[[Counting], Paths]:
    """What makes the fast paths of one service, by the engine of this name."""
    if name == PYTHON:
        return Lines
    if name != COMPILED:
        raise SidewatchError(f"{_VARIABLE} is '{name}': it must be {COMPILED} or {PYTHON}")
    if not available():
        raise SidewatchError(
            f"{_VARIABLE} asks for the compiled engine, which was not built: install a C compiler "
            "and Python's headers, then install sidewatch again"
        )
    made: Callable[[Counting], Paths] = import_module(_LOOP).Lines
    return made


def running() -> str:
    """The engine that counts. Raises SidewatchError where it is no engine, or was not built."""
    paths(ENGINE)
    return ENGINE


def described() -> str:
    """The same in words, with why it is the slower one."""
    if running() == COMPILED:
        return "the compiled engine"
    why = f"{_VARIABLE} asks for it" if available() else "the compiled one was not built"
    return f"the engine in Python, which is slower: {why}"


# The engine that runs. What cannot be had is told when it is first needed, not by an import.
ENGINE = os.environ.get(_VARIABLE) or (COMPILED if available() else PYTHON)
