"""An application's endpoints, on real sockets. Of a signal's file:

version   of tests/answers/healthy.yaml, which is how it answers; the first where it is not given
answers   by server and path, instead: a body alone is a 200, else {status, body, headers}
gone      servers where nobody listens any more
flaps     it is so for a minute, again and again, after so many minutes each
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from exporter.config import parse
from tests.support.probing import Server, head, http, serving
from tests.support.told import Told
from tests.support.waiting import free_port
from tests.support.worlds.world import Given, Happening

TESTS = Path(__file__).parents[2]
APPS: Mapping[str, Any] = yaml.safe_load((TESTS / "answers/healthy.yaml").read_text())
KEY = "agl_plt_secret"
FLAPS = 7  # of a fault that comes and goes


@dataclass
class Answers:
    """Some servers: what each says, by path, and on which port it listens.

    They are asked so many questions, and those that listen now are `open`.
    """

    given: Given
    says: dict[str, dict[str, Any]]
    ports: Mapping[str, int]
    count: int = 0
    open: dict[str, AsyncExitStack] = field(default_factory=dict)

    def settings(self) -> Mapping[str, Any]:
        """Where they are asked."""
        text = json.dumps(APPS[self.given.app]["config"])
        places = {name: f"127.0.0.1:{port}" for name, port in self.ports.items()}
        for name, place in {**places, "key": str(self.given.folder / "key")}.items():
            text = text.replace(f"{{{name}}}", place)
        return {"probes": json.loads(text)}

    def course(self) -> Sequence[Happening]:
        """It begins, and where it flaps it ends and begins anew."""
        every = self.given.part.get("flaps")
        if every is None:
            return [(0, self._harm)]
        both = ((0, self._harm), (1, self._mend))
        return [(n * every + minute, what) for n in range(FLAPS) for minute, what in both]

    def looked(self, one: Told) -> bool:
        """Whether everything was asked. Nobody here answers late: then this machine was slow."""
        late = [
            failing
            for (*_, why), failing in one.series("watched_probe_failing").items()
            if why == "timeout" and failing
        ]
        return len(one.series("watched_probe_success")) == self.count and not late

    @property
    def goes_on(self) -> int:
        """Nothing does."""
        return 0

    async def go_on(self) -> None:
        """Nothing does."""

    async def listen(self) -> None:
        """Let everybody answer who does not."""
        for name, port in self.ports.items():
            if name not in self.open:
                stack = self.open[name] = AsyncExitStack()
                await stack.enter_async_context(serving(self._speaking(name), port))

    async def close(self, *names: str) -> None:
        """Let nobody listen there any more."""
        for name in names:
            if stack := self.open.pop(name, None):
                await stack.aclose()

    async def _harm(self) -> None:
        part = self.given.part
        for name, paths in part.get("answers", {}).items():
            self.says[name] |= paths
        await self.close(*part.get("gone", ()))

    async def _mend(self) -> None:
        self.says |= _healthy(self.given)
        await self.listen()

    def _speaking(self, name: str) -> Server:
        """A server that answers by path; or, where that is a word, by the word."""

        async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if "PING" in self.says[name]:
                await reader.readline()
                writer.write(f"{self.says[name]['PING']}\r\n".encode())
            else:
                writer.write(_answer(self.says[name], await head(reader)))
            await writer.drain()
            writer.write_eof()
            await reader.read()

        return server


@asynccontextmanager
async def standing(given: Given) -> AsyncIterator[Answers]:
    """The servers of an application that is well."""
    (given.folder / "key").write_text(KEY)
    says = _healthy(given)
    world = Answers(given, says, {name: free_port() for name in says})
    world.count = _count(given.app, world.settings())
    await world.listen()
    try:
        yield world
    finally:
        await world.close(*says)


def _count(app: str, settings: Mapping[str, Any]) -> int:
    """How many questions there are."""
    entry = {"name": app, "profile": app, **settings}
    (plan,) = parse(json.dumps({"apps": [entry]}), Path("sidewatch.yaml"), {}).apps
    assert plan.probing.probes is not None
    return len(plan.probing.probes.checks)


def _healthy(given: Given) -> dict[str, dict[str, Any]]:
    versions = APPS[given.app]["versions"]
    return deepcopy(versions[given.part.get("version") or next(iter(versions))])


def _answer(paths: Mapping[str, Any], request: str) -> bytes:
    """What is answered to a request; what only an administrator may see wants the key."""
    path = request.split()[1]
    if "/admin/" in path and f"\r\nAuthorization: Bearer {KEY}\r\n" not in request:
        return http('{"message": "Unauthorized"}', "401 Unauthorized", "Connection: close")
    told = paths.get(path, {"status": 404, "body": "404 Not Found"})
    if not isinstance(told, dict) or "body" not in told:
        told = {"status": 200, "body": told}
    body = told["body"] if isinstance(told["body"], str) else json.dumps(told["body"])
    more = [f"{name}: {value}" for name, value in told.get("headers", {}).items()]
    return http(body, f"{told['status']} X", "Connection: close", *more)
