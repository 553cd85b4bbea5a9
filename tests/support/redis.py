"""A real Redis of the tests' own, in a folder of its own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.process import running
from tests.support.waiting import free_port


@contextmanager
def redis(binary: Path, folder: Path, *settings: str, port: int = 0) -> Iterator[int]:
    """A Redis that keeps nothing: its port. `settings` are more of its words."""
    port = port or free_port()
    folder.mkdir(parents=True, exist_ok=True)
    words = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]

    def listens() -> bool:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True

    with running([str(binary), *words, *settings], folder / "log", listens):
        yield port
