"""Files of YAML as text, bounded, with what is wrong said as the rest of a sentence."""

from __future__ import annotations

from pathlib import Path

LONGEST_FILE = 1 << 20
# What comes along. Not by importlib.resources, which loads all that it takes to read out of a zip.
SHIPPED = Path(__file__).parents[1]


def read_text(path: Path) -> str:
    """A file of YAML as text. Raises ValueError: what is the matter, as the rest of a sentence."""
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST_FILE + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    if len(data) > LONGEST_FILE:
        raise ValueError("is longer than 1 MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"is not UTF-8 (line {line})") from None
