"""Asking a server on this machine, whatever proxy the environment names."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from typing import Any

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(url: str, **query: str) -> bytes:
    """The body of a 200; anything else raises an OSError."""
    if query:
        url = f"{url}?{urllib.parse.urlencode(query)}"
    with _OPENER.open(url, timeout=5.0) as answer:
        body: bytes = answer.read()
        return body


def get_json(url: str, **query: str) -> Any:
    """The body of a 200, parsed."""
    return json.loads(get(url, **query))


def answers(url: str) -> bool:
    """Whether it answers 200 now."""
    try:
        get(url)
    except OSError:
        return False
    return True
