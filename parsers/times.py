"""Times: the raw spelling that a record carries, to seconds since 1970."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from types import MappingProxyType

_OFFSET = r"(?: ?(Z|z|UTC|GMT|[+-]\d\d:?\d\d))?"
# 2026-11-20T23:58:29.5+00:00, 2026-11-20 23:55:07,053, nginx's 2026/11/20 23:58:11
_ISO = re.compile(
    r"(\d{4})([-/])(\d\d)\2(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,12}))?" + _OFFSET, re.ASCII
)
# 20/Nov/2026:23:58:11 +0000, as access logs have it
_CLF = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d)" + _OFFSET, re.ASCII)
_NUMBER = re.compile(r"\d{1,25}(?:\.\d{1,12})?", re.ASCII)

# English whatever the locale, which is why this is not left to strptime.
_MONTHS: Mapping[str, int] = MappingProxyType(
    {
        name: number
        for number, name in enumerate(
            ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
        )
    }
)
# A smaller number is an uptime or a duration: as seconds it would lie before 1973-03.
_SMALLEST = 1e8
# The first bound that a number stays below tells its unit; seconds reach to the year 5138.
_UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9))
_LONGEST = 64
_FINE = re.compile(r":\d\d[.,](\d{7,12})", re.ASCII)  # a clock's fraction below microseconds
_EXACT_SECONDS = 2.0**33  # above, a float of seconds does not hold microseconds any more


def seconds(raw: str | float | None, zone: tzinfo) -> float | None:
    """Seconds since 1970, or None for what is no time; a time without an offset is `zone`'s.

    A number, also as text, counts seconds, milli-, micro- or nanoseconds, told by its size.
    """
    if raw is None or isinstance(raw, bool):
        return None
    if not isinstance(raw, str):
        return _epoch(raw)
    if len(raw) > _LONGEST:
        return None
    text = raw.strip()
    if found := _ISO.fullmatch(text):
        year, _, month, day, hour, minute, second, fraction, offset = found.groups()
        day_parts = (int(year), int(month), int(day))
    elif found := _CLF.fullmatch(text):
        day, name, year, hour, minute, second, offset = found.groups()
        day_parts, fraction = (int(year), _MONTHS.get(name, 0), int(day)), None
    else:
        return _epoch(float(text)) if _NUMBER.fullmatch(text) else None
    clock = (int(hour), int(minute), int(second))
    return _instant(day_parts, clock, float(f"0.{fraction or 0}"), _zone(offset, zone))


def nanoseconds(raw: str | float | None, zone: tzinfo) -> int | None:
    """The same in whole nanoseconds, as exact as the spelling is; None before 1970, too.

    A float of seconds is exact to the microsecond only, so digits beyond are taken from the text.
    """
    if isinstance(raw, int) and not isinstance(raw, bool):
        unit = next((unit for bound, unit in _UNITS if _SMALLEST <= raw < bound), None)
        return None if unit is None else raw * round(1e9 / unit)
    found = seconds(raw, zone)
    if found is None or found < 0:
        return None
    fine = _FINE.search(raw) if isinstance(raw, str) else None
    if fine is None or found >= _EXACT_SECONDS:
        return round(found * 1e6) * 1000
    return round(found - float(f"0.{fine[1]}")) * 10**9 + int(fine[1][:9].ljust(9, "0"))


def _epoch(number: float) -> float | None:
    """Seconds of a number whose unit its size tells."""
    if not number >= _SMALLEST:  # nor is NaN
        return None
    return next((number / scale for bound, scale in _UNITS if number < bound), None)


def _zone(offset: str | None, zone: tzinfo) -> tzinfo | None:
    """The zone that an offset spells, `zone` where there is none, None for a day or more."""
    if offset is None:
        return zone
    if offset[0] not in "+-":
        return UTC
    distance = timedelta(hours=int(offset[1:3]), minutes=int(offset[-2:]))
    if distance >= timedelta(days=1):
        return None
    return timezone(-distance if offset[0] == "-" else distance)


def _instant(
    day: tuple[int, int, int], clock: tuple[int, int, int], fraction: float, zone: tzinfo | None
) -> float | None:
    if zone is None:
        return None
    hour, minute, second = clock
    leap = 1 if second == 60 else 0  # a leap second is the first of the next minute
    try:
        moment = datetime(*day, hour, minute, second - leap, tzinfo=zone)
    except ValueError:
        return None
    return moment.timestamp() + leap + fraction
