r"""Key-value lines: a message and `key=value` pairs, in the two dialects that are in use.

The grammar, which every faster reader of the same lines must agree with:

- The line end, a leading BOM and ANSI colours are taken off first.
- Head, optional, its tokens in either order and parted by spaces: a known level as `[INFO]` (any
  case) or as a bare upper-case `INFO`; a time, `2026-11-20T23:58:29[.,fff][Z|+hh:mm]`, with `T`
  or a space in the middle.
- Then the message: all text up to the first ` key=`, without surrounding spaces. A key is
  `[A-Za-z_][A-Za-z0-9_.-]*`, stands behind a space or at the very start, and touches its `=`.
- Then tokens to the end of the line: pairs, and words, which become flags with the value True.
- A line with a head and no pairs is of this format; one with neither is not.

*Logfmt* is a line whose first token, behind the head, is a pair, unless the level stands in
brackets. Spaces and tabs separate. Go's escapes are decoded inside double quotes, unknown ones
stay. Level, time and message come from the fields, which keep them too, where the head has none.
*Plain* is everything else. Only spaces separate. Inside double quotes `\"` is the only escape,
every other backslash is itself. A field named `level` or `time` is just a field.

Values are text; of a repeated key the first counts. A bare value reaches to the next separator and
may hold anything, also `=`, and nothing at all (`a= b=1`). `'b c'` is quoted only where a closing
quote before a separator or the end exists. A double-quoted value ends at the first unescaped quote.
If that quote is not followed by a separator or the end, or there is none, then the first that fits:

1. The last `\"` before it that stands in front of ` key=` or the end was the true end: the value
   ends in a backslash (`dir="C:\" next="x"`).
2. The quote opens the value of a later pair, or there is none: this one was never closed, and
   its value reaches to the next ` key=` or the end.
3. The value ends at that quote, and what follows goes on as tokens (`a="b"c=d`).

So one bad token never costs the rest of the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from parsers import Record
from parsers.cleaning import clean
from parsers.heads import Head, read_head
from parsers.levels import level

MESSAGE_KEYS = ("msg", "message")
LEVEL_KEYS = ("level", "lvl", "severity")
TIME_KEYS = ("ts", "time", "timestamp")

NOT_CLOSED = "a quote is never closed"
TEXT_BEHIND = "text right behind a closing quote"

_NAME = r"[A-Za-z_][A-Za-z0-9_.-]*+"
_KEY = re.compile(rf"({_NAME})=")
_SPACED_KEY = re.compile(rf" ({_NAME})=")
_ESCAPE = re.compile(
    r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-7][0-9A-Fa-f])|(.))", re.DOTALL
)
_GO_ESCAPES: Mapping[str, str] = MappingProxyType(
    {
        "n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v",
        "\\": "\\", '"': '"', "'": "'", "/": "/",
    }
)  # fmt: skip


class _Dialect(Struct, frozen=True):
    """How pairs are parted and quoted. `is_escaped` is asked about the quote at a position."""

    separators: str
    pair: re.Pattern[str]  # a pair without surprises, and the separators behind it
    separator: re.Pattern[str]
    next_key: re.Pattern[str]
    closing_single: re.Pattern[str]
    is_escaped: Callable[[str, int], bool]
    unescape: Callable[[str], str]


def _dialect(
    separators: str, is_escaped: Callable[[str, int], bool], unescape: Callable[[str], str]
) -> _Dialect:
    one, end = f"[{separators}]", rf"(?:[{separators}]++|\Z)"
    return _Dialect(
        separators=separators,
        pair=re.compile(rf"""({_NAME})=(?:"([^"\\]*+)"|(?!["'])([^{separators}]*+)){end}"""),
        separator=re.compile(f"{one}++"),
        next_key=re.compile(rf"{one}{_NAME}="),
        closing_single=re.compile(rf"'(?={one}|\Z)"),
        is_escaped=is_escaped,
        unescape=unescape,
    )


def _plain_is_escaped(line: str, quote: int) -> bool:
    return line[quote - 1] == "\\"


def _plain_unescape(text: str) -> str:
    return text.replace('\\"', '"')


def _go_is_escaped(line: str, quote: int) -> bool:
    at = quote
    while line[at - 1] == "\\":
        at -= 1
    return (quote - at) % 2 == 1


def unescaped(text: str) -> str:
    """A logfmt value out of its quotes, with Go's escapes decoded."""
    if "\\" not in text:
        return text
    decoded = _ESCAPE.sub(_go_decoded, text)
    # Two halves of a pair are one character; half a pair alone is none.
    return decoded.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _go_decoded(found: re.Match[str]) -> str:
    letter = found[4]
    if letter is not None:
        return _GO_ESCAPES.get(letter, found[0])
    code = int(found[1] or found[2] or found[3], 16)
    return chr(code) if code <= 0x10FFFF else found[0]


_PLAIN = _dialect(" ", _plain_is_escaped, _plain_unescape)
_LOGFMT = _dialect(" \t", _go_is_escaped, unescaped)


