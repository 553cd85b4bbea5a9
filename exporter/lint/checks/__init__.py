"""All checks, by family; a new one is a row at the end of its file."""

from __future__ import annotations

from exporter.lint.checking import Check
from exporter.lint.checks import (
    comparisons,
    counters,
    joins,
    matchers,
    names,
    printed,
    rules,
    scope,
    timing,
)

CHECKS: tuple[Check, ...] = (
    *rules.CHECKS,
    *names.CHECKS,
    *scope.CHECKS,
    *joins.CHECKS,
    *counters.CHECKS,
    *comparisons.CHECKS,
    *matchers.CHECKS,
    *timing.CHECKS,
    *printed.CHECKS,
)
