"""The way of an alert, hop by hop: walked with a test alert, and which hop loses it is said."""

from exporter.hops.alertmanager import Alertmanager
from exporter.hops.asking import Address, address
from exporter.hops.prometheus import NO_ALERTMANAGER, Prometheus
from exporter.hops.walk import EVERY_SECONDS, Hop, Outcome, Walk, walk

__all__ = [
    "EVERY_SECONDS",
    "NO_ALERTMANAGER",
    "Address",
    "Alertmanager",
    "Hop",
    "Outcome",
    "Prometheus",
    "Walk",
    "address",
    "walk",
]
