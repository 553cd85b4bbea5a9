"""Where something stands in a JSON document: `status`, `components[0].name`, `queues.*.waiting`.

The plain part of JSONPath (RFC 9535): members, indices and `*`, without filters and slices, so
that a path costs no more than the document is large.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

STEP = re.compile(
    r"\.?(?P<any>\*)"
    r"|\.(?P<member>[^][.*'\"\s]+)"
    r"|\[(?P<index>\d{1,9}|\*)\]"
    r"|\[(?P<quote>['\"])(?P<quoted>[^'\"]*)(?P=quote)\]"
)
RIGHT = "a path like status, components[0].name, queues.*.waiting or ['a.b']"


class Found(Struct, frozen=True):
    """A value in a document; `keys` are those that the path's `*` stood for, as text."""

    value: Any
    keys: tuple[str, ...] = ()


class JsonPath(Struct, frozen=True):
    """A path as it is written, and its steps; None stands for any member or item."""

    text: str
    steps: tuple[str | int | None, ...]

    @property
    def wildcards(self) -> int:
        """How many `*` it has."""
        return self.steps.count(None)

    def find(self, document: Any) -> Iterator[Found]:
        """Every value that stands there, in the order of the document."""
        found = [Found(document)]
        for step in self.steps:
            found = [one for each in found for one in _step(each, step)]
        yield from found


ROOT = JsonPath("$", ())


def json_path(text: str) -> JsonPath:
    """The path that is written so. Raises ValueError."""
    rest = text.removeprefix("$")
    if rest and rest[0] not in ".[":
        rest = f".{rest}"
    steps: list[str | int | None] = []
    at = 0
    while at < len(rest):
        found = STEP.match(rest, at)
        if found is None:
            raise ValueError(f"{text!r} is not {RIGHT}")
        steps.append(_meant(found))
        at = found.end()
    if not text:
        raise ValueError(f"'' is not {RIGHT}")
    return JsonPath(text, tuple(steps))


def _meant(found: re.Match[str]) -> str | int | None:
    if found["any"] or found["index"] == "*":
        return None
    if found["index"]:
        return int(found["index"])
    return found["member"] if found["quote"] is None else found["quoted"]


def _step(here: Found, step: str | int | None) -> Iterator[Found]:
    value = here.value
    match value:
        case dict() if step is None:
            yield from (Found(one, (*here.keys, key)) for key, one in value.items())
        case dict() if str(step) in value:
            yield Found(value[str(step)], here.keys)
        case list() if step is None:
            yield from (Found(one, (*here.keys, str(i))) for i, one in enumerate(value))
        case list() if isinstance(step, int) and step < len(value):
            yield Found(value[step], here.keys)
