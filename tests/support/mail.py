"""The far end of an e-mail: a mail server that keeps what Alertmanager hands it."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.support.waiting import free_port


@dataclass
class Mailbox:
    """Where mail goes: HOST:PORT, and what has come. `logins` are names with their passwords."""

    address: str
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    _waiting: queue.Queue[Message] = field(default_factory=queue.Queue)

    async def handle_DATA(  # noqa: N802 - the library's name for it
        self,
        server: Any,  # noqa: ARG002 - as it calls
        session: Any,  # noqa: ARG002 - as it calls
        envelope: Any,
    ) -> str:
        """Keep a mail (the server calls this)."""
        self._waiting.put(message_from_bytes(envelope.content))
        return "250 kept"

    def login(
        self, _server: Any, _session: Any, _envelope: Any, _how: str, data: Any
    ) -> AuthResult:
        """Let everybody in, and keep how they came (the server calls this)."""
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=True)

    def next(self, within: float) -> Message:
        """The next mail not yet taken; an AssertionError if none comes in time."""
        try:
            return self._waiting.get(timeout=within)
        except queue.Empty:
            raise AssertionError(f"no mail came to {self.address} within {within:g} s") from None


def part(message: Message, kind: str) -> str:
    """The text of a mail in this form (plain, html)."""
    (found,) = (one for one in message.walk() if one.get_content_type() == f"text/{kind}")
    body = found.get_payload(decode=True)
    assert isinstance(body, bytes)
    return body.decode()


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A mail server on a loopback port of its own."""
    port = free_port()
    box = Mailbox(f"127.0.0.1:{port}")
    server = Controller(
        box,
        hostname="127.0.0.1",
        port=port,
        authenticator=box.login,
        auth_require_tls=False,
        auth_exclude_mechanism=["LOGIN"],  # its words there are not those that others wait for
    )
    server.start()
    try:
        yield box
    finally:
        server.stop()
