"""A server behind TLS and passwords, and how openssl and curl fare at it."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bcrypt

from exporter.access import OPEN, Access
from exporter.config import load_web
from exporter.model import Family, Snapshot
from exporter.registry import Registry
from exporter.server import Limits, Page, Server, serve
from tests.support.authority import Authority, Pair

USUAL = Limits()
SHOWN = Family("watched_log_lines_total", "counter", "Lines.", ("service",))


async def nothing(shown: bool) -> Page:  # noqa: FBT001 - the server's word for it
    """A page that says whether it may show what logs said."""
    return Page("default-src 'none'", lambda: f"<!doctype html><title>{shown}</title>")


def hashed(password: str, cost: int = 4) -> str:
    """What stands for a password in the file."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()


@dataclass(slots=True)
class House:
    """What stands behind the door. `access` may be changed while it is served."""

    access: Access = OPEN
    refused: list[str] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    hold: Callable[[], Any] | None = None
    services: Sequence[str] = ("web",)

    async def expose(self) -> Sequence[Snapshot]:
        if self.hold is not None:
            await self.hold()
        registry = Registry((("app", "shop"),))
        for service in self.services:
            registry.inc(SHOWN, (service,), 0.0, 5)
        return [registry.snapshot(0.0, final=True)]

    @asynccontextmanager
    async def serve(self, limits: Limits = USUAL) -> AsyncIterator[Server]:
        async with serve(
            "127.0.0.1:0",
            expose=self.expose,
            ready=lambda: ["a secret name: not looked at yet"],
            page=nothing,
            on_error=self.errors.append,
            limits=limits,
            access=lambda: self.access,
            refused=self.refused.append,
        ) as server:
            yield server


@dataclass(frozen=True)
class Door:
    """A folder with an authority, a server's certificate, and the file that names them."""

    folder: Path
    authority: Authority
    pair: Pair

    def write(
        self, *, http: Any = None, users: Mapping[str, str] | None = None, **tls: Any
    ) -> Path:
        """The file, its paths relative to itself; TLS with the server's certificate unless told."""
        given = {"cert_file": self.pair.certificate.name, "key_file": self.pair.key.name, **tls}
        content = {
            "tls_server_config": given,
            "http_server_config": http,
            "basic_auth_users": users,
        }
        path = self.folder / "web.config.yml"
        path.write_text(json.dumps({key: value for key, value in content.items() if value}))
        return path

    def access(self, **given: Any) -> Access:
        """The file as sidewatch reads it."""
        return load_web(self.write(**given)).access


def door(folder: Path) -> Door:
    """A new one."""
    authority = Authority(folder / "door")
    return Door(authority.folder, authority, authority.issue("server"))


async def openssl(server: Server, *options: str | Path) -> str:
    """What `openssl s_client` tells of a handshake, after an HTTP request; "" where it failed."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-ign_eof", *options]
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    out, _ = await asyncio.wait_for(process.communicate(request), 20)
    text = out.decode(errors="replace")
    return text if "HTTP/1.1 " in text else ""


def curl(url: str, *options: str | Path) -> tuple[int, str]:
    """The status (0: no answer) and the body or curl's complaint."""
    done = subprocess.run(
        ["curl", "-sS", "--noproxy", "*", "-m", "15", "-w", "\n%{http_code}", *options, url],
        capture_output=True,
        text=True,
        check=False,
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body or done.stderr
