"""Who may see what logs said: who has shown who he is, or sits at this very machine."""

from __future__ import annotations

import re
from ipaddress import ip_address

from aiohttp import web

from exporter.access import Access

# A name of this machine: a page elsewhere that has its own name resolve to us sends its own.
OWN = re.compile(r"(?i)(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?")
# A proxy in front speaks for others.
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")


def trusted(request: web.Request, access: Access) -> bool:
    """Whether this request comes from behind a password or certificate, or from loopback."""
    if access.guarded:
        return True
    if any(name in request.headers for name in FORWARDED):
        return False
    return (
        _is_loopback(request.remote) and OWN.fullmatch(request.headers.get("Host", "")) is not None
    )


def _is_loopback(address: str | None) -> bool:
    try:
        found = ip_address((address or "").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)
