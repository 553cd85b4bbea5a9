"""Copies, compressed copies and moved files: which file holds what another one held."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from exporter.sources.files.compressed import Body, Packed
from exporter.sources.files.discover import Seen
from exporter.sources.files.follow import Follow
from exporter.sources.files.identity import HEAD, MARK, Kinship, kinship
from exporter.sources.files.names import is_packed, live_name, unpacked_name

SEPARATORS = ".-_~"


def stems(name: str) -> set[str]:
    """The names that a file's name may be derived from: "server.log" of "server.log.copy"."""
    return {live_name(name), *(name[:i] for i in range(1, len(name)) if name[i] in SEPARATORS)}


def by_stem(files: Iterable[Seen]) -> dict[str, list[Seen]]:
    """The files by all the names that theirs may be derived from."""
    found: dict[str, list[Seen]] = {}
    for seen in files:
        name = os.path.basename(seen.path)
        for stem in {name, *stems(name)}:
            found.setdefault(stem, []).append(seen)
    return found


def candidates(follow: Follow, files: dict[str, list[Seen]]) -> list[Seen]:
    """The files that may hold what `follow` counted, the likeliest first."""
    names = {live_name(os.path.basename(path)) for path in (follow.path, follow.real)}
    near = {seen.path: seen for name in names for seen in files.get(name, ())}
    likely = [seen for seen in near.values() if _may_be(follow, seen)]
    return sorted(likely, key=lambda seen: _likeness(follow, seen))


def _may_be(follow: Follow, seen: Seen) -> bool:
    """Whether names and numbers let it be; what the files hold is then asked for.

    Logs that begin alike are common where lines have no times. So a file under the very name that
    the old one had, or in another directory, must share a whole head to be taken for it.
    """
    if seen.ident[1] == follow.ident[1]:
        return True
    directory, name = os.path.split(seen.path)
    if seen.path != follow.path and directory in map(os.path.dirname, (follow.path, follow.real)):
        return True
    return follow.print.strong and name == os.path.basename(follow.path)


def _likeness(follow: Follow, seen: Seen) -> tuple[bool, bool, bool, float]:
    packed = is_packed(seen.path)
    return seen.ident[1] != follow.ident[1], seen.path != follow.path, packed, seen.mtime


def relation(follow: Follow, seen: Seen, body: Body) -> tuple[Kinship, bool]:
    """What the file is to what `follow` counted, and whether all of it is known to be counted."""
    known = follow.print
    if not isinstance(body, Packed):
        fits = seen.size >= follow.cursor.offset and known.fits(body.at)
        return kinship(known, seen.size, heads=known.heads(body.at), fits=fits), False
    if not known.heads(body.at):
        return "stranger", False
    renamed = unpacked_name(os.path.basename(seen.path)) == os.path.basename(follow.path)
    if (follow.drained and renamed) or body.promised() == follow.cursor.offset:
        return "continues", True  # without unpacking it all to find nothing new
    return kinship(known, None, heads=True, fits=known.fits(body.at)), False


def in_the_making(seen: Seen, body: Body, plain: Follow) -> bool:
    """Whether a compressed file is one of `plain`, or may turn out to be when more is known."""
    if unpacked_name(seen.path) in (plain.path, plain.real) or plain.print.heads(body.at):
        return True
    if plain.missing is not None or plain.unread():
        return True
    return isinstance(body, Packed) and body.damage is not None and len(body.at(0, HEAD)) < HEAD


def still(follow: Follow, seen: Seen, body: Body) -> bool:
    """Whether a file of the same inode is still the one that was followed."""
    known = follow.print
    if follow.done:
        return seen.size == follow.size and (not known.head_size or known.heads(body.at))
    # Of which nothing was counted, nothing is known: it is begun anew, or may be a copy.
    return known.end > 0 and known.intact(body.at)


def alike(copy: Body, original: Body, size: int) -> bool:
    """Whether `original` holds, where it says something, what the first `size` bytes here do."""
    places: Iterator[tuple[int, int]] = iter(
        ((0, min(HEAD, size)), (max(0, size - MARK), min(MARK, size)))
    )
    return all(copy.at(*place) == original.at(*place) for place in places)
