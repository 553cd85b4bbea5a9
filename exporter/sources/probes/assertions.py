"""What an answer must say: conditions on its text and on values in its JSON. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct, field

from exporter.sources.probes.jsonpath import JsonPath

NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


class Bounds(Struct, frozen=True):
    """Both ends included."""

    min: float | None = None
    max: float | None = None

    def __post_init__(self) -> None:
        if self.min is None and self.max is None:
            raise ValueError("bounds nothing; give min or max")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("no number is both at least min and at most max")

    def hold(self, number: float) -> bool:
        """Whether the number lies within."""
        low = -float("inf") if self.min is None else self.min
        high = float("inf") if self.max is None else self.max
        return low <= number <= high


class Expectation(Struct, frozen=True):
    """What a value in a JSON document must be: `{path: status, is: [ok, ready]}`.

    All that is given must hold, for each value where the path has a `*`. Values are compared as
    JSON spells them, without quotes. What is not there fails, but where only `is_not` or
    `present: false` is asked. `length` counts items, members or characters.
    """

    path: JsonPath
    is_: tuple[str, ...] = ()
    is_not: tuple[str, ...] = ()
    min: float | None = None
    max: float | None = None
    length: Bounds | None = None
    present: bool | None = None

    def __post_init__(self) -> None:
        wants = self.is_ or self.length or (self.min, self.max) != (None, None)
        if self.present is False and (wants or self.is_not):
            raise ValueError("what is not to be there cannot be compared with anything")
        if not wants and not self.is_not and self.present is None:
            raise ValueError("asks for nothing; give is, is_not, min, max, length or present")

    def holds(self, document: Any) -> bool:
        """Whether the document is as it must be."""
        values = [found.value for found in self.path.find(document)]
        if self.present is False:
            return not values
        if not values:
            return self._may_be_absent()
        return all(self._fits(value) for value in values)

    def _may_be_absent(self) -> bool:
        given = self.is_ or self.length or self.present or (self.min, self.max) != (None, None)
        return not given

    def _fits(self, value: Any) -> bool:
        text = spelled(value)
        if (self.is_ and text not in self.is_) or text in self.is_not:
            return False
        if self.length is not None and not _length_fits(self.length, value):
            return False
        if self.min is None and self.max is None:
            return True
        number = as_number(value)
        return number is not None and Bounds(self.min, self.max).hold(number)

    def __str__(self) -> str:
        parts = []
        if self.is_:
            parts.append(f"is not {' or '.join(self.is_)}")
        if self.is_not:
            parts.append(f"is {' or '.join(self.is_not)}")
        if self.min is not None or self.max is not None:
            parts.append("is out of its bounds")
        if self.length is not None:
            parts.append("has not the right length")
        if self.present is not None:
            parts.append("is not there" if self.present else "is there")
        return f"{self.path.text} {', or '.join(parts)}"


class Text(Struct, frozen=True):
    """What a body must be: `equals` (white space around it does not matter), or what is in it."""

    equals: str | None = None
    contains: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.equals is None and not self.contains and not self.lacks:
            raise ValueError("asks for nothing; give equals, contains or lacks")

    def trouble(self, text: str) -> str | None:
        """What is wrong with a body, without a word of it."""
        if self.equals is not None and text.strip() != self.equals.strip():
            return f"the body is not {_short(self.equals)}"
        for one in self.contains:
            if one not in text:
                return f"the body lacks {_short(one)}"
        return next((f"the body has {_short(one)}" for one in self.lacks if one in text), None)


class Statuses(Struct, frozen=True):
    """HTTP statuses, as `[200, 204, 3xx, 400-404]` says them."""

    ranges: tuple[tuple[int, int], ...] = field(default=((200, 299),))

    def __contains__(self, status: int) -> bool:
        return any(low <= status <= high for low, high in self.ranges)

    def __str__(self) -> str:
        return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in self.ranges)


STATUS = re.compile(r"(?P<whole>[1-5])xx|(?P<low>[1-5]\d\d)(?:-(?P<high>[1-5]\d\d))?")


def statuses(texts: Iterable[str]) -> Statuses:
    """The statuses that these words stand for. Raises ValueError."""
    return Statuses(tuple(_range(text) for text in texts))


def _range(text: str) -> tuple[int, int]:
    found = STATUS.fullmatch(text)
    if found is None:
        raise ValueError(f"{text} is no status; write 200, 2xx or 200-204")
    if found["whole"]:
        low = int(found["whole"]) * 100
        return low, low + 99
    low, high = int(found["low"]), int(found["high"] or found["low"])
    if low > high:
        raise ValueError(f"{text} ends before it begins")
    return low, high


def unmet(expectations: Iterable[Expectation], document: Any) -> Iterator[str]:
    """What is wrong with a document, without a word of it."""
    for one in expectations:
        if not one.holds(document):
            yield str(one)


class NoJson(ValueError):  # noqa: N818 - it says what the body is, which is no error of ours
    """The body is no JSON."""


def parse_json(body: bytes) -> Any:
    """The document in a body. Raises NoJson, whatever is in it."""
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise NoJson from None


def _no_constant(text: str) -> None:
    raise ValueError(text)


def spelled(value: Any) -> str:
    """A JSON value as JSON spells it, without quotes: true, null, 5, ok."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))  # 5.0 is the number 5
    return json.dumps(value)


def as_number(value: Any) -> float | None:
    """The number that a value is: true is 1; a text that spells a number is one, too."""
    if isinstance(value, bool | int | float):
        return _finite(value)
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return _finite(value)
    return None


def _finite(value: float | str) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if abs(number) != float("inf") else None


def _length_fits(bounds: Bounds, value: Any) -> bool:
    return isinstance(value, list | dict | str) and bounds.hold(len(value))


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
