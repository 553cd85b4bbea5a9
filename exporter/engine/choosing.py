"""Choosing: which of many rules a record is asked for, by what its fields say.

Rules that want one of some texts of a field are found by the field's text, not tried one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from exporter.engine.beginnings import FEW, Beginnings
from exporter.engine.rules import Where
from exporter.engine.values import text

Places = tuple[int, ...]  # of rules among the others, in their order


class Switch:
    """The rules that want certain texts of one field: literals, or prefixes."""

    def __init__(self, field: str, wanted: Iterable[tuple[str, int]]) -> None:
        self.field = field
        self.literals: dict[str, list[int]] = {}
        self.prefixes: dict[str, list[int]] = {}
        for pattern, place in wanted:
            if pattern.endswith("*"):
                self.prefixes.setdefault(pattern[:-1], []).append(place)
            else:
                self.literals.setdefault(pattern, []).append(place)
        self._begins = Beginnings(self.prefixes)

    def places(self, value: object) -> Places:
        """The rules that want what the field's value is as a text."""
        found = text(value)
        if found is None:
            return ()
        return self._among(self.literals.get(found, ()), found)

    def kinds(self) -> list[Places]:
        """All that `places` may give, once; the first is none."""
        literals = (self._among(places, found) for found, places in self.literals.items())
        prefixes = (self._among((), prefix) for prefix in self.prefixes)
        return [*dict.fromkeys(((), *literals, *prefixes))]

    def _among(self, literal: Iterable[int], found: str) -> Places:
        places = {*literal}
        for prefix in self._begins.of(found):
            places.update(self.prefixes[prefix])
        return tuple(sorted(places))


class Choice(Struct, frozen=True):
    """The rules that are always asked for, and those that a field chooses; each rule once."""

    always: Places
    switches: Mapping[str, Switch]

    @classmethod
    def among(cls, wishes: Sequence[Sequence[Where]]) -> Choice:
        """Choose among rules by one of the wishes that each has, the one that fewest others share.

        A wish names `values`.
        """
        if sum(map(bool, wishes)) <= FEW:
            return cls(tuple(range(len(wishes))), {})
        usual = Counter(
            (one.field, value) for each in wishes for one in each for value in one.values
        )
        wanted: dict[str, list[tuple[str, int]]] = {}
        for place, each in enumerate(wishes):
            if each:
                wish = min(each, key=lambda one: max(usual[one.field, text] for text in one.values))
                wanted.setdefault(wish.field, []).extend((value, place) for value in wish.values)
        return cls(
            tuple(place for place, each in enumerate(wishes) if not each),
            {field: Switch(field, pairs) for field, pairs in wanted.items()},
        )

    def places(self, lookup: Callable[[str], Any], names: Collection[str]) -> Sequence[int]:
        """The rules to ask a record for, in their order; `names` are all that it may have."""
        if not self.switches:
            return self.always
        asked = names if len(names) < len(self.switches) else self.switches
        found = [*self.always]
        for name in asked:
            switch = self.switches.get(name)
            if switch is not None:
                found += switch.places(lookup(name))
        return sorted({*found})  # once, also where a name is told twice
