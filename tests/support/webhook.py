"""The far end of a page: a web server that keeps what Alertmanager posts to it."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.routing import routing_to


@dataclass(frozen=True)
class Post:
    """One delivery: the path it was posted to, and its JSON."""

    path: str
    body: Any


@dataclass
class Webhook:
    """Records every POST; a test takes them one by one."""

    url: str
    posts: list[Post] = field(default_factory=list)
    _waiting: queue.Queue[Post] = field(default_factory=queue.Queue)

    def receive(self, post: Post) -> None:
        """Called by the server's thread."""
        self.posts.append(post)
        self._waiting.put(post)

    def next(self, within: float) -> Post:
        """The next POST not yet taken; an AssertionError if none comes in time."""
        try:
            return self._waiting.get(timeout=within)
        except queue.Empty:
            raise AssertionError(f"nothing was posted to {self.url} within {within:g} s") from None

    def routing(self) -> dict[str, Any]:
        """The shipped routing, delivered here, with its waits shortened."""
        return routing_to(self.url)


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A receiver on a loopback port of its own."""
    place = ("127.0.0.1", 0)
    server = ThreadingHTTPServer(place, BaseHTTPRequestHandler, bind_and_activate=False)
    server.request_queue_size = 1024  # all that fires in a test may come at once
    server.server_bind()
    server.server_activate()
    hook = Webhook(f"http://127.0.0.1:{server.server_port}")

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            hook.receive(Post(self.path, json.loads(self.rfile.read(length))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's name
            """Say nothing on the tests' output."""

    server.RequestHandlerClass = Receiver
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
