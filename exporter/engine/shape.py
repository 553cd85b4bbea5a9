"""What the fast path decodes of a JSON line: the few fields that some rule needs, and no more.

All that it cannot take as it is makes decoding fail, which is the caller's sign of doubt: so what
was decoded needs no further check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Annotated, Any

import msgspec

from parsers.jsonlines import EXCEPTION_KEYS, LEVEL_KEYS, MESSAGE_KEYS, TIME_KEYS

Get = Callable[[Any], Any]

# Python takes 1, 1.0 and True for one key of a dictionary, but they are not one label. So a field
# holds true and false only, or never: which of the two is learned.
_VALUE = str | int | float | None
_TRUTH = bool | None
_NEVER = Annotated[int, msgspec.Meta(gt=0, lt=0)]  # whatever stands there, it is doubtful

_OWN: Mapping[str, Any] = {
    "log": _NEVER,  # it may be Docker's envelope
    **dict.fromkeys(MESSAGE_KEYS, str | None),
    **dict.fromkeys(LEVEL_KEYS, str | int | None),
    **dict.fromkeys(TIME_KEYS, str | int | float | None),
    **dict.fromkeys(EXCEPTION_KEYS),  # null is no exception
}
_USUAL = {MESSAGE_KEYS[0]: "message", LEVEL_KEYS[0]: "level", TIME_KEYS[0]: "time"}
_NOTHING = "nothing"  # an attribute that is always None


class Shape:
    """The wanted names (dotted where nested), a decoder of lines, and getters on what it gives.

    The decoded line has the usual message, level and time as `message`, `level` and `time`; the
    unusual ones, in the order in which they count, come from `messages`, `levels` and `times`.
    A name with dots is looked for as nested objects; where it stands as a literal key, which would
    win, the line is doubtful. So it is where a name holds a list or an object.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted(set(names))
        self._truths: set[str] = set()
        self.messages = _getter(MESSAGE_KEYS[1:])
        self.levels = _getter(LEVEL_KEYS[1:])
        self.times = _getter(TIME_KEYS)

    def decoder(self) -> Callable[[bytes], Any]:
        """Decodes a line; raises what msgspec raises, ValidationError where types are strange."""
        own = {key: (kind, None) for key, kind in _OWN.items()}
        fields = self._fields("", self._names)
        return msgspec.json.Decoder(_struct("Line", fields | own, frozen=False)).decode

    def learn(self, line: bytes) -> bool:
        """Look for fields that hold true or false; whether `decoder` gives another one now."""
        try:
            document = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        found = {name for name in self._names if isinstance(_walk(document, name), bool)}
        found -= self._truths
        self._truths |= found
        return bool(found)

    def values(self, names: list[str]) -> Get:
        """The values of these names: one alone as it is, several as a tuple, none as None."""
        return attrgetter(*map(self._path, names)) if names else attrgetter(_NOTHING)

    def _path(self, name: str) -> str:
        first, *rest = name.split(".")
        if rest and first in _OWN:
            return _NOTHING  # what is no object there has no such field, and an object is doubtful
        return ".".join(map(_attribute, (first, *rest)))

    def _fields(self, prefix: str, names: Iterable[str]) -> dict[str, tuple[Any, Any]]:
        """The keys of one object: their types and defaults."""
        fields: dict[str, tuple[Any, Any]] = {}
        nested: dict[str, list[str]] = {}
        for name in names:
            key, *rest = name.split(".")
            if not rest:
                fields[key] = (_TRUTH if prefix + name in self._truths else _VALUE, None)
            elif prefix or key not in _OWN:
                nested.setdefault(key, []).append(".".join(rest))
            for i in range(len(rest)):
                fields[".".join((key, *rest[: i + 1]))] = (_NEVER, None)
        for key, below in nested.items():
            kind = _struct("Nested", self._fields(f"{prefix}{key}.", below), frozen=True)
            fields[key] = (kind, kind())
        return fields


def _struct(name: str, fields: Mapping[str, tuple[Any, Any]], *, frozen: bool) -> Any:
    return msgspec.defstruct(
        name,
        [
            (_attribute(key), kind, msgspec.field(default=default, name=key))
            for key, (kind, default) in fields.items()
        ],
        namespace={_NOTHING: None},
        frozen=frozen,
        gc=False,
    )


def _attribute(key: str) -> str:
    """An attribute's name for any key."""
    return _USUAL.get(key) or f"k{key.encode().hex()}"


def _getter(keys: tuple[str, ...]) -> Get:
    return attrgetter(*map(_attribute, keys))


def _walk(document: Any, name: str) -> Any:
    for key in name.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    return document