def parse(line: str) -> Record | None:
    """Read a line of either dialect; None where it has neither a head nor a pair."""
    line = clean(line)
    head = read_head(line)
    first = _KEY.match(line, head.end)
    if first and not head.bracketed:
        return _logfmt(line, head)
    if not first:
        first = _SPACED_KEY.search(line, max(head.end - 1, 0))
    if not first and not head.end:
        return None
    start = first.start(1) if first else len(line)
    tokens = _Tokens(line, _PLAIN)
    tokens.read(start)
    return Record(
        format="keyvalue",
        message=line[head.end : start].strip(" "),
        level=head.level,
        time=head.time,
        fields=tokens.fields,
        reason=tokens.reason,
    )


def _logfmt(line: str, head: Head) -> Record:
    tokens = _Tokens(line, _LOGFMT)
    tokens.read(head.end)
    fields = tokens.fields
    return Record(
        format="keyvalue",
        message=_first_text(fields, MESSAGE_KEYS) or "",
        level=head.level
        or next((known for key in LEVEL_KEYS if (known := level(fields.get(key)))), None),
        time=head.time or _first_text(fields, TIME_KEYS),
        fields=fields,
        reason=tokens.reason,
    )


def _first_text(fields: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    return next((text for key in keys if isinstance(text := fields.get(key), str)), None)


class _Tokens:
    """The tokens of one line, read into `fields`; `reason` says what was odd about them."""

    __slots__ = ("_dialect", "_line", "_no_single", "fields", "reason")

    def __init__(self, line: str, dialect: _Dialect) -> None:
        self._line = line
        self._dialect = dialect
        # Once no closing single quote was found, a later search would only scan the rest again.
        self._no_single = False
        self.fields: dict[str, Any] = {}
        self.reason: str | None = None

    def read(self, at: int) -> None:
        """Read all tokens from `at`, where the first one begins, to the end."""
        line, fields, match = self._line, self.fields, self._dialect.pair.match
        size = len(line)
        while at < size:
            found = match(line, at)
            if found is None:
                at = self._odd(at)
                continue
            key, quoted, bare = found.groups()
            if key not in fields:
                fields[key] = bare if quoted is None else quoted
            at = found.end()

    def _odd(self, at: int) -> int:
        """Read the token at `at` that is no pair without surprises; where the next one begins."""
        key = _KEY.match(self._line, at)
        if key is None:
            return self._word(at, None)
        opening = key.end()
        if self._line.startswith('"', opening):
            value, end = self._quoted(opening + 1)
            self.fields.setdefault(key[1], value)
            return self._after_separators(end)
        closing = self._closing_single(opening + 1)
        if closing is None:
            return self._word(opening, key[1])
        self.fields.setdefault(key[1], self._line[opening + 1 : closing])
        return self._after_separators(closing + 1)

    def _word(self, at: int, key: str | None) -> int:
        """Take all up to the next separator: the bare value of `key`, or a flag."""
        found = self._dialect.separator.search(self._line, at)
        word = self._line[at : found.start()] if found else self._line[at:]
        if key is None:
            self.fields.setdefault(word, True)
        else:
            self.fields.setdefault(key, word)
        return found.end() if found else len(self._line)

    def _after_separators(self, at: int) -> int:
        while at < len(self._line) and self._is_separator(at):
            at += 1
        return at

    def _is_separator(self, at: int) -> bool:
        return self._line[at] in self._dialect.separators

    def _closing_single(self, start: int) -> int | None:
        found = None if self._no_single else self._dialect.closing_single.search(self._line, start)
        self._no_single = found is None
        return found.start() if found else None

    def _quoted(self, start: int) -> tuple[str, int]:
        """Read the double-quoted value whose text begins at `start`: the value, and its end."""
        line, unescape = self._line, self._dialect.unescape
        closing = self._closing(start)
        if closing >= 0 and (closing + 1 == len(line) or self._is_separator(closing + 1)):
            return unescape(line[start:closing]), closing + 1
        limit = closing if closing >= 0 else len(line)
        true_end = self._backslash_end(start, limit)
        if true_end >= 0:
            return unescape(line[start:true_end]), true_end + 1
        if closing < 0 or self._opens_value(start, closing):
            self.reason = NOT_CLOSED
            later = self._dialect.next_key.search(line, start)
            end = later.start() if later else len(line)
            return unescape(line[start:end]), end
        self.reason = TEXT_BEHIND
        return unescape(line[start:closing]), closing + 1

    def _closing(self, start: int) -> int:
        """Where the first unescaped double quote from `start` on stands, or -1."""
        line, is_escaped = self._line, self._dialect.is_escaped
        at = line.find('"', start)
        while at >= 0 and is_escaped(line, at):
            at = line.find('"', at + 1)
        return at

    def _backslash_end(self, start: int, limit: int) -> int:
        r"""Where the last `\"` in front of ` key=` or the end stands, or -1.

        All quotes between `start` and `limit` are escaped: `limit` is the first that is not.
        """
        line, next_key = self._line, self._dialect.next_key
        at = line.rfind('"', start, limit)
        while at >= 0 and at + 1 < len(line) and not next_key.match(line, at + 1):
            at = line.rfind('"', start, at)
        return at

    def _opens_value(self, start: int, quote: int) -> bool:
        """Whether the text from `start` ends in ` key=`, right before the quote."""
        line = self._line
        if line[quote - 1] != "=":
            return False
        before = max(line.rfind(one, start, quote) for one in self._dialect.separators)
        return before >= 0 and _KEY.fullmatch(line, before + 1, quote) is not None
