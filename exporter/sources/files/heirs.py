"""Whose a file is by now that was read for a source which the configuration no longer names.

A source goes by its first glob, and its cursors by the source. Whoever puts another glob before it
means the same files: they are to be read on, neither anew nor from their end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from exporter.model import Cursor
from exporter.sources.files import Files
from exporter.sources.files.discover import Finder
from exporter.sources.files.follow import restore


class Saved(Protocol):
    """What is kept of a stream that was read for a source."""

    source: str

    @property
    def cursor(self) -> Cursor:
        """How far it was read."""


def pass_on(saved: Iterable[Saved], sources: Iterable[object]) -> None:
    """Give what was saved for a source that is gone to the one that has its files now."""
    kept = [*saved]
    named = heirs([(one.source, one.cursor) for one in kept], sources)
    for one, source in zip(kept, named, strict=True):
        one.source = source


def heirs(saved: Sequence[tuple[str, Cursor]], sources: Iterable[object]) -> list[str]:
    """The source of each saved cursor: its own, else the first one whose globs find its file.

    A file that its heir has read as well stays with nobody.
    """
    files = [
        (one.name, Finder(one.files, one.exclude)) for one in sources if isinstance(one, Files)
    ]
    names = {name for name, _ in files}
    followed = [(source, restore(cursor)) for source, cursor in saved]
    taken = {(source, one.ident) for source, one in followed if one is not None}
    found = []
    for source, one in followed:
        heir = source
        if one is not None and source not in names:
            finders = (name for name, finder in files if finder.fits(one.path))
            heir = next((name for name in finders if (name, one.ident) not in taken), source)
        taken |= {(heir, one.ident)} if one is not None else set()
        found.append(heir)
    return found
