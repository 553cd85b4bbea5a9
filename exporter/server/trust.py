"""Who may see what logs said: who has shown who he is, or sits at this very machine."""

from __future__ import annotations

import re
from ipaddress import ip_address

from aiohttp import HttpVersion11, web

from exporter.access import Access

# A name of this machine: a page elsewhere that has its own name resolve to us sends its own.
OWN = re.compile(r"(?i)(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?")
# A proxy in front speaks for others; so do headers that begin like the first of these.
FORWARDED = ("x-forwarded", "forwarded", "via", "x-real-ip", "true-client-ip", "cf-connecting-ip")


def trusted(request: web.Request, access: Access) -> bool:
    """Whether this request comes from behind a password or certificate, or from loopback."""
    if access.guarded:
        return True
    if _is_passed_on(request):
        return False
    return (
        _is_loopback(request.remote) and OWN.fullmatch(request.headers.get("Host", "")) is not None
    )


def _is_passed_on(request: web.Request) -> bool:
    """By its headers; or by its version, which is nginx's way where it was not told another."""
    named = any(name.lower().startswith(FORWARDED) for name in request.headers)
    return named or request.version < HttpVersion11


def _is_loopback(address: str | None) -> bool:
    try:
        found = ip_address((address or "").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)
