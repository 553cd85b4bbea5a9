"""Envelopes: what a container runtime wraps around each line that a container prints."""

from __future__ import annotations

from msgspec import Struct

STREAMS = ("stdout", "stderr")


class Envelope(Struct, frozen=True):
    """One wrapped piece: its text without the newline, its stream, and the runtime's own time.

    `partial`: the line goes on in the next piece of the same stream.
    """

    text: bytes
    stream: str
    time: str
    partial: bool
