"""Secrets that a name beside them gives away: `password=x`, `"api_key": "x"`, `Authorization: x`.

A name is found by the words that such names are made of, then judged as a whole; only then is the
value looked for. So `token_count=5` and `author: Ann` cost a look, and stay.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import re2

from exporter.redact.names import KEPT_HERE, TELLING, Names, Standing
from exporter.redact.redactor import KEY, Tally, marker
from exporter.redact.shapes import LONG

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
# or after `--`; the end of a tag. URLs spell quotes and colons `%22` and `%3A`, JSON `\u0022` and
# `\u003a`. Behind a colon the value may stand further in on a later line, as in YAML,
# behind `|` or `>` or the dash of a list, too. HTML spells quotes `&quot;`, signs `&#61;`.
NEXT = r"(?:\r?\n|(?:\\+r)?\\+n)"
IN = r"(?:[ \t]|\\+t)"
BELOW = rf"(?:[|>][0-9+\-]{{0,2}})?(?:{NEXT}{IN}*)*{NEXT}{IN}+(?:-[ \t]+)?"
SPACE = r"(?:[ \t\x{a0}]|\\+u00(?:20|[aA]0))*"
MARKED = r"&(?:quot|#3[49]);"
JOIN = (
    rf"""(?:[\\"'`\]]|%2[27]|\\+u002[27]|{MARKED})*"""
    rf"""{SPACE}(?:=>|=\\+u003[eE]|:=|==?|:|%(?:25)?3[aAdD]|&#(?:58|61);|\\+u003[aAdD]){SPACE}"""
    rf"""(?:(?:(?:%20|\+)?%2[27]|\\+u002[27]|{MARKED})|{BELOW}|!!\w+[ \t]+)?"""
    r"""|\\*["'],[ \t]*|[ \t]+|>"""
)

OPENING = re.compile(r"""[bu]?(\\*)(["'`])""")
CLOSED = {
    quote: re.compile(rf"(?:[^{quote}\\]|\\.)*+(?={quote})", re.DOTALL) for quote in ("'", '"', "`")
}
REST = re.compile(r"[^\r\n]*")
LINE = re.compile(r"""(?:(?<==)"[^"\r\n]*"|[^"'\r\n\\]|\\(?!["'nr]))*+""")
PLAIN = re.compile(
    r"""(?:[^\s"'`&;,<\\%]|<(?!/)|[&;,](?!\s|$|quot;|#3[49];|[\w.\-"'\\]{1,60}\s?[=:])|\\(?!["'nrt]|u002[267])|%(?!26|22|27))*+"""
)
ALONE = re.compile(
    r"""[ \t]*(?:\Z|(?<=[ \t])#|[\r\n"'`]|\\+["'nr])"""
)  # behind the only word of a line
TAGGED = re.compile(r"(?:<!\[CDATA\[)?[^<\r\n]*")
TAG = re.compile(r"<(?:[A-Za-z][\w.\-]{0,30}:)?\Z")
LONGEST_TAG = 33
ATTRIBUTES = re.compile(r"[^<>\r\n]{0,200}>")
BRACES = re.compile(r"""\\*"(?:[^"\\\r\n]|\\.)*+"|[\[\]{}\r\n]""")
SCHEME = re.compile(
    r"(?i)(?P<name>basic|bearer|digest|token|negotiate|ntlm|apikey|dpop|hawk|ssws|splunk|key"
    r"|signature|aws4-hmac-sha256|sharedkey|sharedaccesssignature|vapid)(?:[ \t]|%20|\\+u0020)+"
)
BEHIND = ("", *" \t\r\n,;)]}\"'`\\<&")  # what may stand behind a list or mapping
LISTED = frozenset({"digest", "hawk", "signature", "aws4-hmac-sha256", "sharedaccesssignature"})
Place = tuple[int, int, str]  # from, to, and what stands there then
HIDDEN = marker(KEY)


@dataclass(frozen=True, slots=True)
class Assignments:
    """Hides the values of secrets' names in text of any make."""

    names: Names
    gate: str = field(init=False)
    name: str = field(default=KEY, init=False)
    alone: bool = field(default=False, init=False)
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
            place = self._place(text, one.start(), one["key"], one["join"], start)
            if place is None or place[0] < end:
                continue
            pieces += [text[end : place[0]], place[2]]
            end = place[1]
            tally(KEY)
        return "".join(pieces) + text[end:] if pieces else text

    def _place(self, text: str, begin: int, key: str, join: str, start: int) -> Place | None:
        """Where the value is that is to be hidden, if there is one."""
        standing = _identified(key) or self.names.standing(key)
        if standing is Standing.PLAIN:
            return None
        if join == ">" or not join.strip():
            tag = TAG.search(text, max(0, begin - LONGEST_TAG), begin)
            if join == ">" and tag is None:
                return None
            if tag is not None and (attributes := ATTRIBUTES.match(text, start - 1)):
                start, join = attributes.end(), ">"
        opening = OPENING.match(text, start)
        if KEPT_HERE.match(text, opening.end() if opening else start):
            return None  # before its end is looked for: many of them shall not cost many looks
        if "\n" in join or "\\n" in join:
            return self._below(text, start, key, join, standing)
        if text[start : start + 1] in ("[", "{"):
            place, behind = _braced(text, start)
            if text[behind : behind + 1] in BEHIND:
                return place
            return start, _end(PLAIN, text, behind), HIDDEN  # no list, but a value like `[a]b`
        if opening is not None:
            return self._worth(text, opening.end(), _closing(text, opening), standing)
        if not _joined(text, begin, key, join):
            return None
        prose = standing is Standing.LIKELY and _is_prose(join)
        return self._worth(text, start, _bare(text, start, key, join), standing, prose=prose)

    def _below(
        self, text: str, start: int, key: str, join: str, standing: Standing
    ) -> Place | None:
        """A value below its name: the only word of its line, and no name itself."""
        opening = OPENING.match(text, start)
        if opening is not None:
            start, stop = opening.end(), _closing(text, opening)
        else:
            stop = _bare(text, start, key, join)
        value = text[start:stop]
        if ":" not in join or value.endswith(":") or ALONE.match(text, stop) is None:
            return None
        if value.lower().startswith(key.lower()):  # `secret:` and `secretName` below it
            return None
        if not any(map(str.isalnum, value)) or (standing is Standing.LIKELY and _is_word(value)):
            return None
        return self._worth(text, start, stop, standing)

    def _worth(
        self, text: str, start: int, stop: int, standing: Standing, *, prose: bool = False
    ) -> Place | None:
        """The value without a scheme before it; None where it only tells of a secret."""
        scheme = SCHEME.match(text, start, stop)
        start = scheme.end() if scheme else start
        value = text[start:stop] if scheme else text[start:stop].rstrip(",;.)]}")
        if not value or KEPT_HERE.match(text, start) or value.lower() in TELLING:
            return None
        if not self.names.hides(standing, value) or (prose and not scheme and _is_word(value)):
            return None
        return start, stop, HIDDEN


def _identified(key: str) -> Standing | None:
    """SQL's `IDENTIFIED BY 'x'`: the one name of two words."""
    return Standing.SECRET if key.lower().endswith("identified by") else None


def _joined(text: str, begin: int, key: str, join: str) -> bool:
    """Whether a value without quotes belongs to the name."""
    if "," in join:
        return False
    if not join.strip():
        return key.startswith("--") or text[max(0, begin - 2) : begin] == "--"
    return not (join == ":" and text.startswith("//", begin + len(key) + 1))


def _is_prose(join: str) -> bool:
    """`auth: started` may be a sentence; `auth=started` and `auth:started` are none."""
    return join.endswith((" ", "\t")) and join.strip() in ("", ":")


def _is_word(value: str) -> bool:
    """A word of a sentence; letters of mixed sizes, or with a sign between them, are none."""
    plain = value.replace("-", "").replace("_", "")
    return len(value) < LONG and plain.isalpha() and (plain[1:].islower() or len(plain) == 1)


def _braced(text: str, start: int) -> tuple[Place | None, int]:
    """A list or mapping under a secret's name: all of it, so that JSON stays JSON; and its end."""
    opening = OPENING.match(text, start + 1)
    quote = opening[1] + opening[2] if opening else ""
    hidden = f"{quote}{HIDDEN}{quote}"
    if text[start] == "{" and quote:
        hidden = f"{quote}redacted{quote}:{hidden}"
    closing = "]" if text[start] == "[" else "}"
    if text.startswith(hidden + closing, start + 1):
        return None, start + len(hidden) + 2
    depth = 0
    end = behind = len(text)
    for one in BRACES.finditer(text, start):
        depth += one[0] in ("[", "{")
        depth -= one[0] in ("]", "}")
        if depth == 0 or one[0] in ("\r", "\n"):
            end, behind = one.start(), one.end() - (one[0] in ("\r", "\n"))
            break
    return ((start + 1, end, hidden) if end > start + 1 else None), behind


def _closing(text: str, opening: re.Match[str]) -> int:
    """The end of a quoted value: its quote with as many backslashes, or the line's end."""
    escapes, quote = opening.groups()
    start = opening.end()
    if not escapes:
        found = CLOSED[quote].match(text, start)
        return found.end() if found else _end(REST, text, start)
    closing = escapes + quote
    at = text.find(closing, start)
    while at > start and text[at - 1] == "\\":
        at = text.find(closing, at + len(closing))
    return at if at >= 0 else _end(REST, text, start)


def _bare(text: str, start: int, key: str, join: str) -> int:
    """The end of a value without quotes."""
    if join == ">":
        return _end(TAGGED, text, start)
    if key.lower().endswith(("cookie", "cookies")):
        return _end(LINE, text, start)
    if (scheme := SCHEME.match(text, start)) is not None:
        start = scheme.end()
        if scheme["name"].lower() in LISTED:
            return _end(LINE, text, start)
    end = _end(PLAIN, text, start)
    return start + len(text[start:end].rstrip(",;)]}"))


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    return found.end() if found else start
