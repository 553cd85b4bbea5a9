"""Rules spoiled in one place each, as a slip of the hand would."""

from __future__ import annotations

import re
from collections.abc import Iterator

from exporter.vocabulary import FAMILIES

BY = re.compile(r"\b(?:sum|max|min|count|group) by \(([^()]*)\)")
ON = re.compile(r"\bon \(([^()]*)\)")
SWAPPED = re.compile(r"\b(sum|max)(?= by \([^()]*\) \()")
# Nothing is changed by it: a subject's default, which is 0 of the subject plus a number.
TIMES_NOTHING = re.compile(r"\w+ by \([^()]*\) \((?:[^()]|\([^()]*\))*\)\s*\* 0\b")
OTHER = {"sum": "max", "max": "sum"}
METRIC = re.compile(r"\b(?:watched|sidewatch)_\w+")
# Where one objective has a default of its own; several in one are told apart by who reads them.
DEFAULT = re.compile(r"(?<=\* 0 \+ )[\d.]+")
RISE = re.compile(
    r"\b(?:increase|rate)\(\s*((?:watched|sidewatch)_\w+(?:\{[^{}]*\})?)\[[^\]]*\]\s*\)"
)
PRINTED = re.compile(r"(?<=\$labels\.)\w+")


def without_a_label(text: str, places: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Each label of each list left out in turn: which and where, and the text after it."""
    for place in places.finditer(text):
        labels = place[1].split(", ")
        for label in labels:
            rest = ", ".join(each for each in labels if each != label)
            start, end = place.span(1)
            yield f"{label} of {_near(text, place)}", text[:start] + rest + text[end:]


def swapped(text: str) -> Iterator[tuple[str, str]]:
    """`sum` for `max`, and the other way round."""
    for place in SWAPPED.finditer(text):
        if TIMES_NOTHING.match(text, place.start()):
            continue
        yield _near(text, place), _with(text, place, OTHER[place[1]])


def misspelt(text: str) -> Iterator[tuple[str, str]]:
    """A letter too many in the name of a metric."""
    for place in METRIC.finditer(text):
        if place[0] in FAMILIES:
            yield place[0], _with(text, place, f"{place[0][:-1]}x")


def risen(text: str) -> Iterator[tuple[str, str]]:
    """A counter without its increase."""
    for place in RISE.finditer(text):
        yield place[0], _with(text, place, place[1])


def other_defaults(text: str) -> Iterator[tuple[str, str]]:
    """A default that is not that of the vocabulary."""
    for place in DEFAULT.finditer(text):
        yield place[0], _with(text, place, "7")


def _with(text: str, place: re.Match[str], other: str) -> str:
    return text[: place.start()] + other + text[place.end() :]


def _near(text: str, place: re.Match[str]) -> str:
    return " ".join(text[place.start() : place.start() + 120].split())
