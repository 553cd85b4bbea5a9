"""Which records are sent: by level, by service, and by a share that is the same at each reading."""

from __future__ import annotations

import hashlib
from typing import Literal

from msgspec import Struct, field

from exporter.forward.settings import Choice, Selection
from parsers import LEVELS

Why = Literal["service", "level", "sampled"]

_RANK = {level: rank for rank, level in enumerate(LEVELS)}
_WHOLE = 1 << 64


class Chooser(Struct):
    """Asks a selection about records; what it says of a service is worked out once."""

    selection: Selection
    _choices: dict[str, Choice] = field(default_factory=dict)

    def left_out(self, service: str, level: str | None, key: str, place: int) -> Why | None:
        """Why a record is not sent, or None.

        `key` and `place` (of the stream, and in it) stand for the record where a share is sent, so
        that the choice is the same when it is read again, and another one for its like.
        """
        choice = self._choices.get(service)
        if choice is None:
            choice = self._choices[service] = _of(self.selection, service)
        if choice.send is False:
            return "service"
        if level is None:
            return None
        if choice.level is not None and _RANK[level] < _RANK[choice.level]:
            return "level"
        share = choice.sample.get(level, 1.0)
        return None if share >= 1 or _fraction(key, place) < share else "sampled"


def _of(selection: Selection, service: str) -> Choice:
    """What a selection says of a service: the first exception that fits goes before the rest."""
    general = Choice(None, selection.level, selection.sample)
    for name, choice in selection.services.items():
        if name == service or (name.endswith("*") and service.startswith(name[:-1])):
            return choice.over(general)
    return general


def _fraction(key: str, place: int) -> float:
    """A number from 0 to 1 that is always the same for the same record."""
    digest = hashlib.blake2b(f"{key} {place}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / _WHOLE
