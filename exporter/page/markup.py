"""HTML that is safe by the way it is made: a plain text is always escaped, only we make markup."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import TypeAlias

from msgspec import Struct

# What a terminal or a browser would obey instead of showing: controls, and marks that reorder text.
UNSEEN = dict.fromkeys(
    [
        *(code for code in range(32) if code not in (9, 10)),
        *range(0x7F, 0xA0),
        *range(0x200B, 0x2010),
        *range(0x2028, 0x202F),
        *range(0x2060, 0x2070),
        0x061C,
        0xFEFF,
        *range(0xD800, 0xE000),
    ],
    "\ufffd",
)
VOID = frozenset({"meta"})  # an SVG's empty elements are none: HTML would nest what follows


class Markup(Struct, frozen=True):
    """Markup of our own making."""

    text: str


Part: TypeAlias = Markup | str | None


def escaped(text: str) -> str:
    """A text as HTML shows it, in an element or an attribute."""
    return html.escape(text.translate(UNSEEN))


def el(tag: str, /, *parts: Part | Iterable[Part], **attributes: str | None) -> Markup:
    """An element; `class_` and `aria_label` are spelled so, None leaves an attribute out."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if tag in VOID:
        return Markup(f"<{tag}{given}>")
    return Markup(f"<{tag}{given}>{joined(parts)}</{tag}>")


def joined(parts: Iterable[Part | Iterable[Part]]) -> str:
    """The parts one behind the other, texts escaped."""
    found = []
    for part in parts:
        if part is None:
            continue
        if isinstance(part, Markup):
            found.append(part.text)
        elif isinstance(part, str):
            found.append(escaped(part))
        else:
            found.append(joined(part))
    return "".join(found)
