"""Canary secrets, and the lines in which the watched applications would say them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support import yamls

FOLDER = Path(__file__).parents[1] / "redact"


@dataclass(frozen=True)
class Canary:
    """A secret, the rule that knows it, how a log says it, and the field that may hold it alone."""

    name: str
    rule: str
    secret: str
    said: str
    key: str | None

    def __str__(self) -> str:
        return self.name

    def leaked(self, shown: str) -> bool:
        """Whether half of the secret or more is to be read in `shown`."""
        half = max(6, len(self.secret) // 2)
        pieces = (self.secret[at : at + half] for at in range(len(self.secret) - half + 1))
        return any(piece in shown for piece in pieces)


def canaries() -> tuple[Canary, ...]:
    """All of them."""
    found = []
    for path in sorted(FOLDER.glob("canaries*.yaml")):
        for one in yamls.read(path.read_text()):
            secret = "".join(one["secret"])
            said = one["text"].replace("{}", secret)
            found.append(Canary(one["name"], one["rule"], secret, said, one.get("key")))
    return tuple(found)


def near_misses() -> tuple[str, ...]:
    """Texts that look like secrets to a careless reader, and are none."""
    lines = (FOLDER / "near_misses.txt").read_text().splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


def lines(said: str) -> Iterator[tuple[str, str]]:
    """What is said, as a line of each make that the five applications write: its name, the line."""
    message, body = json.dumps(said, ensure_ascii=False), json.dumps({"detail": said})
    quoted = said.replace("\\", "\\\\").replace('"', '\\"')
    pino = '{"level":30,"time":1795219172456,"pid":7,"hostname":"box"'
    yield "pino", f'{pino},"msg":{message}}}'
    yield "pino, a field", f'{pino},"err":{{"type":"Error","message":{message}}},"msg":"failed"}}'
    yield "pino, json in a text", f'{pino},"body":{json.dumps(body)},"msg":"answered"}}'
    stamp = '"timestamp": "2026-11-20 23:55:07,584", "level": "INFO"'
    yield "json by python", f'{{{stamp}, "message": {message}, "logger": "app"}}'
    yield "json with a list", f'{{{stamp}, "message": "ran", "arguments": ["-x", {message}]}}'
    yield "key-value", f'time="2026-11-20T23:58:29Z" level=info msg="{quoted}" size=10'
    yield "python", f"2026-11-20 23:58:45,970 INFO shop.jobs [-] {said}"
    yield "celery", f"[2026-11-20 23:59:02,300: INFO/MainProcess] {said}"
    yield "uvicorn", f"INFO:     {said}"
    yield "dotnet", f"      {said}"
    yield "exception", f"ValueError: {said}"
    yield "text", said


def fields(canary: Canary) -> Iterator[tuple[str, str]]:
    """The canary under its own key, where it has one: as a JSON field, nested, and as a pair."""
    if canary.key is None:
        return
    pino = '{"level":30,"time":1795219172456'
    key, value = json.dumps(canary.key), json.dumps(canary.secret)
    yield "pino, own key", f'{pino},{key}:{value},"msg":"x"}}'
    yield "pino, nested", f'{pino},"req":{{"method":"GET","headers":{{{key}:{value}}}}},"msg":"x"}}'
    yield "pino, a list", f'{pino},"all":[{{{key}:[{value}]}}],"msg":"x"}}'
    quoted = canary.secret.replace('"', '\\"')
    yield "key-value, own key", f'time="2026-11-20T23:58:29Z" level=info {canary.key}="{quoted}"'
