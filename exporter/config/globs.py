"""Globs of a configuration, taken from its folder."""

from __future__ import annotations

from collections.abc import Iterable
from glob import escape
from pathlib import Path


def inside(folder: Path, globs: Iterable[str]) -> tuple[str, ...]:
    """The globs from this folder, whose own name stands for itself; absolute ones stay."""
    base = Path(escape(str(folder.absolute())))
    return tuple(str(base / glob) for glob in globs)
