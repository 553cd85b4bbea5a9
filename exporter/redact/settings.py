"""What an operator may choose, and the redactor that it makes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

import re2
from msgspec import Struct, field

from exporter.redact.assignments import Assignments
from exporter.redact.known import card, email, shapes
from exporter.redact.names import Names
from exporter.redact.redactor import SHORTEST, Redactor, Rule, Tally, uncounted
from exporter.redact.shapes import Shape

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
ENDS = re.compile(r"[\^$]|\\[Az]")
MOST_PATTERNS = 50
MOST_KEYS = 200
LONGEST_EXPRESSION = 1000
PROGRAM = 20_000  # instructions of RE2's automaton: what `x{1000}{9}` would need is more


# By a name of one's own; Builder hooks know them by this type.
Expressions = Annotated[Mapping[str, str], "redact"]


class Redaction(Struct, frozen=True):
    """What is hidden wherever sidewatch shows or sends anything: secrets, and what is chosen.

    `keys` are more names whose values are secret. `patterns` are expressions as RE2 writes them,
    by a name of one's own; the first group is what is hidden, or all where there is none.
    """

    enabled: bool = True
    emails: bool = True
    cards: bool = True
    keys: tuple[str, ...] = ()
    patterns: Expressions = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.keys) > MOST_KEYS:
            raise ValueError(f"keys: {MOST_KEYS} at the most")
        if len(self.patterns) > MOST_PATTERNS:
            raise ValueError(f"patterns: {MOST_PATTERNS} at the most")
        if wrong := [repr(key) for key in self.keys if not re.search(r"[A-Za-z0-9]", key)]:
            raise ValueError(f"keys: neither a letter nor a digit is in {', '.join(wrong)}")
        for name, expression in self.patterns.items():
            if trouble := fault(name, expression):
                raise ValueError(f"patterns: {name}: {trouble}")


def fault(name: str, expression: str) -> str | None:
    """Why this cannot be a pattern of one's own, if it cannot."""
    if not NAME.fullmatch(name):
        return "a name has small letters, digits and '_', a letter first (40 at most)"
    if len(expression) > LONGEST_EXPRESSION:
        return f"an expression is {LONGEST_EXPRESSION} characters long at the most"
    try:
        found = re2.compile(expression, _quiet())
    except re2.error as error:
        said = error.args[0] if error.args else ""
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        return f"RE2 does not read it ({text}); it has no look-around and no back-references"
    if found.programsize > PROGRAM:
        return "it repeats too much; say less often how often"
    if found.search("") is not None:
        return "it fits where nothing stands; let it need at least one character"
    return None


def _quiet() -> re2.Options:
    options = re2.Options()
    options.log_errors = False  # the complaint tells it
    return options


def redactor(settings: Redaction, tally: Tally = uncounted) -> Redactor:
    """The redactor that these settings ask for."""
    if not settings.enabled:
        return Redactor((), Names(), tally)
    names = Names(settings.keys)
    own = tuple(
        Shape(name, expression, alone=ENDS.search(expression) is not None)
        for name, expression in settings.patterns.items()
    )
    chosen: list[Rule] = [*own, *shapes(), Assignments(names)]
    chosen += [email()] if settings.emails else []
    chosen += [card()] if settings.cards else []
    return Redactor(tuple(chosen), names, tally, 1 if own else SHORTEST)
