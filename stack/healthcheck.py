# ruff: noqa: INP001 - one file, no package
"""Ends with 0 where sidewatch answers in its container, with or without TLS.

It runs twice a minute for as long as the container lives, so it imports next to nothing.
"""

from __future__ import annotations

import os
import socket
import sys

PORT = int(os.environ["SIDEWATCH_LISTEN"].rpartition(":")[2])
REQUEST = b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n"
SECONDS = 4.0


def answers(*, secured: bool) -> bool:
    """Whether a 200 comes."""
    try:
        with socket.create_connection(("127.0.0.1", PORT), SECONDS) as plain:
            one = over_tls(plain) if secured else plain
            one.sendall(REQUEST)
            return b" 200 " in one.recv(64)
    except OSError:
        return False


def over_tls(plain: socket.socket) -> socket.socket:
    """The connection, encrypted. It asks itself, so whose certificate it is does not matter."""
    import ssl  # noqa: PLC0415 - it costs more than all the rest

    return ssl._create_unverified_context().wrap_socket(plain)  # noqa: S323, SLF001 - as above


sys.exit(not (answers(secured=False) or answers(secured=True)))
