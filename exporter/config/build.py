"""Nodes in, frozen values out, by their type hints: the fields are the keys of the YAML.

A key is its field's name without a trailing underscore. Every value is read from its text, as the
field's type wants it. What is wrong is written down with its place and what would be right, and
the reading goes on, so that all mistakes are told at once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, partial
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from msgspec import Struct, field, structs

from exporter.config.nodes import At, Entries, Items, Node, Pair, Refused, Scalar, quote
from exporter.model import Duration, Size

T = TypeVar("T")
Hook = Callable[["Builder", Node, At], Any]
# How a text is read (raises ValueError), and what a right one is called.
ScalarType = tuple[Callable[[str], Any], str]

WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?) *([A-Za-z]*)")
SECONDS = {"ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
BYTES = {"": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12} | {
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Raw(Struct, frozen=True):
    """A part that is built later, when it is known what it may name."""

    node: Node
    at: At

    def line_of(self, key: str) -> int:
        """The line of this key of a mapping."""
        return self.node.line_of(key) if isinstance(self.node, Entries) else self.node.line

    def part(self, key: str) -> Raw:
        """What stands under this key of a mapping; the whole where it has none."""
        return next((Raw(one.node, here) for one, here in self.pairs() if one.key == key), self)

    def pairs(self) -> Iterator[tuple[Pair, At]]:
        """The keys of a mapping with their values, each with its place."""
        try:
            mapping = entries(self.node, self.at)
        except Refused:
            return
        for pair in mapping.pairs:
            yield pair, self.at.child(pair.key)


class Builder(Struct, frozen=True):
    """How to build: `hooks` by type for special shapes, `scalars` by type for special texts.

    `short` names the field that a bare scalar stands for.
    """

    hooks: Mapping[Any, Hook] = field(default_factory=dict)
    scalars: Mapping[Any, ScalarType] = field(default_factory=lambda: SCALARS)
    short: Mapping[type, str] = field(default_factory=dict)

    def build(
        self, cls: type[T], node: Node, at: At, spare: Mapping[str, Any] = {}, /, **given: Any
    ) -> T:
        """A Struct or dataclass from a mapping; `given` fields are no keys. Raises Refused.

        `spare` stands in for what is refused, or missing and required: so the rest is looked at.
        """
        hints = _hints(cls)
        if isinstance(node, Scalar) and not node.empty and cls in self.short:
            name = self.short[cls]
            return _made(cls, {**given, name: self.convert(hints[name], node, at)}, node, at)
        required = _fields(cls)
        known = {name.rstrip("_"): name for name in required if name not in given}
        mapping, sound = entries(node, at), True
        values = dict(given) | self._values(cls, mapping, known, at)
        for key, name in known.items():
            if name in values or not (required[name] or name in spare):
                continue
            missing = all(pair.key != key for pair in mapping.pairs)
            if missing and required[name]:
                right = self.describe(hints[name])
                at.child(key).say(node.line, f"is missing; give {right}")
            if name in spare and (required[name] or not missing):
                values[name] = spare[name]
            elif required[name]:
                sound = False
        if not sound:
            raise Refused
        return _made(cls, values, node, at)

    def _values(
        self, cls: type, mapping: Entries, known: Mapping[str, str], at: At
    ) -> dict[str, Any]:
        """The fields that the mapping gives, by name; what is refused is left out."""
        hints, values = _hints(cls), {}
        for pair in mapping.pairs:
            here, name = at.child(pair.key), known.get(pair.key)
            if name is None:
                here.say(pair.line, f"no such key{instead(pair.key, known)}")
            else:
                with suppress(Refused):
                    values[name] = self.convert(hints[name], pair.node, here)
        return values

    def convert(self, hint: Any, node: Node, at: At) -> Any:
        """A value of this type. Raises Refused; a list or mapping leaves out what is refused."""
        if hint in self.hooks:
            return self.hooks[hint](self, node, at)
        if hint is Raw:
            return Raw(node, at)
        if hint in self.scalars:
            return read_scalar(self.scalars[hint], node, at)
        origin, args = get_origin(hint), get_args(hint)
        if origin is Literal:
            return _literal(args, node, at)
        if origin in (Union, UnionType):
            return self._optional(hint, args, node, at)
        if origin is tuple and args[1:] == (...,):
            return tuple(self._items(args[0], node, at))
        if origin is Mapping and args[0] is str:
            return dict(self._entries(args[1], node, at))
        if isinstance(hint, type) and (issubclass(hint, Struct) or is_dataclass(hint)):
            return self.build(hint, node, at)
        raise TypeError(f"a setting cannot be of the type {hint}")

    def describe(self, hint: Any) -> str:
        """What a value of this type is called in a complaint."""
        if hint in self.scalars:
            return self.scalars[hint][1]
        origin, args = get_origin(hint), get_args(hint)
        if origin is Literal:
            return "one of " + ", ".join(_spellings(args))
        if origin in (Union, UnionType):
            return self.describe(next(one for one in args if one is not NoneType))
        return "a list" if origin is tuple else "a mapping (key: value)"

    def _optional(self, hint: Any, args: tuple[Any, ...], node: Node, at: At) -> Any:
        inner = [one for one in args if one is not NoneType]
        if len(inner) != 1:
            raise TypeError(f"a setting cannot be of the type {hint}")
        if isinstance(node, Scalar) and node.empty:
            return None
        return self.convert(inner[0], node, at)

    def _items(self, hint: Any, node: Node, at: At) -> Iterator[Any]:
        if isinstance(node, Scalar) and not node.empty and hint in self.scalars:
            yield self.convert(hint, node, at)
            return
        if not isinstance(node, Items):
            raise at.refuse(node.line, f"must be a list{_not(node)}")
        for i, item in enumerate(node.nodes):
            try:
                yield self.convert(hint, item, at.item(i))
            except Refused:
                continue

    def _entries(self, hint: Any, node: Node, at: At) -> Iterator[tuple[str, Any]]:
        for pair in entries(node, at).pairs:
            try:
                yield pair.key, self.convert(hint, pair.node, at.child(pair.key))
            except Refused:
                continue


def _made(cls: type[T], values: Mapping[str, Any], node: Node, at: At) -> T:
    """The value, if it finds nothing wrong with its values. Raises Refused."""
    try:
        return cls(**values)
    except ValueError as error:
        raise at.refuse(node.line, str(error)) from None


def entries(node: Node, at: At) -> Entries:
    """The node as a mapping. Raises Refused."""
    if isinstance(node, Entries):
        return node
    raise at.refuse(node.line, f"must be a mapping (key: value){_not(node)}")


def nearest(wrong: str, known: Collection[str]) -> str | None:
    """The name that may have been meant."""
    from difflib import get_close_matches  # noqa: PLC0415 - few are wrong

    names = sorted(known)
    longer = [name for name in names if len(wrong) > 2 and name.startswith(wrong)]
    return next(iter(longer or get_close_matches(wrong, names, n=1)), None)


def instead(wrong: str, known: Collection[str], listed: Collection[str] | None = None) -> str:
    """What to say after "no such ...": the nearest name, or those that there are (`listed`)."""
    if near := nearest(wrong, known):
        return f"; did you mean {near}?"
    names = sorted(known if listed is None else listed)
    return f"; there are {', '.join(names[:20])}{', ...' * (len(names) > 20)}" if names else ""


def seconds(text: str) -> float:
    """A duration in seconds: "250ms", "5m", "1h30m", or a bare number. Raises ValueError."""
    if NUMBER.fullmatch(text):
        total = float(text)
    else:
        total, at = 0.0, 0
        while at < len(text):
            found = AMOUNT.match(text, at)
            if found is None or found[2] not in SECONDS:
                raise ValueError(text)
            total += float(found[1]) * SECONDS[found[2]]
            at = found.end()
    if not text or total < 0 or not math.isfinite(total):
        raise ValueError(text)
    return total


def _size(text: str) -> int:
    found = AMOUNT.fullmatch(text)
    if found is None or found[2] not in BYTES:
        raise ValueError(text)
    size = float(found[1]) * BYTES[found[2]]
    if not size < 2**63:
        raise ValueError(text)
    return int(size)


def _whole(text: str) -> int:
    if not WHOLE.fullmatch(text):
        raise ValueError(text)
    return int(text)


def _number(text: str) -> float:
    if not NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise ValueError(text)
    return float(text)


def _truth(text: str) -> bool:
    if text.lower() not in TRUTH:
        raise ValueError(text)
    return TRUTH[text.lower()]


SCALARS: Mapping[Any, ScalarType] = {
    str: (str, "a text"),
    int: (_whole, "a whole number"),
    float: (_number, "a number"),
    bool: (_truth, "true or false"),
    Path: (Path, "a path"),
    Duration: (seconds, "a duration like 250ms, 30s, 5m or 1h30m"),
    Size: (_size, "a size like 512B, 64KiB or 1GiB"),
}


def read_scalar(kind: ScalarType, node: Node, at: At) -> Any:
    """The value of a scalar. Raises Refused."""
    read, right = kind
    text = _text(node, at, right)
    try:
        return read(text.text)
    except ValueError:
        raise at.refuse(node.line, f"{quote(text.shown)} is not {right}") from None


def _literal(options: tuple[Any, ...], node: Node, at: At) -> Any:
    spelled = _spellings(options)
    text = _text(node, at, "one of " + ", ".join(spelled))
    if text.text not in spelled:
        raise at.refuse(node.line, f"{quote(text.shown)} is none of {', '.join(spelled)}")
    return spelled[text.text]


def _spellings(options: tuple[Any, ...]) -> dict[str, Any]:
    return {str(one).lower() if isinstance(one, bool) else str(one): one for one in options}


def _text(node: Node, at: At, right: str) -> Scalar:
    if isinstance(node, Scalar) and not node.empty:
        return node
    raise at.refuse(node.line, f"must be {right}{_not(node)}")


def _not(node: Node) -> str:
    if isinstance(node, Items):
        return ", not a list"
    if isinstance(node, Entries):
        return ", not a mapping"
    return ", not empty" if node.empty else f", not {quote(node.shown)}"


_hints: Callable[[Any], dict[str, Any]] = cache(partial(get_type_hints, include_extras=True))


def _keys(cls: Any) -> Mapping[str, bool]:
    """Which fields are keys, and whether each has to be given.

    Those of the metadata `inner` are set by our own code alone.
    """
    if issubclass(cls, Struct):
        return {one.name: one.required for one in structs.fields(cls)}
    return {
        one.name: one.default is MISSING and one.default_factory is MISSING
        for one in fields(cls)
        if one.init and not one.metadata.get("inner")
    }


_fields: Callable[[Any], Mapping[str, bool]] = cache(_keys)


def fields_of(cls: type) -> frozenset[str]:
    """The names of the fields that are keys, with an underscore where Python wants one."""
    return frozenset(_fields(cls))
