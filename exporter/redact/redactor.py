"""Text and fields in, the same without secrets out, in time that grows with their length only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Protocol

import re2

from exporter.redact.names import Names, Standing

# Told of each place that was hidden, by the name of the rule that found it.
Tally = Callable[[str], None]

KEY = "key"  # the rule of what a name gives away
SHORTEST = 6  # a@b.co: nothing shorter is a secret unless a key says so
DEEPEST = 32
SCALARS = (str, int, float, type(None))
FALLBACK = "[redacted-depth]"


class Rule(Protocol):
    """One kind of secret. `gate` matches, as RE2 does, wherever `hide` may have something to do."""

    @property
    def name(self) -> str:
        """What counts of it are called."""

    @property
    def gate(self) -> str:
        """An expression of RE2."""

    @property
    def alone(self) -> bool:
        """Whether it has to see each text by itself, because it asks for a text's ends."""

    def hide(self, text: str, tally: Tally) -> str:
        """The text without these secrets; each one hidden is told."""


def uncounted(_rule: str) -> None:
    """The tally of whoever does not count."""


def marker(rule: str) -> str:
    """What stands where a secret stood."""
    return f"[redacted-{rule}]"


@dataclass(frozen=True, slots=True)
class Redactor:
    """Hides what rules find, in their order, and what stands under names of secrets.

    No text under `shortest` characters is looked at. All rules' gates are one automaton: a text in
    which nothing is secret costs one pass over it.

    A line is best redacted before it is read, and its fields after: read, a header's parts may
    have become fields that tell nothing; unread, a text may be spelled in escapes.
    """

    rules: tuple[Rule, ...]
    names: Names = field(default_factory=Names)
    tally: Tally = uncounted
    shortest: int = SHORTEST
    _gates: Any = field(init=False, repr=False, compare=False)
    _together: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_gates", _automaton(tuple(rule.gate for rule in self.rules)))
        object.__setattr__(self, "_together", not any(rule.alone for rule in self.rules))

    def counting(self, tally: Tally) -> Redactor:
        """The same, telling another outlet's tally."""
        return replace(self, tally=tally)

    def text(self, text: str) -> str:
        """The text without secrets; what has been hidden once stays as it is."""
        if len(text) < self.shortest or not self.rules:
            return text
        try:
            found = self._gates.Match(text)
        except UnicodeEncodeError:  # half a surrogate pair, which JSON can spell
            text = text.encode("utf-8", "replace").decode()
            found = self._gates.Match(text)
        for number in sorted(found or ()):
            text = self.rules[number].hide(text, self.tally)
        return text

    def value(self, key: str, value: Any) -> Any:
        """What a key holds, without secrets: hidden where the key is a secret's name."""
        return self._value(self._standing(key), value, DEEPEST)

    def fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The same for each key of a mapping, and for whatever its values hold."""
        return self._fields(Standing.PLAIN, fields, DEEPEST)

    def about(self, key: str, text: str) -> str:
        """A sentence about the value of `key`: what it quotes is hidden if the key is secret."""
        if self._standing(key) is not Standing.PLAIN:
            return self.names.unquoted(text, marker(KEY))
        return self.text(text)

    def _standing(self, key: str) -> Standing:
        return self.names.standing(key) if self.rules else Standing.PLAIN

    def _value(self, standing: Standing, value: Any, depth: int) -> Any:
        if isinstance(value, Mapping | list | tuple) and depth <= 0:
            self.tally("depth")
            return FALLBACK
        if isinstance(value, Mapping):
            return self._fields(standing, value, depth - 1)
        if isinstance(value, list | tuple):
            return [self._value(standing, one, depth - 1) for one in value]
        if standing is not Standing.PLAIN and self.names.hides(standing, value):
            self.tally(KEY)
            return marker(KEY)
        if isinstance(value, bytes):
            return self.text(value.decode("utf-8", "replace"))
        if isinstance(value, str):
            return self.text(value)
        return self._number(value)

    def _number(self, value: Any) -> Any:
        """A number can be a card's; every other one stays as it is."""
        if not _may_be_card(value):
            return value
        text = str(value)
        hidden = self.text(text)
        return value if hidden == text else hidden

    def _fields(self, standing: Standing, fields: Mapping[str, Any], depth: int) -> dict[str, Any]:
        clean, found = self._is_clean(fields), {}
        for key, value in fields.items():
            name = str(key)
            # What lies under a secret's name is secret as a whole, whatever its parts are called.
            own = max(self._standing(name), standing)
            if clean and own is Standing.PLAIN and isinstance(value, SCALARS):
                found[name] = value
            else:
                found[name if clean else self.text(name)] = self._value(own, value, depth)
        return found

    def _is_clean(self, fields: Mapping[str, Any]) -> bool:
        """Whether one look at all names and texts together finds nothing: far cheaper than many."""
        if not self._together:
            return False
        texts = [value for value in fields.values() if isinstance(value, str)]
        numbers = [str(value) for value in fields.values() if _may_be_card(value)]
        try:
            return not self._gates.Match("\n".join([*map(str, fields), *texts, *numbers]))
        except UnicodeEncodeError:
            return False


@lru_cache(maxsize=4)
def _automaton(gates: tuple[str, ...]) -> Any:
    """What says which of them match; the same for all outlets."""
    found = re2.Set.SearchSet()
    for gate in gates:
        found.Add(gate)
    found.Compile()
    return found


def _may_be_card(value: Any) -> bool:
    return type(value) is int and 10**12 <= value < 10**30
