"""Small files of JSON beside the state, by which commands and who watches tell each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from exporter.errors import StateError

T = TypeVar("T")


def read(path: Path, what: str, parse: Callable[[Any], T]) -> T | None:
    """What `parse` makes of it; None where there is no file.

    Raises StateError, which says that it is no `what` where `parse` cannot take it.
    """
    try:
        return parse(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, LookupError, AttributeError, TypeError, OverflowError, RecursionError):
        raise StateError(f"{path}: is no {what}; remove it") from None


def write(path: Path, value: object) -> None:
    """Replace it at once, in a folder that is made where it is missing. Raises StateError."""
    fresh = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(value) + "\n", encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise StateError(f"{path}: cannot be written: {error.strerror or error}") from error
