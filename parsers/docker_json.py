r"""Docker's json-file: `{"log":"text\n","stream":"stdout","time":"..."}`.

The daemon cuts a line into pieces of 16 KiB, and only the last piece ends in a newline
(moby/moby: daemon/logger/jsonfilelog, daemon/logger/copier.go).
"""

from __future__ import annotations

import json

import msgspec

from parsers.envelopes import STREAMS, Envelope


class _Entry(msgspec.Struct):
    log: str
    stream: str
    time: str


_DECODER = msgspec.json.Decoder(_Entry)


def unwrap(line: bytes) -> Envelope | None:
    """Take the envelope off; None for what is no json-file entry."""
    if not line.startswith(b"{"):
        return None
    try:
        entry = _DECODER.decode(line)
    except (msgspec.ValidationError, RecursionError):
        return None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _forgiving(line)
    return _envelope(entry.log, entry.stream, entry.time)


def _forgiving(line: bytes) -> Envelope | None:
    """What msgspec refuses and a log may hold: bad UTF-8, control characters, half a surrogate."""
    try:
        entry = json.loads(line.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None
    values = [entry.get(key) for key in ("log", "stream", "time")]
    log, stream, time = (value if isinstance(value, str) else None for value in values)
    return None if log is None or stream is None or time is None else _envelope(log, stream, time)


def _envelope(log: str, stream: str, time: str) -> Envelope | None:
    if stream not in STREAMS:
        return None
    text = log.encode("utf-8", "replace")
    whole = text.endswith(b"\n")
    return Envelope(text[:-1] if whole else text, stream, time, partial=not whole)
