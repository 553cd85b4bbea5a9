"""What docs/signals.md promises: which alerts tell of which signal of which application."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/signals.md"


def promised(heading: str) -> set[tuple[str, str, str]]:
    """Application, signal and alert, of the sections whose heading fits.

    `heading` is an expression whose one group is the application.
    """
    sections = re.findall(
        rf"^{heading}\n(.*?)(?=^#|\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    return {
        (app, signal, alert)
        for app, text in sections
        for signal, alerts in re.findall(r"^\| (\w\w-[\w-]+) \| ([^|]+) \|", text, re.MULTILINE)
        for alert in alerts.strip().split(", ")
    }
