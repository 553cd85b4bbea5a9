"""Templates: literal text with named gaps, matched in one pass to the right; nothing backtracks.

    Task {task}[{id}] succeeded in {runtime:number}s: {*}

A gap reaches up to the first occurrence of the literal text behind it, or to the end.
"""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from exporter.engine.values import number


class TemplateError(ValueError):
    """A template that cannot be read; the text says what would be right."""


class Gap(Struct, frozen=True):
    """A gap and the literal text that ends it ("" at the end of the template)."""

    name: str
    numeric: bool
    until: str


class Template(Struct, frozen=True):
    """`prefix`, then gaps. Without gaps it matches exactly the prefix."""

    prefix: str
    gaps: tuple[Gap, ...] = ()

    def match(self, text: str) -> dict[str, str] | None:
        """The named gaps' texts, or None. Linear in the length of the text."""
        if not self.gaps:
            return {} if text == self.prefix else None
        if not text.startswith(self.prefix):
            return None
        found: dict[str, str] = {}
        at = len(self.prefix)
        for gap in self.gaps:
            end = text.find(gap.until, at) if gap.until else len(text)
            if end < 0:
                return None
            value = text[at:end]
            if gap.numeric and number(value) is None:
                return None
            if gap.name:
                found[gap.name] = value
            at = end + len(gap.until)
        return found if at == len(text) else None


@lru_cache(maxsize=4096)
def template(text: str) -> Template:
    """Read a template; raises TemplateError."""
    parts = _split(text)
    prefix = parts[0] if isinstance(parts[0], str) else ""
    rest = parts[1:] if isinstance(parts[0], str) else parts
    gaps = []
    for i in range(0, len(rest), 2):
        gap = rest[i]
        until = rest[i + 1] if i + 1 < len(rest) else ""
        if not isinstance(gap, tuple) or not isinstance(until, str):
            raise TemplateError("two gaps need literal text between them")
        gaps.append(Gap(gap[0], gap[1], until))
    names = [gap.name for gap in gaps if gap.name]
    if len(set(names)) != len(names):
        raise TemplateError("a name stands for one gap only")
    return Template(prefix, tuple(gaps))


def _split(text: str) -> list[str | tuple[str, bool]]:
    """Literal texts and gaps in turn; a gap is its name ("" for any text) and whether a number."""
    parts: list[str | tuple[str, bool]] = [""]
    at = 0
    while at < len(text):
        char = text[at]
        if text.startswith(("{{", "}}"), at):
            _literal(parts, char)
            at += 2
        elif char == "{":
            end = text.find("}", at)
            if end < 0:
                raise TemplateError("a '{' has no '}'; a brace itself is written '{{'")
            parts.append(_gap(text[at + 1 : end]))
            at = end + 1
        elif char == "}":
            raise TemplateError("a '}' has no '{'; a brace itself is written '}}'")
        else:
            _literal(parts, char)
            at += 1
    return parts


def _literal(parts: list[str | tuple[str, bool]], char: str) -> None:
    last = parts[-1]
    if isinstance(last, str):
        parts[-1] = last + char
    else:
        parts.append(char)


def _gap(inside: str) -> tuple[str, bool]:
    name, colon, kind = inside.partition(":")
    if colon and kind != "number":
        raise TemplateError(f"'{{{inside}}}': the only kind of gap is 'number'")
    if name == "*":
        return "", False
    if not name.isidentifier():
        raise TemplateError(f"'{{{inside}}}': a gap is a name, or * for any text")
    return name, bool(colon)
