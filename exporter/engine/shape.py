"""What the fast path decodes of a JSON line: the few fields that some rule needs, and no more.

All that it cannot take as it is makes decoding fail, which is the caller's sign of doubt: so what
was decoded needs no further check. Which keys hold a stream's message, level and time, and which
fields hold true and false, is learned from the lines that were doubtful.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Annotated, Any

import msgspec

from parsers.jsonlines import EXCEPTION_KEYS, LEVEL_KEYS, MESSAGE_KEYS, TIME_KEYS
from parsers.levels import level

Get = Callable[[Any], Any]
Fields = dict[str, tuple[str, Any, Any]]  # attributes, types and defaults by key

# Python takes 1, 1.0 and True for one key of a dictionary, but they are not one label. So a field
# holds true and false only, or never.
_VALUE = str | int | float | None
_TRUTH = bool | None
_NEVER = Annotated[int, msgspec.Meta(gt=0, lt=0)]  # whatever stands there, it is doubtful

# Attributes of a decoded line; the keys they may come from, first one first; and their types.
_ROLES: tuple[tuple[str, tuple[str, ...], Any], ...] = (
    ("level", LEVEL_KEYS, str | int | None),
    ("message", MESSAGE_KEYS, str | None),
    ("time", TIME_KEYS, str | int | float | None),
)
# What a line is read by. No rule that asks for such a key as a field is decided on this path,
# but an exception's key is: it holds null.
_OWN = frozenset({"log", *LEVEL_KEYS, *MESSAGE_KEYS, *TIME_KEYS})
_UNNAMED = re.compile(r'["\\\x00-\x1f]')  # msgspec has no names with what JSON escapes
_NOTHING = "nothing"  # an attribute that is always None
_ALWAYS_NONE = frozenset({_NOTHING, *(role for role, _, _ in _ROLES)})  # unless a key tells it
_SURE, _SUREST = 32, 1 << 14  # doubtful lines that change a mind, at first and after many changes


class Shape:
    """The wanted names (dotted where nested), a decoder of lines, and getters on what it gives.

    The decoded line has its `level`, `message` and `time` from the keys that usually tell them.
    A name with dots is looked for as nested objects; where it stands as a literal key, which would
    win, the line is doubtful. So it is where a name holds a list or an object.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted(name for name in set(names) if self.serves(name))
        self._firsts = [(name, name.partition(".")[0]) for name in self._names]
        self._truths: set[str] = set()
        self._usual = [0] * len(_ROLES)  # the key's place in each role's list; its end for no key
        self._votes: dict[str | int, int] = {}
        self._sure = _SURE

    @staticmethod
    def serves(name: str) -> bool:
        """Whether a field of this name can be had from a decoded line."""
        return name.partition(".")[0] not in _OWN and not _UNNAMED.search(name)

    def decoder(self) -> Callable[[bytes], Any]:
        """Decodes a line; raises what msgspec raises, ValidationError where types are strange."""
        fields = self._fields("", self._names)
        for key in EXCEPTION_KEYS:
            fields[key] = (_attribute(key), None, None)  # null is no exception
        fields["log"] = ("log", _NEVER, None)  # it may be Docker's envelope
        for (role, keys, kind), place in zip(_ROLES, self._usual, strict=True):
            for key in keys[:place]:  # it would win
                fields[key] = (_attribute(key), None, None)
            for key in keys[place : place + 1]:
                fields[key] = (role, kind, None)
        return msgspec.json.Decoder(_struct("Line", fields, frozen=False)).decode

    @property
    def has_time(self) -> bool:
        """Whether lines are expected to tell their time."""
        return self._usual[-1] < len(TIME_KEYS)

    def values(self, names: list[str]) -> Get:
        """The values of these names: one alone as it is, several as a tuple, none as None."""
        return attrgetter(*map(_path, names)) if names else attrgetter(_NOTHING)

    def learn(self, line: bytes) -> bool:
        """Note what a doubtful line is like; whether `decoder` gives another now."""
        try:
            document = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        if not isinstance(document, dict):
            return False
        changed = False
        for role, place in enumerate(_places(document)):
            if self._sways(role, place != self._usual[role]):
                self._usual[role], changed = place, True
        for name, first in self._firsts:
            if first not in document:
                continue  # as most: no need to walk there
            value = _walk(document, name)
            known = name in self._truths
            if isinstance(value, str | int | float) and self._sways(
                name, isinstance(value, bool) != known
            ):
                self._truths ^= {name}
                changed = True
        if changed:
            self._votes.clear()
            self._sure = min(2 * self._sure, _SUREST)
        return changed

    def _sways(self, subject: str | int, against: bool) -> bool:  # noqa: FBT001  a vote
        """Whether enough lines spoke against what was believed: a stray one must not change it."""
        votes = self._votes[subject] = max(0, self._votes.get(subject, 0) + (1 if against else -1))
        return votes >= self._sure

    def _fields(self, prefix: str, names: Iterable[str]) -> Fields:
        """The keys of one object."""
        fields: Fields = {}
        nested: dict[str, list[str]] = {}
        for name in names:
            key, *rest = name.split(".")
            if not rest:
                kind = _TRUTH if prefix + name in self._truths else _VALUE
                fields[key] = (_attribute(key), kind, None)
            elif prefix or key not in EXCEPTION_KEYS:
                nested.setdefault(key, []).append(".".join(rest))
            for i in range(len(rest)):
                literal = ".".join((key, *rest[: i + 1]))
                fields[literal] = (_attribute(literal), _NEVER, None)
        for key, below in nested.items():
            kind = _struct("Nested", self._fields(f"{prefix}{key}.", below), frozen=True)
            fields[key] = (_attribute(key), kind, kind())
        return fields


def _struct(name: str, fields: Fields, *, frozen: bool) -> Any:
    return msgspec.defstruct(
        name,
        [
            (attribute, kind, msgspec.field(default=default, name=key))
            for key, (attribute, kind, default) in fields.items()
        ],
        namespace=dict.fromkeys(_ALWAYS_NONE - {one for one, _, _ in fields.values()}),
        frozen=frozen,
        gc=False,
    )


def _attribute(key: str) -> str:
    """An attribute's name for any key."""
    return f"k{key.encode().hex()}"


def _path(name: str) -> str:
    first, *rest = name.split(".")
    if rest and first in EXCEPTION_KEYS:
        return _NOTHING  # where there is no object, there is no such field
    return ".".join(map(_attribute, (first, *rest)))


def _places(document: dict[str, Any]) -> tuple[int, ...]:
    """Where the keys that tell the level, the message and the time stand in their lists."""
    return (
        _place(document, LEVEL_KEYS, lambda value: level(value) is not None),
        _place(document, MESSAGE_KEYS, lambda value: value is not None),
        _place(document, TIME_KEYS, lambda value: isinstance(value, str | int | float)),
    )


def _place(document: dict[str, Any], keys: tuple[str, ...], tells: Callable[[Any], bool]) -> int:
    found = (place for place, key in enumerate(keys) if tells(document.get(key)))
    return next(found, len(keys))


def _walk(document: Any, name: str) -> Any:
    for key in name.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    return document
