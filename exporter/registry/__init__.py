"""The series of one application: create, bound, hide, snapshot."""

from __future__ import annotations

from exporter.registry.lives import FORGET_SECONDS
from exporter.registry.store import Registry

__all__ = ["FORGET_SECONDS", "Registry"]
