"""YAML text in, a tree of nodes with line numbers out: nothing is guessed from how a value looks.

The tree is made from the parser's events, never by its constructors, so that `on`, `010`, `1.10`
and `12:30:00` stay text until a setting says what it wants. Each value knows its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from msgspec import Struct
from msgspec.structs import replace

from exporter.errors import Complaint

QUICK: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # PyYAML may be built without libyaml
MAX_DEPTH = 40
MAX_VALUES = 50_000
# The tags that only say what a node is anyway; every other one asks for a constructor.
PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "seq", "map")) | {None, "!"}
SHORTEST_HELD = 3  # of a variable: what is shorter is no secret, and part of many words
NULLS = frozenset({"", "~", "null", "Null", "NULL"})
PLAIN_KEY = re.compile(r"[\w-]+")
VARIABLE = re.compile(r"\$\$\{|\$\{([^{}]*)\}")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Refused(Exception):  # noqa: N818  # it carries no error: the complaint has been written down
    """What was asked for cannot be had; why is among the complaints."""


@dataclass(frozen=True, slots=True)
class At:
    """A place in a file by its key path (`apps[0].logs[1].from`), and where complaints of it go.

    `filled` is what variables held in the file, each with how that is spelled there (`${NAME}`).
    """

    file: str
    key: str = ""
    complaints: list[Complaint] = field(default_factory=list, compare=False)
    notes: list[Complaint] = field(default_factory=list, compare=False)
    filled: dict[str, str] = field(default_factory=dict, compare=False)

    def child(self, key: str) -> At:
        """The place of this key of a mapping."""
        if PLAIN_KEY.fullmatch(key):
            return self.to(f"{self.key}.{key}" if self.key else key)
        return self.to(f"{self.key}[{quote(key)}]")

    def item(self, index: int) -> At:
        """The place of this item of a list."""
        return self.to(f"{self.key}[{index}]")

    def to(self, key: str) -> At:
        """Another place of the file, by its whole key path."""
        return At(self.file, key, self.complaints, self.notes, self.filled)

    def say(self, line: int, text: str) -> None:
        """Complain, and go on to find more."""
        self.complaints.append(Complaint(self.file, line, self.key, text))

    def refuse(self, line: int, text: str) -> Refused:
        """Complain, and give what is to be raised."""
        self.say(line, text)
        return Refused()

    def note(self, line: int, text: str) -> None:
        """Say what the operator should know although it is no mistake."""
        self.notes.append(Complaint(self.file, line, self.key, text))

    def spelled(self, text: str) -> str:
        """The text without what variables hold, wherever that came from."""
        for value in sorted(self.filled, key=len, reverse=True):
            for held in (value, repr(value)[1:-1]):
                text = text.replace(held, self.filled[value])
        return text


class Scalar(Struct, frozen=True, eq=False):
    """A single value. `shown` is how the file spells it, without what variables hold."""

    text: str
    line: int
    shown: str
    quoted: bool = False

    @property
    def empty(self) -> bool:
        """Whether nothing stands there (a null)."""
        return not self.quoted and self.text in NULLS


class Items(Struct, frozen=True, eq=False):
    """A list. `size` counts the values in it, aliases written out."""

    nodes: tuple[Node, ...]
    line: int
    size: int = 1


class Pair(Struct, frozen=True, eq=False):
    """One key of a mapping, with its value."""

    key: str
    line: int
    node: Node


class Entries(Struct, frozen=True, eq=False):
    """A mapping, in the order of the file. `size` counts the values in it, aliases written out."""

    pairs: tuple[Pair, ...]
    line: int
    size: int = 1

    def line_of(self, key: str) -> int:
        """The line of this key, or of the mapping where it has none."""
        return next((pair.line for pair in self.pairs if pair.key == key), self.line)


Node = Scalar | Items | Entries


def quote(text: str) -> str:
    """`text` as a complaint shows it: in quotes, and not longer than a line can hold."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def compose(
    text: str, at: At, environ: Mapping[str, str] | None = None, *, shipped: bool = False
) -> Node:
    """The one document in `text`; with `environ`, `${NAME}` in values stands for a variable.

    A `shipped` one is known to be right and may be read by libyaml, 20 times as fast: it takes
    tabs and other things that PyYAML's own parser refuses, and says less of a mistake.
    """
    composer = _Composer(text, environ, QUICK if shipped else yaml.SafeLoader)
    try:
        return composer.document(at)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise at.refuse(mark.line + 1 if mark else composer.line, _syntax(error)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        character = f"U+{error.character:04X}"
        raise at.refuse(line, f"the character {character} may not stand in YAML") from None
    except (ValueError, OverflowError):
        # The scanner's own int() and chr(), on absurd escapes and version numbers.
        raise at.refuse(composer.line, "not YAML: a number in an escape is out of range") from None


def _syntax(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "it ends too early"
    if r"'\t'" in problem:
        return "not YAML: a tab stands where only spaces may indent"
    return f"not YAML: {problem}" + (f" ({error.context})" if error.context else "")


class _Composer:
    """Takes the events of one text in turn; `line` is how far it has come."""

    def __init__(self, text: str, environ: Mapping[str, str] | None, loader: Any) -> None:
        self.line = 1
        self._events: Iterator[yaml.Event] = iter(yaml.parse(text, Loader=loader))
        self._environ = environ
        self._anchors: dict[str, Node | None] = {}

    def document(self, at: At) -> Node:
        self._next()
        if isinstance(self._next(), yaml.StreamEndEvent):
            raise at.refuse(0, "the file is empty; the least it needs is a key and a value")
        node = self._node(self._next(), at, 0)
        self._next()
        if not isinstance(self._next(), yaml.StreamEndEvent):
            raise at.refuse(self.line, "a second document begins here; a file holds one")
        return node

    def _next(self) -> yaml.Event:
        event = next(self._events)
        if event.start_mark is not None:
            self.line = event.start_mark.line + 1
        return event

    def _node(self, event: yaml.Event, at: At, depth: int) -> Node:
        line = self.line
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), at)
        if not isinstance(event, yaml.NodeEvent) or depth > MAX_DEPTH:
            raise at.refuse(line, f"values are nested more than {MAX_DEPTH} deep")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if getattr(event, "tag", None) not in PLAIN_TAGS:
            at.say(line, "tags (!...) are not read; write the plain value")
        node = self._content(event, at, depth)
        if not isinstance(node, Scalar) and node.size > MAX_VALUES:
            raise at.refuse(line, f"more than {MAX_VALUES} values, aliases written out")
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, name: str, at: At) -> Node:
        if name not in self._anchors:
            raise at.refuse(self.line, f"no anchor &{name} stands before this alias")
        node = self._anchors[name]
        if node is None:
            raise at.refuse(self.line, f"the alias *{name} stands inside its own anchor")
        return node

    def _content(self, event: yaml.NodeEvent, at: At, depth: int) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, at)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._items(at, depth)
        return self._entries(at, depth)

    def _scalar(self, event: yaml.ScalarEvent, at: At) -> Scalar:
        text: str = event.value
        if reason := _unfit(text):
            at.say(self.line, reason)
        scalar = Scalar(
            text, self.line, text, quoted=bool(event.style)
        )  # of a plain one, None or ""
        if self._environ is None or "${" not in text:
            return scalar
        filled = _fill(scalar, self._environ, at)
        return replace(scalar, text=filled, quoted=True)

    def _items(self, at: At, depth: int) -> Items:
        line, nodes, size = self.line, list[Node](), 1
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            node = self._node(event, at.item(len(nodes)), depth + 1)
            nodes.append(node)
            size += _size(node)
        return Items(tuple(nodes), line, size)

    def _entries(self, at: At, depth: int) -> Entries:
        line, pairs, size = self.line, dict[str, Pair](), 1
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key, key_line = self._key(event, at), self.line
            here = at.child(key)
            node = self._node(self._next(), here, depth + 1)
            if key in pairs:
                here.say(key_line, f"this key stands on line {pairs[key].line} already")
                continue
            pairs[key] = Pair(key, key_line, node)
            size += _size(node)
        return Entries(tuple(pairs.values()), line, size)

    def _key(self, event: yaml.Event, at: At) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise at.refuse(self.line, "a key must be plain text")
        if event.value == "<<" and not event.style:
            raise at.refuse(self.line, "merge keys (<<) are not read; write the keys out")
        if event.tag not in PLAIN_TAGS:
            at.say(self.line, "tags (!...) are not read; write the plain key")
        if event.anchor is not None:
            self._anchors[event.anchor] = Scalar(event.value, self.line, event.value, quoted=True)
        if reason := _unfit(event.value):
            raise at.refuse(self.line, reason)
        return str(event.value)


def _size(node: Node) -> int:
    return 1 if isinstance(node, Scalar) else node.size


def _unfit(text: str) -> str | None:
    """Why this text can be no setting: it could be neither shown nor handed to the system."""
    if "\0" in text:
        return "a NUL character may not stand in a setting"
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return "half a character (a lone surrogate) may not stand in a setting"
    return None


def _fill(scalar: Scalar, environ: Mapping[str, str], at: At) -> str:
    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return "${"
        if not VARIABLE_NAME.fullmatch(name):
            at.say(scalar.line, f"{quote(found[0])} names no variable; a plain ${{ is written $${{")
        elif name not in environ:
            at.say(scalar.line, f"the environment has no variable {name}")
        held = environ.get(name, "")
        if len(held) >= SHORTEST_HELD:
            at.filled[held] = found[0]
        return held

    return VARIABLE.sub(value, scalar.text)
