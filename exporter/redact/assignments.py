"""Secrets that a name beside them gives away: `password=x`, `"api_key": "x"`, `Authorization: x`.

A name is found by the words that such names are made of, then judged as a whole; only then is the
value looked for. So `token_count=5` and `author: Ann` cost a look, and stay.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import re2

from exporter.redact.names import KEPT, TELLING, Names, Standing
from exporter.redact.redactor import KEY, Tally, marker

# Parts of the names that exporter/redact/names.py knows.
WORDS = (
    r"pass|pwd|secret|token|authorization|auth|api[_.\- ]?key|dsn|cred|cookie|jwt|bearer|otp|cvv"
    r"|cvc|ssn|csrf|xsrf|mnemonic|signature|hmac|sess(?:ion)?[_.\-]?(?:id|key)|connect\.sid|codes"
    r"|conn(?:ection)?[_.\-]?str|pin|sas|security[_.\-]code"
    r"|(?:access|private|signing|encryption|account|master|ssh|rsa|licen[sc]e|shared|storage"
    r"|consumer|crypt|webhook|deploy|admin|cipher|aes|activation|recovery)[_.\-]?key"
)
NAME = r"[A-Za-z0-9_.\-]*"
# What stands between name and value: a separator; a quoted pair's comma; nothing, before a quote
# or after `--`; the end of a tag.
JOIN = r"""[\\"'`\]]*[ \t]*(?:=>|:=|==?|:|%3[dD])[ \t]*|\\*["'],[ \t]*|[ \t]+|>"""

OPENING = re.compile(r"""[bu]?(\\*)(["'`])""")
CLOSED = {
    quote: re.compile(rf"(?:[^{quote}\\]|\\.)*+(?={quote})", re.DOTALL) for quote in ("'", '"', "`")
}
REST = re.compile(r"[^\r\n]*")
LINE = re.compile(r"""(?:(?<==)"[^"\r\n]*"|[^"'\r\n\\]|\\(?!["'nr]))*+""")
PLAIN = re.compile(
    r"""(?:[^\s"'`&;,<>\\%]|[&;,](?!\s|$|[\w.\-"'\\]{1,60}\s?[=:])|\\(?!["'nrt])|%(?!26|22|27))*+"""
)
TAGGED = re.compile(r"[^<\r\n]*")
BRACED = {"[": re.compile(r"\[[^\]\r\n]*"), "{": re.compile(r"\{[^}\r\n]*")}
SCHEME = re.compile(
    r"(?i)(?P<name>basic|bearer|digest|token|negotiate|ntlm|apikey|dpop|hawk|ssws|splunk|key"
    r"|signature|aws4-hmac-sha256|sharedkey|sharedaccesssignature|vapid)(?:[ \t]|%20)+"
)
LISTED = frozenset({"digest", "hawk", "signature", "aws4-hmac-sha256", "sharedaccesssignature"})
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Assignments:
    """Hides the values of secrets' names in text of any make."""

    names: Names
    gate: str = field(init=False)
    name: str = field(default=KEY, init=False)
    _found: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        words = "|".join((WORDS, *self.names.expressions()))
        gate = rf"(?i)(?P<key>{NAME}(?:{words}|identified by){NAME})(?P<join>{JOIN})"
        object.__setattr__(self, "gate", gate)
        object.__setattr__(self, "_found", re2.compile(gate))

    def hide(self, text: str, tally: Tally) -> str:
        """The text with a marker for each value."""
        pieces, end = [], 0
        for one in self._found.finditer(text):
            start = one.end()
            if start < end:
                continue  # within what is hidden already
            span = self._value(text, one.start(), one["key"], one["join"], start)
            if span is None or span[0] < end:
                continue
            pieces += [text[end : span[0]], marker(KEY)]
            end = span[1]
            tally(KEY)
        return "".join(pieces) + text[end:] if pieces else text

    def _value(self, text: str, begin: int, key: str, join: str, start: int) -> Span | None:
        """Where the value is that is to be hidden, if there is one."""
        standing = _identified(key) or self.names.standing(key)
        if standing is Standing.PLAIN:
            return None
        opening = OPENING.match(text, start)
        if opening is not None:
            span = (opening.end(), _closing(text, opening))
        elif not _joined(text, begin, key, join):
            return None
        else:
            span = (start, _bare(text, start, key, join))
        return self._worth(text, span, standing, prose=opening is None and _is_prose(join))

    def _worth(self, text: str, span: Span, standing: Standing, *, prose: bool) -> Span | None:
        """The span without a scheme before it; None where it only tells of a secret."""
        scheme = SCHEME.match(text, *span)
        start, stop = (scheme.end() if scheme else span[0]), span[1]
        value = text[start:stop].rstrip(",;.)]}") if not scheme else text[start:stop]
        if KEPT.match(text, start) or value.lower() in TELLING or not value:
            return None
        if not self.names.hides(standing, value):
            return None
        if prose and standing is Standing.LIKELY and not scheme and _is_word(value):
            return None
        return start, stop


def _identified(key: str) -> Standing | None:
    """SQL's `IDENTIFIED BY 'x'`: the one name of two words."""
    return Standing.SECRET if key.lower().endswith("identified by") else None


def _joined(text: str, begin: int, key: str, join: str) -> bool:
    """Whether a value without quotes belongs to the name."""
    if join == ">":
        return text[max(0, begin - 1) : begin] == "<"
    if "," in join:
        return False
    if not join.strip():
        return key.startswith("--") or text[max(0, begin - 2) : begin] == "--"
    return not (join == ":" and text.startswith("//", begin + len(key) + 1))


def _is_prose(join: str) -> bool:
    """`auth: started` may be a sentence; `auth=started` and `auth:started` are none."""
    return join.endswith((" ", "\t")) and join.strip() in ("", ":")


def _is_word(value: str) -> bool:
    return len(value) < 24 and not any(one.isdigit() for one in value)


def _closing(text: str, opening: re.Match[str]) -> int:
    """The end of a quoted value: its quote with as many backslashes, or the line's end."""
    escapes, quote = opening.groups()
    start = opening.end()
    if not escapes:
        found = CLOSED[quote].match(text, start)
        return found.end() if found else _end_of_line(text, start)
    closing = escapes + quote
    at = text.find(closing, start)
    while at > start and text[at - 1] == "\\":
        at = text.find(closing, at + len(closing))
    return at if at >= 0 else _end_of_line(text, start)


def _end_of_line(text: str, start: int) -> int:
    found = REST.match(text, start)
    return found.end() if found else len(text)


def _bare(text: str, start: int, key: str, join: str) -> int:
    """The end of a value without quotes."""
    first = text[start : start + 1]
    if join == ">":
        pattern = TAGGED
    elif key.lower().endswith(("cookie", "cookies")) and first not in BRACED:
        pattern = LINE
    elif first in BRACED:
        pattern = BRACED[first]
    else:
        pattern = PLAIN
        if (scheme := SCHEME.match(text, start)) is not None:
            start = scheme.end()
            pattern = LINE if scheme["name"].lower() in LISTED else PLAIN
    found = pattern.match(text, start)
    end = found.end() if found else start
    return start + len(text[start:end].rstrip(",;)]}")) if pattern is PLAIN else end
