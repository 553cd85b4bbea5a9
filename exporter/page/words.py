"""Numbers and times as people say them."""

from __future__ import annotations

UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))
SHORT = 2.0  # seconds, of which nobody counts the tenths
SIZES = ("B", "kB", "MB", "GB", "TB")


def span(seconds: float) -> str:
    """A length of time: `4 s`, `12 min`, `3.5 h`."""
    seconds = max(0.0, seconds)
    for size, unit in UNITS:
        if seconds >= size:
            count = seconds / size
            return (
                f"{count:.0f} {unit}" if count >= 10 or count % 1 < 0.05 else f"{count:.1f} {unit}"
            )
    if seconds >= 1 or not seconds:
        return f"{seconds:.0f} s"
    return f"{max(1, round(1000 * seconds))} ms"


def ago(at: float | None, now: float) -> str:
    """When something was: `4 s ago`."""
    if at is None:
        return "never"
    return "just now" if now - at < SHORT else f"{span(now - at)} ago"


def size(count: float) -> str:
    """An amount of bytes: `512 B`, `3.1 MB`."""
    for unit in SIZES:
        if count < 1000 or unit == SIZES[-1]:
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"


def number(count: float) -> str:
    """A count, its thousands apart."""
    return f"{count:,.0f}".replace(",", "\u202f")
