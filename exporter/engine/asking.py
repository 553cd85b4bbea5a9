"""What the compiled loop asks of Python: once for each spelling, or where only Python can say."""

from __future__ import annotations

from typing import Any

from exporter.engine.choosing import Switch
from exporter.engine.hot import asked_fields, label_fields, named, update_of
from exporter.engine.moves import Mover
from exporter.engine.plan import Effect, meets
from exporter.engine.rules import Where
from exporter.engine.values import text


class Condition:
    """A condition on one field."""

    def __init__(self, where: Where) -> None:
        self.fields = [where.field]
        self._where = where

    def answer(self, parts: tuple[Any, ...]) -> int:
        """1 where the field's value meets it, else 0."""
        return int(meets(self._where, parts[0]))


class Choosing:
    """The rules that a field chooses: `kinds` are all there can be, the first for none.

    `literals` have the kind of each text, where these tell all and none has more bytes than
    `longest`; else None.
    """

    def __init__(self, switch: Switch, longest: int) -> None:
        self.field = switch.field
        self._switch = switch
        self.kinds = switch.kinds()
        self._places = {kind: place for place, kind in enumerate(self.kinds)}
        told = not switch.prefixes and all(_is_plain(one, longest) for one in switch.literals)
        self.literals = {text: self.answer(text) for text in switch.literals} if told else None

    def answer(self, value: Any) -> int:
        """What the field's value chooses: a place in `kinds`."""
        return self._places[self._switch.places(value)]


class Labels:
    """The labels of one effect. `fields` are what its `parts` are the values of, in this order."""

    def __init__(self, effect: Effect, mover: Mover) -> None:
        self.fields = label_fields(effect)
        self._effect = effect
        self._mover = mover
        self._named = named(self.fields, _same, mover.service)

    def answer(self, parts: tuple[Any, ...]) -> int:
        """The cell that these labels move, or `moves.NOTHING`."""
        return self._mover.locate(self._effect, self._named(parts))

    def late(self, parts: tuple[Any, ...]) -> int:
        """1 where the effect would have moved something, had the record come in time, else 0."""
        return int(self._effect.label_texts(self._named(parts)) is not None)

    def keep(self, cell: int, value: Any, amount: float, when: float) -> bool:
        """Let a line stand for the bucket that it fell into; False where it cannot."""
        shown = text(value)
        if not shown:
            return False
        name = self._effect.exemplar or ""
        self._mover.registry.exemplars[cell] = (name, shown, amount, when)
        return True


class Rare:
    """An effect that is left to an update, as the exact reading makes it."""

    def __init__(self, effect: Effect, mover: Mover) -> None:
        self.fields = asked_fields(effect)
        self._effect = effect
        self._mover = mover
        self._named = named(self.fields, _same, mover.service)

    def move(self, parts: tuple[Any, ...], at: float | None) -> None:
        """Do what it says."""
        update = update_of(self._effect, self._named(parts))
        if update is not None:
            self._mover.move(update, at)


def _is_plain(text: str, longest: int) -> bool:
    """Whether bytes spell the text exactly if they are those of its UTF-8, and so few of them."""
    if "\ufffd" in text or any("\ud800" <= char <= "\udfff" for char in text):
        return False
    return len(text.encode()) <= longest


def _same(value: Any) -> Any:
    return value
