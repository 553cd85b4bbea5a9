"""Secrets out of all that leaves: text and fields in, the same without them out.

`redactor(settings)` makes a Redactor; each outlet has one of its own that tells its own tally.
"""

from exporter.redact.logs import hide, log_the_uncaught
from exporter.redact.redactor import Redactor, Rule, Tally, marker, uncounted
from exporter.redact.settings import MOST_PATTERNS, Expressions, Redaction, fault, redactor

__all__ = [
    "MOST_PATTERNS",
    "Expressions",
    "Redaction",
    "Redactor",
    "Rule",
    "Tally",
    "fault",
    "hide",
    "log_the_uncaught",
    "marker",
    "redactor",
    "uncounted",
]
