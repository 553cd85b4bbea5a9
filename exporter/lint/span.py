"""Between which numbers a value lies: arithmetic with bounds, and comparisons decided by them."""

from __future__ import annotations

import math

from msgspec import Struct

INF = math.inf


class Span(Struct, frozen=True):
    """Every value lies from `low` to `high`, both included."""

    low: float = -INF
    high: float = INF

    @property
    def point(self) -> bool:
        """Whether it can be one value only."""
        return self.low == self.high

    def within(self, other: Span) -> bool:
        """Whether it lies in the other one."""
        return other.low <= self.low and self.high <= other.high

    def union(self, other: Span) -> Span:
        """Where a value of either lies."""
        return Span(min(self.low, other.low), max(self.high, other.high))

    def plus(self, other: Span) -> Span:
        """The sum of two values."""
        return Span(_number(self.low + other.low, -INF), _number(self.high + other.high, INF))

    def negative(self) -> Span:
        """The value with its sign turned."""
        return Span(-self.high, -self.low)

    def times(self, other: Span) -> Span:
        """The product of two values; 0 times anything is 0."""
        ends = [_product(a, b) for a in (self.low, self.high) for b in (other.low, other.high)]
        return Span(min(ends), max(ends))

    def over(self, other: Span) -> Span:
        """The quotient of two values; a divisor that may be 0 may give infinity."""
        if other.low > 0:
            return self.times(Span(1 / other.high if other.high < INF else 0.0, 1 / other.low))
        return POSITIVE if self.low >= 0 and other.low >= 0 else ANYTHING

    def summed(self) -> Span:
        """The sum of one or more such values."""
        return Span(self.low if self.low >= 0 else -INF, self.high if self.high <= 0 else INF)

    def after(self, operator: str, other: Span) -> Span:
        """What is left where `self operator other` holds."""
        low, high = self.low, self.high
        if operator in {">", ">=", "=="}:
            low = max(low, other.low)
        if operator in {"<", "<=", "=="}:
            high = min(high, other.high)
        return Span(low, high) if low <= high else self


ANYTHING = Span()
POSITIVE = Span(0.0)
UNIT = Span(0.0, 1.0)


def never(operator: str, left: Span, right: Span) -> bool:
    """Whether no two values can fulfil the comparison."""
    match operator:
        case ">":
            return left.high <= right.low
        case "<":
            return left.low >= right.high
        case ">=":
            return left.high < right.low
        case "<=":
            return left.low > right.high
        case "==":
            return left.high < right.low or left.low > right.high
    return left.point and right.point and left.low == right.low


def always(operator: str, left: Span, right: Span) -> bool:
    """Whether all values fulfil the comparison."""
    opposites = {">": "<=", "<=": ">", "<": ">=", ">=": "<", "==": "!=", "!=": "=="}
    return never(opposites[operator], left, right)


def _number(value: float, otherwise: float) -> float:
    return otherwise if math.isnan(value) else value


def _product(a: float, b: float) -> float:
    return 0.0 if 0.0 in {a, b} else a * b
