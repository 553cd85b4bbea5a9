"""Levels: every spelling that a logger prints, to one of LEVELS or None."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from parsers import LEVELS

# Cut spellings are real: alembic prints five letters, .NET and zerolog four or three.
_SPELLINGS: Mapping[str, str] = MappingProxyType(
    {
        "trace": "trace trce trc verbose vrb silly finest",
        "debug": "debug dbug dbg fine",
        "info": "info information informational inf notice log success",
        "warning": "warning warn wrn warni",
        "error": "error err fail failure eror severe",
        "critical": "critical crit criti fatal ftl emergency emerg alert panic dpanic pnc",
    }
)
_BY_SPELLING: Mapping[str, str] = MappingProxyType(
    {
        spelled: level
        for level, words in _SPELLINGS.items()
        for word in words.split()
        for spelled in (word, word.upper(), word.capitalize())
    }
)
_LONGEST = 16


def level(raw: object) -> str | None:
    """The level that a spelling means, in any case and in brackets; None for what is no level.

    Numbers, also as text, are pino's: 10 is trace and 60 fatal; one in between means the level
    that it has reached.
    """
    if isinstance(raw, str):
        return _BY_SPELLING.get(raw) or _rare(raw)
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return _numbered(raw)
    return None


def _rare(raw: str) -> str | None:
    if len(raw) > _LONGEST:
        return None
    bare = raw.strip(" []").lower()
    if bare.isascii() and bare.isdecimal():
        return _numbered(int(bare))
    return _BY_SPELLING.get(bare)


def _numbered(number: float) -> str | None:
    return LEVELS[int(number) // 10 - 1] if 10 <= number < 70 else None
