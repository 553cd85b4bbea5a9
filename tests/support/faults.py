"""The list of faults, and how each is played: tests/signals.yaml and tests/signals/<id>.yaml.

alerts, apart, severity, because
           what docs/signals.md says of it
variants   logs of some hours: tests/support/signals.py says what they consist of
scraped    the application's own metrics: tests/support/scraped.py
faults     what really befalls an application that is well: tests/support/staged.py
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.support import yamls

TESTS = Path(__file__).parents[1]
FOLDER = TESTS / "signals"


def _listed() -> dict[str, dict[str, Any]]:
    listed = yamls.read((TESTS / "signals.yaml").read_text())
    return {one["id"]: {"app": app, **one} for app, rows in listed.items() for one in rows}


# By its id: its application, where it is read, and the fault in a sentence.
FAULTS: Mapping[str, Mapping[str, Any]] = _listed()


@cache
def told(signal: str) -> Mapping[str, Any]:
    """One signal's file."""
    found: dict[str, Any] = yamls.read((FOLDER / f"{signal}.yaml").read_text())
    return found


def files() -> set[str]:
    """The signals that have a file."""
    return {path.stem for path in FOLDER.glob("*.yaml")}
