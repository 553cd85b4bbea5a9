"""Snapshots in, what a scrape is answered with out: text 0.0.4 or OpenMetrics 1.0.0."""

from __future__ import annotations

from exporter.exposition.forms import Form, choose, wants_gzip
from exporter.exposition.render import (
    blocks,
    by_family,
    compress,
    label_pairs,
    render,
    spelled_bound,
    weigh,
)

__all__ = [
    "Form",
    "blocks",
    "by_family",
    "choose",
    "compress",
    "label_pairs",
    "render",
    "spelled_bound",
    "wants_gzip",
    "weigh",
]
