"""What the recognisable part of a line means for every line that has it; both engines ask here.

A fast path may take a line by itself only where something is given back.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from exporter.engine.exact import UNKNOWN
from exporter.engine.joining import Open, begins
from exporter.engine.pairs import is_key
from exporter.engine.plan import Plan, Rules
from parsers.cleaning import clean
from parsers.exceptions import PYTHON_HEAD, exception_type
from parsers.heads import read_head
from parsers.reading import read

KEYVALUE, JSON, DOTNET, TEXT = "keyvalue", "jsonlines", "dotnet", "text"
UVICORN, GUNICORN, NGINX = "uvicorn", "gunicorn", "nginx"
CELERY, ALEMBIC, PYTHON, PREFIXED = "celery", "alembic", "python_text", "prefixed"
# Heads that may be a traceback's, or of a line in its envelope.
_CLAIMED = (PYTHON_HEAD, "stdout ", "stderr ")
_NONE: frozenset[str] = frozenset()


class Meaning(Struct, frozen=True):
    """The level of the records, the rules that may hold for them, and the fields these need.

    `names` stand in the line's own order, which most lines with this message will have. The pairs
    begin `back` bytes before the end of the head.
    """

    level: str
    rules: tuple[Rules, ...]
    names: tuple[str, ...]
    back: int


def of_head(plan: Plan, service: str, line: bytes, head: slice, *, dated: bool) -> Meaning | None:
    """What a key-value line's head means; None where more than that decides how it is read.

    `head` is where it lies, up to the first equals sign or the end, behind a level and a time.
    """
    found = line[head]
    paired = found.endswith(b"=")
    space = found.rfind(b" ") if paired else len(found)
    if space <= 0 or (paired and not is_key(found[space + 1 : -1])):
        return None
    record = read(line.decode("utf-8", "replace"))
    # Elsewhere than in front a time would belong to what is taken for one with the head.
    if (record.time is not None) != dated:
        return None
    before = line[: head.start + space].decode("utf-8", "replace")
    message = before[read_head(before).end :].strip(" ")
    if record.format != KEYVALUE or not message or record.message != message:
        return None  # logfmt, and what other formats claim
    if "{" in before or message.startswith(_CLAIMED) or not Open.of("", record).ends:
        return None
    rules = possible(plan, service, KEYVALUE, record.level, message)
    needed = frozenset().union(*(one.fields for one in rules)) - {"service"}
    names = [name for name in record.fields if name in needed]
    names += sorted(needed.difference(names))
    if not all(one.certain for one in rules) or not all(map(is_key, map(str.encode, names))):
        return None
    return Meaning(record.level or UNKNOWN, rules, tuple(names), len(found) - space)


def of_message(
    plan: Plan,
    service: str,
    level: str | None,
    message: str,
    serves: Callable[[str], bool],
    *,
    captured: bool = False,
    form: str = JSON,
) -> tuple[Rules, ...] | None:
    """The rules for a message of a format; None where its fields alone do not decide them.

    `serves` tells whether a fast path can give the field of a name; `captured`, whether it gives
    what templates capture.
    """
    rules = possible(plan, service, form, level, message)
    if message == PYTHON_HEAD or not all(
        _is_served(one, serves, captured=captured) for one in rules
    ):
        return None
    return rules


def _is_served(rules: Rules, serves: Callable[[str], bool], *, captured: bool) -> bool:
    """Whether a fast path can give all that decides and fills rules."""
    if rules.certain and all(map(serves, rules.fields)):
        return True
    for one in rules.all:
        given = one.captures() if captured else frozenset()
        if (
            "service" in given
            or not one.certain(given)
            or not all(map(serves, one.fields() - given))
        ):
            return False
    return True


def is_plain_text(plan: Plan, service: str, line: bytes) -> bool:
    """Whether a line that begins a record is of no known format and moves nothing else."""
    text = clean(line.decode("utf-8", "replace"))
    record = read(text)
    if record.format != TEXT or not begins(text) or not Open.of(text, record).ends:
        return False
    rules = possible(plan, service, TEXT, None, record.message)
    fields = frozenset(record.fields)
    return not any(one.moves_by(fields) for some in rules for one in some.all)


def possible(
    plan: Plan, service: str, form: str, level: str | None, message: str
) -> tuple[Rules, ...]:
    """The rules that can hold for a record of this message at all: by it, and by fields alone."""
    both = (
        plan.possible(form, level, service, message),
        plan.possible_unbound(form, level, service),
    )
    return tuple(one for one in both if one.all)


def exception_name(name: str) -> str | None:
    """The type of a traceback's last line that begins with this name, and then a colon at most."""
    return name if exception_type(name) == name else None


def exception_needles(plan: Plan) -> tuple[str, ...]:
    """Texts one of which is part of every exception line that some rule fits.

    They are searched for in JSON as it is spelled, so none holds what could be escaped there; an
    empty one is part of every line.
    """
    found = []
    for template in (one.exception for one in plan.exceptions if one.exception):
        texts = (template.prefix, *(gap.until for gap in template.gaps))
        longest = max(texts, key=len)
        plain = longest.isascii() and longest.isprintable() and not set(longest) & {*'"\\/'}
        found.append(longest if plain else "")
    return tuple(dict.fromkeys(found))


def broken_is_text(plan: Plan, service: str) -> bool:
    """Whether a line that only begins like JSON moves nothing but the counter of such lines."""
    begin = [one for one in plan.rules if one.message is None or not one.message.prefix]
    begin += [one for one in plan.rules if one.message and one.message.prefix.startswith("{")]
    return not any(one.possible(TEXT, None, service) and one.moves_by(_NONE) for one in begin)
