"""Every spelling of a level that a logger prints."""

from __future__ import annotations

import pytest

from parsers import LEVELS
from parsers.levels import level

SPELLINGS: dict[str, list[object]] = {
    "trace": ["trace", "TRACE", "Trace", "trce", "TRC", "Verbose", 10, 15, "10", 19.5],
    "debug": ["debug", "DEBUG", "Debug", "dbug", "DBG", 20, 29, "20"],
    "info": ["info", "INFO", "Information", "information", "[INFO]", "inf", "notice", "NOTICE",
             "Informational", "LOG", "SUCCESS", 30, 35, "30", " info "],
    "warning": ["warning", "WARNING", "warn", "WARN", "Warn", "[warn]", "WARNI", "WRN", 40, "40"],
    "error": ["error", "ERROR", "err", "fail", "FAIL", "SEVERE", "eror", 50, 55, "50"],
    "critical": ["critical", "CRITICAL", "crit", "CRITI", "fatal", "FATAL", "emerg", "EMERGENCY",
                 "alert", "panic", "DPANIC", 60, 69, "60"],
}  # fmt: skip
NO_LEVELS: list[object] = [
    "", "x", "INFORMER", "[]", None, True, False, 0, 9, 70, -30, 1e308, float("nan"), float("inf"),
    [], {}, "3 0", "²", "info" * 10_000,
]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "known"), [(raw, known) for known, raws in SPELLINGS.items() for raw in raws]
)
def test_a_spelling_means_its_level(raw: object, known: str) -> None:
    assert known in LEVELS
    assert level(raw) == known


@pytest.mark.parametrize("raw", NO_LEVELS)
def test_anything_else_is_no_level(raw: object) -> None:
    assert level(raw) is None
