"""Puts what was printed into the document, between markers, so that it quotes nothing else."""

from __future__ import annotations

from pathlib import Path


def markers(name: str) -> tuple[str, str]:
    """Between which the document has what the command says about this."""
    return f"<!-- growth: {name} -->\n", f"<!-- /growth: {name} -->"


def put(document: Path, name: str, text: str) -> None:
    """Replace what stands between the markers. Raises ValueError where they are not there."""
    begin, end = markers(name)
    before, found, rest = document.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{document} has no {begin.strip()} ... {end}")
    document.write_text(f"{before}{begin}\n{text.strip()}\n\n{end}{after}")
