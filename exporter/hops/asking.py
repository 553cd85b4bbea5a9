"""Asking a server over HTTP, once and briefly; what does not work is a sentence."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from msgspec import Struct

from exporter.errors import SidewatchError

SECONDS = 5.0
MOST_BYTES = 32 << 20


class Unanswered(SidewatchError):  # noqa: N818 - it is what is said of the server
    """A server that was asked gave no answer that can be used."""


class Stuck(SidewatchError):  # noqa: N818 - it is what is said of the alert
    """The alert has not passed, and waiting will not help: somebody has to change something."""


class Address(Struct, frozen=True):
    """Where a server is: its URL without a name or password, and what these make for a header."""

    url: str
    authorization: str = ""

    def get(self, path: str, **query: str) -> bytes:
        """The body of an answer. Raises Unanswered."""
        asked = f"{self.url}{path}"
        if query:
            asked = f"{asked}?{urllib.parse.urlencode(query)}"
        return self._open(urllib.request.Request(asked))  # noqa: S310 - the scheme was looked at

    def json(self, path: str, **query: str) -> Any:
        """The same, parsed. Raises Unanswered."""
        return _parsed(self.get(path, **query), self.url)

    def post(self, path: str, body: object) -> None:
        """Hand over some JSON. Raises Unanswered."""
        request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
            f"{self.url}{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        self._open(request)

    def _open(self, request: urllib.request.Request) -> bytes:
        if self.authorization:
            request.add_header("Authorization", self.authorization)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - as above
                body: bytes = answer.read(MOST_BYTES)
                return body
        except urllib.error.HTTPError as error:
            error.close()
            raise Unanswered(f"{self.url} answers {error.code} {error.reason}") from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise Unanswered(f"{self.url} does not answer: {reason}") from None


def address(text: str) -> Address:
    """An address like http://127.0.0.1:9090, or with user:password@ in it. Raises ValueError."""
    parts = urllib.parse.urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(text)
    place = parts.netloc.rpartition("@")[2]
    url = f"{parts.scheme}://{place}{parts.path.rstrip('/')}"
    if parts.username is None:
        return Address(url)
    name = urllib.parse.unquote(parts.username)
    password = urllib.parse.unquote(parts.password or "")
    words = base64.b64encode(f"{name}:{password}".encode()).decode()
    return Address(url, f"Basic {words}")


def _parsed(body: bytes, url: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise Unanswered(f"{url} answers with something that is no JSON") from None
