"""docs/metrics.md out of the vocabulary: `python -m tests.support.metrics_page` writes it."""

from __future__ import annotations

from pathlib import Path

from exporter.model import Family
from exporter.vocabulary import FAMILIES

PAGE = Path(__file__).parents[2] / "docs/metrics.md"

HEAD = """\
# Metrics

Everything that sidewatch may show. A profile can add counters, gauges and histograms of its own.

Every series of a watched application has the label `app`, and what the configuration adds under
`labels`. The scope says how several sidewatch instances are put together: **shared** facts with
`max`, **local** ones with `sum`, those of a **vantage** point with `min` or `count`; **own** is
about sidewatch itself, each instance for itself.

A counter or a histogram that is shown for the first time holds 0 for 30 seconds, whatever it has
counted, so that `increase()` sees its first occurrence.

This page is made from `exporter/vocabulary/` by `python -m tests.support.metrics_page`.

| metric | type | labels | scope | meaning |
| --- | --- | --- | --- | --- |
"""


def page() -> str:
    """The whole page."""
    return HEAD + "".join(_row(family) for family in FAMILIES.values())


def _row(family: Family) -> str:
    labels = ", ".join(f"`{label}`" for label in family.labels)
    return f"| `{family.name}` | {family.kind} | {labels} | {family.scope} | {family.help} |\n"


if __name__ == "__main__":
    PAGE.write_text(page())
