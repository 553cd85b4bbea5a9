"""sidewatch: what an application already emits, turned into metrics and alerts."""

__version__ = "0.1.0"
