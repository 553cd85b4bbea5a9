"""Templates of annotations and labels: their actions, what they print, what is wrong with them.

The language is Go's text/template with Prometheus's functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from msgspec import Struct

from exporter.lint.values import words

ACTION = re.compile(
    r"\{\{(-\s)?((?:/\*.*?\*/|\"(?:[^\"\\]|\\.)*\"|`[^`]*`|(?!\}\}).)*?)(\s-)?\}\}", re.DOTALL
)
TOKEN = re.compile(
    r"\"(?:[^\"\\]|\\.)*\"|`[^`]*`|'(?:[^'\\]|\\.)'|:=|=|\||\(|\)|,"
    r"|\$[\w.]*|\.[\w.]*|-?\d[\w.+]*|[A-Za-z_][\w.]*|\S"
)
OPENING = frozenset({"if", "range", "with", "define", "block"})
WORDS = OPENING | {"end", "else", "template", "break", "continue", "true", "false", "nil"}
# Go's own, and those of prometheus/template.
FUNCTIONS = frozenset(
    words(
        "and or not len index slice print printf println html js urlquery call eq ne lt le gt ge"
        " query first value label strvalue sortByLabel humanize humanize1024 humanizeDuration"
        " humanizePercentage humanizeTimestamp toTime toDuration now title toUpper toLower match"
        " reReplaceAll graphLink tableLink parseDuration stripPort stripDomain externalURL"
        " pathPrefix args tmpl safeHtml urlQueryEscape"
    )
)
VARIABLES = frozenset({"$", "$labels", "$value", "$externalLabels", "$externalURL"})


class Action(Struct, frozen=True):
    """One `{{ ... }}`: its tokens, whether a block has changed what `.` is, the text after it."""

    tokens: tuple[str, ...]
    inside: bool
    after: str

    @property
    def prints(self) -> bool:
        """Whether its value goes into the text."""
        return self.tokens[0] not in WORDS and ":=" not in self.tokens and "=" not in self.tokens


def actions(text: str) -> list[Action]:
    """The actions of a template, as far as they can be told."""
    found: list[Action] = []
    blocks: list[str] = []
    for match in ACTION.finditer(text):
        tokens = _tokens(match[2])
        if not tokens:
            continue
        if tokens[0] == "end" and blocks:
            blocks.pop()
        inside = bool({"range", "with", "define"} & set(blocks))
        found.append(Action(tokens, inside, text[match.end() :]))
        if tokens[0] in OPENING:
            blocks.append(tokens[0])
    return found


def faults(text: str) -> Iterator[str]:
    """What is wrong with the template, in sentences."""
    if "{{" in ACTION.sub("", text):
        yield "its braces do not close: an action is {{ ... }}"
        return
    blocks: list[str] = []
    known = set(VARIABLES)
    for match in ACTION.finditer(text):
        tokens = _tokens(match[2])
        if not tokens:
            if not match[2].strip():
                yield "an action is empty: {{ }}"
            continue
        if tokens[0] in OPENING:
            blocks.append(tokens[0])
        elif tokens[0] == "end" and not blocks:
            yield "an end closes nothing"
        elif tokens[0] == "end":
            blocks.pop()
        elif tokens[0] == "else" and not blocks:
            yield "an else belongs to no if, range or with"
        known |= {token for token, after in pairwise(tokens) if after in {":=", ","}}
        yield from _unknown(tokens, known)
    if blocks:
        yield f"{blocks[-1]} is never closed by an end"


def is_stray(text: str) -> bool:
    """Whether braces close that never opened: they are printed as they stand."""
    return "}}" in ACTION.sub("", text)


def _unknown(tokens: tuple[str, ...], known: set[str]) -> Iterator[str]:
    if tokens.count("(") != tokens.count(")"):
        yield f"the brackets of {{{{ {' '.join(tokens)} }}}} do not close"
    for token in tokens:
        if token.startswith("$") and token.partition(".")[0] not in known:
            yield f"{token} is no variable; there are $labels, $value and $externalLabels"
        elif re.fullmatch(r"[A-Za-z_]\w*", token) and token not in FUNCTIONS | WORDS:
            yield f"{token} is no function of a template"
        elif token in {'"', "`", "}", "{"}:
            yield f"a stray {token} stands in {{{{ {' '.join(tokens)} }}}}"


def labels_of(action: Action) -> list[str]:
    """The labels of the alert's series that the action reads."""
    found = [token[8:] for token in action.tokens if token.startswith("$labels.")]
    if not action.inside:
        found += [token[8:] for token in action.tokens if token.startswith(".Labels.")]
    found += [
        after.strip('"`')
        for word, after in pairwise(action.tokens)
        if word == "$labels" and after.startswith(('"', "`"))
    ]
    return found


def reads_value(action: Action) -> bool:
    """Whether the action reads the alert's value."""
    return "$value" in action.tokens or (not action.inside and ".Value" in action.tokens)


def _tokens(text: str) -> tuple[str, ...]:
    if text.lstrip().startswith("/*"):
        return ()
    return tuple(TOKEN.findall(text))
