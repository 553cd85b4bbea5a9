"""A log is read as a file or through the daemon that writes it: both are refused at the start."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from exporter.__main__ import main
from exporter.app.doubles import doubled, json_logs
from exporter.app.running import Running
from exporter.clock import WallClock
from exporter.config import load
from exporter.errors import ConfigError
from tests.support.asking import until

IDENTITY = "c0ffee" * 10 + "cafe"
PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"
THROUGH = "logs: [{docker: {project: shop, url: 'tcp://127.0.0.1:1'}}]"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A container's log as Docker lays it out, its configuration beside it."""
    folder = tmp_path / "lib" / "containers" / IDENTITY
    folder.mkdir(parents=True)
    config = {"Config": {"Labels": {PROJECT: "shop", SERVICE: "web"}}}
    (folder / "config.v2.json").write_text(json.dumps(config))
    path = folder / f"{IDENTITY}-json.log"
    path.write_text('{"log":"a\\n","stream":"stdout","time":"2026-11-20T12:00:00Z"}\n')
    return path


def configuration(folder: Path, *apps: str) -> Path:
    path = folder / "sidewatch.yaml"
    lines = ["listen: 127.0.0.1:0", f"state: {folder}/state", "apps:"]
    lines += [f"  - {{name: app{n}, {app}}}" for n, app in enumerate(apps)]
    path.write_text("\n".join(lines))
    return path


def moved(path: Path, to: Path) -> Path:
    return path.rename(to)


def linked(log: Path, kind: str) -> str:
    """A glob that finds the log by a way of its own."""
    root = log.parents[3]
    if kind == "a link to the file":
        (root / "web.log").symlink_to(log)
        return "web.log"
    if kind == "a link to a folder":
        (root / "docker").symlink_to(root / "lib")
        return "docker/containers/*/*-json.log"
    if kind == "a link of links":
        (root / "first").symlink_to(log)
        (root / "second").symlink_to("first")
        return "s*d"
    return "lib/**/*.log"


@pytest.mark.parametrize(
    "kind", ["a glob", "a link to the file", "a link to a folder", "a link of links"]
)
def test_it_is_seen_by_whatever_way_the_file_is_found(log: Path, tmp_path: Path, kind: str) -> None:
    files = f"logs: [{{files: '{linked(log, kind)}'}}]"
    plan = load(configuration(tmp_path, files, THROUGH), {})
    (complaint,) = doubled(plan)
    assert "is read through Docker by apps[1].logs[0] for app1" in complaint.text
    assert (complaint.key, complaint.line) == ("apps[0].logs[0]", 4)
    assert json_logs(plan) == {log.name: "apps[0].logs[0]"}


@pytest.mark.parametrize(
    "apps",
    [
        ("logs: [{files: 'lib/containers/*/*.log'}]", THROUGH.replace("shop", "blog")),
        ("logs: [{files: 'lib/containers/*/*.json'}]", THROUGH),
        (THROUGH, THROUGH),  # two applications may both look at one container
    ],
)
def test_what_is_read_one_way_is_not_refused(
    log: Path, tmp_path: Path, apps: tuple[str, ...]
) -> None:
    assert log.exists()
    assert not doubled(load(configuration(tmp_path, *apps), {}))


def test_the_start_is_refused(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = configuration(tmp_path, f"logs: [{{files: '{log}'}}]", THROUGH)
    assert main(["run", "--config", str(path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"{path}:4: apps[0].logs[0]: {log} is read through Docker by apps[1]")


async def test_a_changed_configuration_is_refused_and_the_one_before_stays(
    log: Path, tmp_path: Path
) -> None:
    files = f"logs: [{{files: '{log}'}}]"
    path = configuration(tmp_path, files)
    running = Running(load(path, {}), WallClock(), lambda: load(path, {}))
    stop, serving = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(running.run(stop, lambda _: serving.set()))
    await serving.wait()
    configuration(tmp_path, files, THROUGH)
    await running._reload()
    assert [app.name for app in running.plan.apps] == ["app0"]
    stop.set()
    await task


async def test_a_container_that_comes_later_is_told_of(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.app.chores.DOUBLES_INTERVAL", 0.05)
    hidden = moved(log, log.with_name("later"))
    path = configuration(tmp_path, "logs: [{files: 'lib/containers/*/*-json.log'}]", THROUGH)
    running = Running(load(path, {}), WallClock(), lambda: load(path, {}))
    stop, serving = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(running.run(stop, lambda _: serving.set()))
    await serving.wait()
    shard = running._watched["app0"].shard
    source = running.plan.apps[0].logs[0].source.name

    def told() -> float | None:
        return shard.registry.value("sidewatch_source_failures_total", (source, "twice"))

    await asyncio.sleep(0.2)
    assert not told()
    moved(hidden, log)
    await until(lambda: bool(told()), "the failure")
    stop.set()
    await task


async def test_files_that_cannot_be_looked_at_hold_no_start_up(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.app.doubles.PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr("exporter.app.doubles.doubled", lambda _: time.sleep(1))
    path = configuration(tmp_path, f"logs: [{{files: '{log}'}}]", THROUGH)
    running = Running(load(path, {}), WallClock(), lambda: load(path, {}))
    stop, serving = asyncio.Event(), asyncio.Event()
    stop.set()
    await running.run(stop, lambda _: serving.set())
    assert serving.is_set()


def test_a_configuration_error_lists_all(log: Path, tmp_path: Path) -> None:
    path = configuration(tmp_path, f"logs: [{{files: '{log}'}}]", THROUGH, THROUGH)
    running = Running(load(path, {}), WallClock(), lambda: load(path, {}))
    with pytest.raises(ConfigError) as caught:
        asyncio.run(running.run(asyncio.Event(), lambda _: None))
    assert len(caught.value.complaints) == 2
