"""What the demo's applications answer, and their backups, as sidewatch asks and finds them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from exporter.clock import WallClock
from exporter.config import load
from exporter.demo.backups import EVERY, KEPT, dumps, write
from exporter.demo.health import Health
from exporter.demo.scenes import SCRIPT, Scene, spans
from exporter.demo.setup import write_config
from exporter.sources.disk import newest
from exporter.sources.probes.examine import ask_once
from exporter.sources.probes.resolver import Resolver, system_lookup

ALL_WELL = {
    ("server", "liveness"): None,
    ("server", "readiness"): None,
    ("server", "startup"): None,
    "github": 1.0,
}


@asynccontextmanager
async def healthy() -> AsyncIterator[Health]:
    health = Health()
    await health.open()
    try:
        yield health
    finally:
        health.close()


async def asked(app: str, folder: Path, scene: Scene) -> dict[object, object]:
    """Why each probe of an application fails in a scene, and how its parts are."""
    async with healthy() as health:
        health.scene = scene
        plan = load(write_config(folder, "127.0.0.1:0", 5.0, bases=health.bases()), {})
        (probing,) = (one.probing for one in plan.apps if one.name == app)
        assert probing.probes is not None
        checks = probing.probes.checks
        results = await ask_once(checks, WallClock(), Resolver(system_lookup))
    found: dict[object, object] = {}
    for check, result in zip(checks, results, strict=True):
        found[check.name, check.kind] = result.failure and result.failure.reason
        found |= {one.labels["component"]: one.value for one in result.points or ()}
    return found


def scene(text: str) -> Scene:
    (found,) = (one for one in SCRIPT if text in one.title)
    return found


async def test_all_is_well_in_the_first_scene(tmp_path: Path) -> None:
    assert await asked("pullapprove", tmp_path, SCRIPT[0]) == {("server", "liveness"): None}
    assert await asked("kodiai", tmp_path, SCRIPT[0]) == ALL_WELL


async def test_a_release_sends_the_health_check_elsewhere(tmp_path: Path) -> None:
    told = await asked("pullapprove", tmp_path, scene("A release breaks"))
    assert told == {("server", "liveness"): "redirect"}


async def test_kodiai_names_github_while_it_goes_on(tmp_path: Path) -> None:
    told = await asked("kodiai", tmp_path, scene("The quota"))
    assert told == ALL_WELL | {"github": 0.0}


@pytest.mark.parametrize(
    ("request_line", "answer"),
    [(b"GET /elsewhere HTTP/1.1", b"HTTP/1.1 404 "), (b"nonsense", b"")],
)
async def test_what_it_does_not_know_does_not_trouble_it(
    request_line: bytes, answer: bytes
) -> None:
    async with healthy() as health:
        port = urlsplit(health.bases()["kodiai"]).port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_line + b"\r\n\r\n")
        assert (await reader.read()).startswith(answer)
        writer.close()


def test_backups_come_regularly_and_are_empty_where_the_script_says_so() -> None:
    cycle = sum(scene.minutes for scene in SCRIPT) * 60.0
    told = list(islice(dumps(SCRIPT), int(2 * cycle / EVERY)))
    assert [one.at for one in told] == [number * EVERY for number in range(len(told))]
    for one in told:
        span = next(span for span in spans() if one.at < span.end)
        assert (one.size > 0) == span.scene.backups, one
    assert sum(one.size == 0 for one in told) >= 2


def test_the_newest_backups_are_kept_and_found(tmp_path: Path) -> None:
    written = list(islice(dumps((SCRIPT[0],)), KEPT + 2))
    for one in written:
        write(tmp_path / "backups", one)
    found = newest((str(tmp_path / "backups/*.dump"),), time.time())
    assert found.newest is not None
    assert found.before is not None
    assert (found.count, found.newest.size) == (KEPT, written[-1].size)
    assert 0 < found.before.size < found.newest.size
