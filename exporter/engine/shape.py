"""What the fast path decodes of a JSON line: the few fields that some rule needs, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

import msgspec

from parsers.jsonlines import EXCEPTION_KEYS, LEVEL_KEYS, MESSAGE_KEYS, TIME_KEYS

Get = Callable[[Any], Any]
Path = tuple[str, ...]
_Scalar = str | int | float | bool | None


class Shape:
    """A struct type for the wanted names (dotted where nested), and getters on its instances.

    A name with dots is looked for as nested objects; that it stands there as one literal key too
    is seen by `literals`, since that key would win. `first` gives the usual message and level keys
    and then every key that may carry an exception. A list where a scalar is wanted makes decoding
    fail, which is the caller's sign of doubt.
    """

    def __init__(self, names: Iterable[str]) -> None:
        own = (*MESSAGE_KEYS, *LEVEL_KEYS, *TIME_KEYS, *EXCEPTION_KEYS)
        wanted = {name for name in names if name.partition(".")[0] not in EXCEPTION_KEYS}
        paths = {tuple(name.split(".")) for name in wanted} | {(name,) for name in wanted}
        self._wanted = wanted
        self._attributes: dict[Path, str] = {}
        self.type = self._struct((), paths | {(name,) for name in own})
        first = (MESSAGE_KEYS[0], LEVEL_KEYS[0], *EXCEPTION_KEYS)
        self.first = attrgetter(*(self._attributes[(key,)] for key in first))
        self.first_size = len(first)
        self.message = self._first(MESSAGE_KEYS)
        self.level = self._first(LEVEL_KEYS)
        self.time = self._first(TIME_KEYS)
        self.usual_time = attrgetter(self._attributes[(TIME_KEYS[0],)])

    def _struct(self, prefix: Path, paths: set[Path]) -> Any:
        fields = []
        for i, key in enumerate(sorted({path[0] for path in paths})):
            below = {path[1:] for path in paths if path[0] == key and len(path) > 1}
            kind: Any = _Scalar
            if not prefix and key in EXCEPTION_KEYS:
                kind = Any
            elif below:
                kind = self._struct((*prefix, key), below) | str | int | float | bool | None
            attribute = f"f{i}"
            self._attributes[(*prefix, key)] = attribute
            fields.append((attribute, kind, msgspec.field(default=None, name=key)))
        return msgspec.defstruct("Line", fields, gc=False)

    def values(self, names: list[str]) -> Get:
        """The values of these names: one alone as it is, several as a tuple, none as None."""
        if not names:
            return lambda _: None
        paths = [self._dotted(name) for name in names]
        if any(path is None for path in paths):
            return _each([self.value(name) for name in names])
        return _guarded(paths)

    def value(self, name: str) -> Get:
        """The value of one name."""
        path = self._dotted(name)
        return _guarded([path]) if path is not None else (lambda _: None)

    def literals(self, names: Iterable[str]) -> Get | None:
        """The literal keys of those names that have dots; None where no name has."""
        dotted = sorted(name for name in names if "." in name and name in self._wanted)
        return self._any(tuple(dotted)) if dotted else None

    def _dotted(self, name: str) -> str | None:
        if name not in self._wanted:
            return None
        path = tuple(name.split("."))
        return ".".join(self._attributes[path[: i + 1]] for i in range(len(path)))

    def _any(self, keys: tuple[str, ...]) -> Get:
        get = attrgetter(*(self._attributes[(key,)] for key in keys))
        if len(keys) == 1:
            return lambda line: get(line) is not None
        absent = (None,) * len(keys)
        return lambda line: get(line) != absent

    def _first(self, keys: tuple[str, ...]) -> Get:
        first, *others = (attrgetter(self._attributes[(key,)]) for key in keys)

        def get(line: Any) -> Any:
            value = first(line)
            if value is not None:
                return value
            return next((found for other in others if (found := other(line)) is not None), None)

        return get


def _guarded(paths: list[str | None]) -> Get:
    """An attrgetter that gives None where a parent on the way is no object."""
    fast = attrgetter(*(path for path in paths if path))
    if not any("." in path for path in paths if path):
        return fast

    def get(line: Any) -> Any:
        try:
            return fast(line)
        except AttributeError:
            found = tuple(_walk(line, path) for path in paths if path)
            return found if len(found) > 1 else found[0]

    return get


def _walk(line: Any, path: str) -> Any:
    for attribute in path.split("."):
        line = getattr(line, attribute, None)
    return line


def _each(getters: list[Get]) -> Get:
    if len(getters) == 1:
        return getters[0]
    return lambda line: tuple(get(line) for get in getters)
