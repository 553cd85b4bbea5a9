"""A real nginx of the tests' own, in a folder of its own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.process import running

CONFIG = """\
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type text/plain;
{servers}
}}
"""


@contextmanager
def nginx(binary: Path, folder: Path, servers: str, port: int) -> Iterator[None]:
    """An nginx with these server blocks, from when it listens on `port`."""
    folder.mkdir(exist_ok=True)
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, servers=servers))

    def listens() -> bool:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True

    command = [binary, "-p", folder, "-e", "stderr", "-c", config]
    with running([str(word) for word in command], folder / "log", listens):
        yield
