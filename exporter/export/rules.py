"""Which of the shipped rules are written, and into which files."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib.resources import files

import yaml
from msgspec import Struct
from msgspec.structs import replace

from exporter.errors import ExportError
from exporter.export.keep import keep, keepable
from exporter.export.shipped import Piece, Subject

TIERS = "export/tiers.yaml"
RECORDED = re.compile(r"\b[a-zA-Z_]\w*(?::\w+)+")


class Wanted(Struct, frozen=True):
    """What is asked for: a tier or all alerts, these subjects or all, but not those."""

    tier: str = ""
    subjects: Collection[str] = ()
    without: Collection[str] = ()
    keep_labels: Sequence[str] = ()


def tiers() -> Mapping[str, Sequence[str]]:
    """The alerts of each tier."""
    text = (files("exporter") / TIERS).read_text(encoding="utf-8")
    found: Mapping[str, Sequence[str]] = yaml.safe_load(text)
    return found


def chosen(shipped: Sequence[Subject], wanted: Wanted) -> tuple[Subject, ...]:
    """The subjects with the alerts that are wanted, and every recorded series that these read.

    So a subject that is left out may still have a file. Raises ExportError.
    """
    names, labels = [subject.name for subject in shipped], keepable(wanted.keep_labels)
    for name in (*wanted.subjects, *wanted.without):
        if name not in names:
            raise ExportError(f"there are no rules about {name}; there are {', '.join(names)}")
    kept = [
        piece
        for subject in shipped
        if subject.name in (wanted.subjects or names) and subject.name not in wanted.without
        for group in subject.groups
        for piece in group.pieces
        if _is_wanted(piece, wanted.tier)
    ]
    if not kept:
        raise ExportError("no rule is left of what is asked for; ask for fewer things at once")
    records = {
        piece.name: piece
        for subject in shipped
        for group in subject.groups
        for piece in group.pieces
        if not piece.alerts
    }
    needed = {piece.name for piece in kept} | _read_by(kept, records)
    cut = (_with(subject, needed) for subject in shipped)
    return tuple(_keeping(subject, labels) for subject in cut if subject.groups)


def _is_wanted(piece: Piece, tier: str) -> bool:
    if not tier:
        return True
    return piece.alerts and (piece.name in tiers()[tier] or piece.severity == "none")


def _read_by(pieces: Iterable[Piece], records: Mapping[str, Piece]) -> set[str]:
    """The recorded series that rules read, and those that these are made of."""
    found: set[str] = set()
    waiting = list(pieces)
    while waiting:
        text = waiting.pop().text
        for name in (records.keys() & set(RECORDED.findall(text))) - found:
            found.add(name)
            waiting.append(records[name])
    return found


def _with(subject: Subject, names: Collection[str]) -> Subject:
    groups = (
        replace(group, pieces=tuple(piece for piece in group.pieces if piece.name in names))
        for group in subject.groups
    )
    return replace(subject, groups=tuple(group for group in groups if group.pieces))


def _keeping(subject: Subject, labels: Sequence[str]) -> Subject:
    if not labels:
        return subject
    groups = tuple(
        replace(
            group,
            pieces=tuple(replace(one, text=keep(one.text, labels)) for one in group.pieces),
        )
        for group in subject.groups
    )
    return replace(subject, groups=groups)


def one_file(subjects: Iterable[Subject]) -> str:
    """All of them in one text, for standard output."""
    groups = "\n".join(group.text.strip("\n") for one in subjects for group in one.groups)
    return f"groups:\n{groups}\n"
