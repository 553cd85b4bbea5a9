"""Snapshots in; text 0.0.4 or OpenMetrics 1.0.0 out, of one moment for a scrape, or of many."""

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
from exporter.exposition.timeline import timeline

__all__ = [
    "Form",
    "blocks",
    "by_family",
    "choose",
    "compress",
    "label_pairs",
    "render",
    "spelled_bound",
    "timeline",
    "wants_gzip",
    "weigh",
]
