"""Regular expressions of matchers: Prometheus reads RE2, and so far as Python is like it, we do."""

from __future__ import annotations

import re
import warnings

# Python knows no classes by name, and would take them for sets of their letters.
UNLIKE = re.compile(r"\[\[:|\\[pPQCz]")


def fits(pattern: str, text: str) -> bool | None:
    """Whether the whole of `text` fits; None where it cannot be told here."""
    if UNLIKE.search(pattern):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return re.fullmatch(pattern, text) is not None
    except re.error:
        return None
