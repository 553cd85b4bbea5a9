"""The rule files as they are shipped, cut into pieces that can be left out, word for word."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct

QUICK: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # PyYAML may be built without libyaml
FOLDER = Path(str(files("exporter"))) / "rules"
ASIDE = re.compile(r"\s*(#.*)?")


class Piece(Struct, frozen=True):
    """One rule: its text with the comments above it, and what YAML reads in it."""

    text: str
    rule: Mapping[str, object]

    @property
    def name(self) -> str:
        """The alert, or the recorded series."""
        return str(self.rule.get("alert") or self.rule["record"])

    @property
    def alerts(self) -> bool:
        """Whether it is an alert."""
        return "alert" in self.rule

    @property
    def severity(self) -> str:
        """An alert's; empty for a recorded series."""
        labels = self.rule.get("labels")
        return str(labels.get("severity", "")) if isinstance(labels, dict) else ""


class Group(Struct, frozen=True):
    """A group of rules: the text before the first of them, and the rules in their order."""

    name: str
    head: str
    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The group as a file holds it."""
        return self.head + "".join(piece.text for piece in self.pieces)


class Subject(Struct, frozen=True):
    """A rule file: what it is called without its ending, what stands before its groups, these."""

    name: str
    head: str
    groups: tuple[Group, ...]

    @property
    def text(self) -> str:
        """The whole file."""
        return self.head + "".join(group.text for group in self.groups)


def subjects(folder: Path = FOLDER) -> tuple[Subject, ...]:
    """Every rule file of a folder, by name."""
    found = sorted(folder.glob("*.yaml"))
    return tuple(subject(path.stem, path.read_text(encoding="utf-8")) for path in found)


def subject(name: str, text: str) -> Subject:
    """A rule file, cut; its pieces in a row are the text again."""
    lines = text.splitlines(keepends=True)
    listed = _child(yaml.compose(text, Loader=QUICK), "groups")
    starts = [_start(lines, node) for node in listed.value]
    ends = [*starts[1:], len(lines)]
    groups = tuple(
        _group(lines, node, start, end)
        for node, start, end in zip(listed.value, starts, ends, strict=True)
    )
    return Subject(name, "".join(lines[: starts[0]]), groups)


def _group(lines: list[str], node: yaml.Node, start: int, end: int) -> Group:
    rules = _child(node, "rules").value
    starts = [_start(lines, rule) for rule in rules]
    ends = [*starts[1:], end]
    pieces = tuple(
        Piece("".join(lines[first:last]), _read("".join(lines[first:last])))
        for first, last in zip(starts, ends, strict=True)
    )
    return Group(_child(node, "name").value, "".join(lines[start : starts[0]]), pieces)


def _read(text: str) -> Mapping[str, object]:
    (rule,) = yaml.load(text, Loader=QUICK)  # noqa: S506 - a safe loader
    read: Mapping[str, object] = rule
    return read


def _start(lines: list[str], node: yaml.Node) -> int:
    """Where an entry of a list begins: with the comments above it, and the blank lines."""
    line: int = node.start_mark.line
    while line > 0 and ASIDE.fullmatch(lines[line - 1].rstrip("\n")):
        line -= 1
    return line


def _child(node: yaml.Node | None, key: str) -> yaml.Node:
    pairs: list[tuple[yaml.Node, yaml.Node]] = node.value if node is not None else []
    return next(value for name, value in pairs if name.value == key)
