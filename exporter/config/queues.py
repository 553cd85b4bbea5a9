"""The queue libraries that are known, and what an installation says of those that it uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from exporter.config.build import Builder, entries, instead
from exporter.config.nodes import At, Entries, Node, Refused, compose
from exporter.config.texts import SHIPPED, read_text
from exporter.sources.postgres import Library, Postgres, Query, library_queries

FOLDER = "queues"


@cache  # files of the installation; each takes a hundredth of a second
def libraries() -> Mapping[str, Library]:
    """The libraries that come with sidewatch, by name."""
    folder = SHIPPED / FOLDER
    found = {}
    for path in sorted(folder.glob("*.yaml")):
        at = At(f"{FOLDER}/{path.name}")
        try:
            one = read(path.read_text(encoding="utf-8"), at, shipped=True)
        except Refused:
            raise AssertionError("\n".join(map(str, at.complaints))) from None
        found[one.library] = one
    return MappingProxyType(found)


def read(text: str, at: At, *, shipped: bool = False) -> Library:
    """A library from YAML. Raises Refused, also where only a part of it is wrong."""
    before = len(at.complaints)
    library = Builder().build(Library, compose(text, at, shipped=shipped), at)
    if len(at.complaints) > before:
        raise Refused
    return library


def queue_queries(settings: Postgres, node: Node, at: At, base: Path) -> Iterator[Query]:
    """The queries about queues; those of a library that is not in the database stay silent.

    Paths are taken from the folder `base`. Mistakes go to the complaints of the place.
    """
    if not settings.subjects.get(FOLDER, True):
        return
    here, lines = at.child(FOLDER), _lines(settings, node, at)
    known = dict(libraries())
    for name, use in settings.queues.items():
        if use.file is not None:
            if library := _own(name, base / use.file, here.child(name), lines[name]):
                known[name] = library
        elif name not in known:
            here.say(lines[name], f"there is no queue library {name}{instead(name, known)}")
    for name, library in known.items():
        if name not in settings.queues:
            yield from library_queries(library, {}, asked=False)
        elif (chosen := settings.queues[name]).use:
            _check_names(library, chosen.names, here, lines[name])
            yield from library_queries(library, chosen.names, asked=True)


def _lines(settings: Postgres, node: Node, at: At) -> dict[str, int]:
    """The line on which each library is named; that of the whole where the profile names it."""
    lines = dict.fromkeys(settings.queues, node.line)
    for pair in entries(node, at).pairs:
        if pair.key == FOLDER and isinstance(pair.node, Entries):
            lines |= {one.key: one.line for one in pair.node.pairs}
    return lines


def _own(name: str, path: Path, at: At, line: int) -> Library | None:
    """A library that somebody has described; None where that is refused."""
    try:
        text = read_text(path)
    except ValueError as error:
        at.child("file").say(line, f"{path} {error}")
        return None
    inside = At(str(path), "", at.complaints, at.notes)
    try:
        library = read(text, inside)
    except Refused:
        return None
    if library.library != name:
        at.child("file").say(line, f"{path} describes {library.library}; name it so here, too")
        return None
    return library


def _check_names(library: Library, names: Mapping[str, str], at: At, line: int) -> None:
    for name in names.keys() - library.names.keys():
        text = f"{library.library} has no name {name}{instead(name, library.names)}"
        at.child(library.library).say(line, text)
