"""Secrets that are known by how they look, wherever they stand."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import re2

from exporter.redact.names import KEPT
from exporter.redact.redactor import Tally, marker

LONG = 24  # characters, of which no word has as many
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".js", ".css", ".ts")
NO_PERSON = ("git@", "celery@", "rabbit@")


@dataclass(frozen=True, slots=True)
class Shape:
    """What an expression of RE2 finds (its group `it`, else the first, or all) where it `fits`."""

    name: str
    gate: str
    fits: Callable[[str], bool] = field(default=bool, compare=False)
    alone: bool = False
    _found: Any = field(init=False, repr=False, compare=False)
    _group: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found = re2.compile(self.gate)
        object.__setattr__(self, "_found", found)
        object.__setattr__(self, "_group", found.groupindex.get("it", min(1, found.groups)))

    def hide(self, text: str, tally: Tally) -> str:
        """The text with a marker for each; what another tool has hidden stays."""
        pieces, end = [], 0
        for one in self._found.finditer(text):
            start, stop = one.span(self._group)
            value = text[start:stop]
            if not value or KEPT.fullmatch(value) or not self.fits(value):
                continue
            pieces += [text[end:start], marker(self.name)]
            end = stop
            tally(self.name)
        return "".join(pieces) + text[end:] if pieces else text


# -- what has to be looked at twice ----------------------------------------------------------------


def is_basic(text: str) -> bool:
    """Whether this is what RFC 7617 sends: base64 of `user:password`."""
    try:
        return b":" in base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False


def is_mixed(text: str) -> bool:
    """Digits and both kinds of letters: no word, no hexadecimal digest."""
    return (
        any(one.isdigit() for one in text)
        and any(one.islower() for one in text)
        and any(one.isupper() for one in text)
    )


def is_no_word(text: str) -> bool:
    """Long, or with a digit in it: `bearer authentication` is no token."""
    return len(text) >= LONG or any(one.isdigit() for one in text)


def is_card(text: str) -> bool:
    """By the check digit of ISO/IEC 7812 (Luhn)."""
    digits = [int(one) for one in reversed(text) if one.isdigit()]
    if len(set(digits)) == 1:
        return False
    doubled = [2 * one - 9 * (one > 4) for one in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def is_address(text: str) -> bool:
    """Not `logo@2x.png`, `git@github.com` or a worker's name."""
    lowered = text.lower()
    return not lowered.endswith(PICTURES) and not lowered.startswith(NO_PERSON)
