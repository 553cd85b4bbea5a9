"""pullapprove's server, simulated: it takes webhooks and shows pages.

The lines are those of the plain framework's current generation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from exporter.demo.entries import Entry, Happening, arrivals, bare, keyvalue, take_due
from exporter.demo.scenes import Scene, Span, spans

SERVER = "pullapprove/server"
WEBHOOKS_A_MINUTE = 16
PAGES_A_MINUTE = 4
PAGES = ("/", "/acme/web/", "/acme/web/pulls/812/", "/acme/billing/settings/")

TRACEBACK = """\
Traceback (most recent call last):
  File "/app/.venv/lib/python3.13/site-packages/plain/{file}", line {line}, in {name}
    {code}
  File "/app/app/pullrequests/events.py", line 88, in read
    number = payload["pull_request"]["number"]
             ~~~~~~~^^^^^^^^^^^^^^^^
KeyError: 'pull_request'"""
IN_A_VIEW = TRACEBACK.format(
    file="internal/handlers/base.py",
    line=343,
    name="_run_sync_pipeline",
    code="response = view.get_response()",
)
IN_A_JOB = TRACEBACK.format(file="jobs/models.py", line=325, name="run", code="job.run()")


def server(script: Sequence[Scene], dice: Random) -> Iterator[Happening]:
    """What the server says, in order, without end."""
    yield from _server_start()
    for span in spans(script):
        waiting: list[Happening] = [*_webhooks(span, dice), *_pages(span, dice)]
        yield from take_due(waiting, span.end)


def _server_start() -> Iterator[Entry]:
    settings = "Settings from env:\n  PLAIN_LOG_FORMAT -> LOG_FORMAT='keyvalue'"
    yield Entry(0.0, SERVER, bare, "", settings)
    about = {"address": "http://0.0.0.0:8000", "pid": 7, "workers": 1, "threads": 4}
    yield Entry(0.0, SERVER, keyvalue, "INFO", "Plain server started", about)
    yield Entry(0.0, SERVER, keyvalue, "INFO", "Server worker started (pid: 9)")


def _webhooks(span: Span, dice: Random) -> Iterator[Entry]:
    for at in arrivals(dice, span.begin, span.end, WEBHOOKS_A_MINUTE):
        broken = dice.random() < span.scene.broken
        path = "/webhooks/github/"
        if broken:
            where = {"path": path}
            yield Entry(
                at, SERVER, keyvalue, "ERROR", "Server error", where, "plain.request", IN_A_VIEW
            )
        yield _request(at, dice, "POST", path, 500 if broken else 200)


def _pages(span: Span, dice: Random) -> Iterator[Entry]:
    for at in arrivals(dice, span.begin, span.end, PAGES_A_MINUTE):
        status = 200 if dice.random() < 0.9 else 404
        yield _request(at, dice, "GET", dice.choice(PAGES), status)


def _request(at: float, dice: Random, method: str, path: str, status: int) -> Entry:
    hook = method == "POST"
    about = {
        "method": method,
        "path": path,
        "query": "",
        "status": status,
        "duration_ms": 4 + int(dice.lognormvariate(3.4, 0.6)),
        "size": {200: 2 if hook else dice.randrange(3000, 40000), 404: 1460, 500: 25}[status],
        "ip": f"140.82.115.{dice.randrange(2, 250)}" if hook else "203.0.113.24",
        "user_agent": "GitHub-Hookshot/0cc5b77" if hook else "Mozilla/5.0 (X11; Linux x86_64)",
        "referer": "",
    }
    return Entry(at, SERVER, keyvalue, "INFO", "Request", about, "plain.server.access")
