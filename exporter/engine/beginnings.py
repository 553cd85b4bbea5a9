"""Beginnings: which of many texts another one begins with, however many they are."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import AnyStr, Generic

FEW = 8  # so many texts, or what they stand for, are tried one by one


class Beginnings(Generic[AnyStr]):
    """`texts` in their order, each once.

    `within` has for each the place of the longest other that it begins with, or -1. What a text
    begins with stands before it and is all of one chain: so one search is enough.
    """

    def __init__(self, texts: Iterable[AnyStr]) -> None:
        self.texts: list[AnyStr] = sorted(set(texts))
        self.within: list[int] = []
        chain: list[int] = []
        for place, text in enumerate(self.texts):
            while chain and not text.startswith(self.texts[chain[-1]]):
                chain.pop()
            self.within.append(chain[-1] if chain else -1)
            chain.append(place)

    def of(self, text: AnyStr) -> Iterator[AnyStr]:
        """Those that a text begins with, the longest first."""
        place = bisect_right(self.texts, text) - 1
        while place >= 0 and not text.startswith(self.texts[place]):
            place = self.within[place]
        while place >= 0:
            yield self.texts[place]
            place = self.within[place]
