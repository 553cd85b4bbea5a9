"""What /metrics says, read as Prometheus would: over HTTP, by a parser that is not ours."""

from __future__ import annotations

import http.client
import math
from collections import deque
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct, field
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

SECONDS_TO_ANSWER = 5.0
REMEMBERED = 3600.0
APART = 5.0
Key = tuple[str, ...]


class Page(Struct, frozen=True):
    """One scrape: its samples by name."""

    samples: dict[str, list[Sample]] = msgspec.field(default_factory=dict)

    def find(self, name: str, **labels: str) -> list[Sample]:
        """The samples of that name which have these labels."""
        found = self.samples.get(name, [])
        return [one for one in found if labels.items() <= one.labels.items()]

    def total(self, name: str, **labels: str) -> float:
        """The sum of those samples; NaN where there is none."""
        found = self.find(name, **labels)
        return sum(one.value for one in found) if found else math.nan

    def sums(self, name: str, by: Iterable[str], **labels: str) -> dict[Key, float]:
        """The sums of those samples by the values of some labels."""
        sums: dict[Key, float] = {}
        names = tuple(by)
        for one in self.find(name, **labels):
            key = tuple(one.labels.get(label, "") for label in names)
            sums[key] = sums.get(key, 0.0) + one.value
        return sums

    def only(self, names: Iterable[str]) -> Page:
        """The page without the rest."""
        return Page({name: self.samples[name] for name in names if name in self.samples})


def parse(text: str) -> Page:
    """A page from the Prometheus text format."""
    samples: dict[str, list[Sample]] = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            samples.setdefault(one.name, []).append(one)
    return Page(samples)


def fetch(url: str) -> Page:
    """Scrape `url`/metrics. Raises OSError or HTTPException. No proxy is asked."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=SECONDS_TO_ANSWER)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise http.client.HTTPException(f"{url}/metrics answers {answer.status}")
        return parse(body.decode())
    finally:
        connection.close()


class Memory(Struct):
    """The newest page, and what rules need of those before: the counters that they look back at."""

    names: tuple[str, ...]
    page: Page = field(default_factory=Page)
    now: float = math.nan
    _past: deque[tuple[float, Page]] = field(default_factory=deque)

    def take(self, page: Page, now: float) -> None:
        """Remember a page that was read at `now`."""
        self.page, self.now = page, now
        if not self._past or now - self._past[-1][0] >= APART:
            self._past.append((now, page.only(self.names)))
        while self._past[0][0] < now - REMEMBERED:
            self._past.popleft()

    def increase(
        self, name: str, by: tuple[str, ...], seconds: float, **labels: str
    ) -> dict[Key, float]:
        """How much the sums have grown in the last seconds, or since the first page."""
        before = next(self._since(seconds), Page()).sums(name, by, **labels)
        sums = self.page.sums(name, by, **labels)
        return {key: value - before.get(key, 0.0) for key, value in sums.items()}

    def lowest(self, name: str, by: tuple[str, ...], seconds: float) -> dict[Key, float]:
        """The smallest value of each series in the last seconds."""
        least: dict[Key, float] = {}
        for page in (*self._since(seconds), self.page):
            for key, value in page.sums(name, by).items():
                least[key] = min(value, least.get(key, math.inf))
        return least

    def _since(self, seconds: float) -> Iterator[Page]:
        return (page for at, page in self._past if at >= self.now - seconds)
