"""The status page: snapshots, samples and an hour of latencies in, one page of HTML out."""

from exporter.page.gather import Facts, gather, latencies
from exporter.page.history import History
from exporter.page.render import POLICY, render
from exporter.page.view import View

__all__ = ["POLICY", "Facts", "History", "View", "gather", "latencies", "render"]
