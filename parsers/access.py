"""Access lines, common and combined, as nginx and gunicorn print them; and request lines."""

from __future__ import annotations

import re
from typing import Any

# How far the address, the identity, the user and the time reach.
_LONGEST_CALLER = 700
_TIME = re.compile(r" \[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] ", re.ASCII)
_STATUS = re.compile(r" (\d{3}) (\d{1,20}|-)(?= |\Z)")
_METHOD = re.compile(r"[A-Z][A-Z_-]{0,31}")


def combined(text: str) -> tuple[str, dict[str, Any]] | None:
    """Read an access line: its time as spelled, and its fields; None for anything else.

    Quoted texts behind the user agent (nginx's image logs X-Forwarded-For there) become the field
    `rest`, so nothing is lost.
    """
    time = _TIME.search(text, 0, _LONGEST_CALLER)
    caller = text[: time.start()].split(" ", 2) if time else []
    if not time or len(caller) != 3 or caller[0].startswith("["):
        return None
    request, end = _quoted(text, time.end())
    status = _STATUS.match(text, end)
    if request is None or not status:
        return None
    fields = {"remote_addr": caller[0], "remote_user": caller[2]} | request_fields(request)
    fields["status"], fields["size"] = status.groups()
    _add_agent(fields, text, status.end())
    return time[1], fields


def request_fields(request: str) -> dict[str, Any]:
    """`GET /a?b=1 HTTP/1.1` in parts; what is no request line is kept as the field `request`."""
    method, _, rest = request.partition(" ")
    target, _, protocol = rest.rpartition(" ")
    if not target or not protocol.startswith("HTTP/") or not _METHOD.fullmatch(method):
        return {"request": request}
    path, _, query = target.partition("?")
    return {"method": method, "path": path, "query": query, "protocol": protocol}


def _add_agent(fields: dict[str, Any], text: str, at: int) -> None:
    """Add the referer and the user agent, where both are there, and what follows them."""
    referer, behind = _quoted(text, at + 1)
    agent, end = _quoted(text, behind + 1)
    if referer is None or agent is None:
        end = at
    else:
        fields["referer"], fields["user_agent"] = referer, agent
    if rest := text[end:].strip(" "):
        fields["rest"] = rest


def _quoted(text: str, at: int) -> tuple[str | None, int]:
    r"""The quoted text that opens at `at`, with `\"` for a quote inside, and where it ends."""
    if not text.startswith('"', at):
        return None, at
    end = text.find('"', at + 1)
    while end > 0 and text[end - 1] == "\\":
        end = text.find('"', end + 1)
    return (text[at + 1 : end].replace('\\"', '"'), end + 1) if end > 0 else (None, at)
