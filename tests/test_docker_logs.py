"""Containers' logs through a real Docker Engine: every line once, whoever is restarted."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from exporter.clock import WallClock
from exporter.errors import SourceError
from exporter.sources.docker import Docker
from exporter.sources.docker.settings import Selection
from tests.support.docker import GO, Dockerd, dockerd
from tests.support.parts import Parts
from tests.support.process import Running, running, start
from tests.support.sinks import KeepingSink
from tests.support.waiting import free_port, wait_for
from tests.support.web import get

ROOT = Path(__file__).parents[1]
HEAD = re.compile(rb"(\S{30}) (stdout|stderr) F ")
# Numbered lines on both streams, a pause behind twenty of each.
COUNTING = """
i=0
while [ $i -lt {lines} ]; do
  echo "out $i"; echo "err $i" >&2; i=$((i + 1))
  [ $((i % 20)) = 0 ] && sleep {pause}
done
"""
ROTATING = ("--log-opt=max-size=20k", "--log-opt=max-file=20")


@pytest.fixture(scope="module")
def engine(parts: Parts) -> Iterator[Dockerd]:
    with dockerd(parts.need("dockerd")) as one:
        yield one


@dataclass
class Reader:
    """A source that is run, stopped and taken up again, and the sink that it feeds."""

    selection: Selection
    start: Any = "beginning"
    sink: KeepingSink = field(default_factory=KeepingSink)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[KeepingSink]:
        """Read until the block is left; nothing is told to the source when it is."""
        source = Docker(self.selection, from_=self.start, poll=1.0)
        task = asyncio.create_task(self._keep(source))
        try:
            yield self.sink
            assert not task.done(), task.result()
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _keep(self, source: Docker) -> None:
        while True:
            try:
                await source.run(self.sink, WallClock())
            except SourceError:  # as the pipeline does, which would wait longer
                await asyncio.sleep(0.2)

    def again(self) -> None:
        """As after kill -9: what was saved is all that is known."""
        self.sink = KeepingSink.load(self.sink.dump())

    def lines(self, service: str, stream: str) -> list[str]:
        """The texts that were counted, in their order."""
        found = []
        for line in self.sink.lines.get(service, ()):
            head = HEAD.match(line)
            assert head, line[:100]
            if head[2].decode() == stream:
                found.append(line[head.end() :].decode())
        return found

    async def until(self, service: str, count: int, within: float = 20.0) -> None:
        """Wait for so many lines of a service, and a little longer."""
        await asyncio.to_thread(
            wait_for,
            lambda: len(self.sink.lines.get(service, ())) >= count,
            f"{count} lines of {service}",
            within=within,
        )
        await asyncio.sleep(0.3)


def reader(engine: Dockerd, project: str, **more: Any) -> Reader:
    return Reader(Selection(project=project, url=engine.url), **more)


def numbered(word: str, count: int) -> list[str]:
    return [f"{word} {number}" for number in range(count)]


async def test_rotation_and_restarts_of_sidewatch_lose_and_repeat_nothing(
    engine: Dockerd,
) -> None:
    """2,000 lines of each stream in some ten rotations; sidewatch starts again all along."""
    one = reader(engine, engine.project())
    script = COUNTING.format(lines=2000, pause=0.03)
    identity = engine.run(one.selection.project or "", "web", script, *ROTATING)
    for _ in range(6):
        async with one.reading():
            await asyncio.sleep(0.5)
        one.again()
    async with one.reading():
        await asyncio.to_thread(engine.wait, identity)
        await one.until("web", 4000)
    assert one.lines("web", "stdout") == numbered("out", 2000)
    assert one.lines("web", "stderr") == numbered("err", 2000)


async def test_a_burst_that_rotates_the_log_many_times_is_read_whole(engine: Dockerd) -> None:
    """60,000 lines at full speed; the daemon keeps them all, in some fifty files."""
    one = reader(engine, engine.project())
    script = "sleep 1; busybox seq 0 59999; sleep 60"
    options = ("--log-opt=max-size=100k", "--log-opt=max-file=100")
    async with one.reading():
        engine.run(one.selection.project or "", "web", script, *options)
        await one.until("web", 60_000)
    assert one.lines("web", "stdout") == [str(number) for number in range(60_000)]


async def test_restarts_of_the_container_and_of_the_daemon_lose_and_repeat_nothing(
    engine: Dockerd,
) -> None:
    one = reader(engine, engine.project())
    script = COUNTING.format(lines=4000, pause=0.05)
    identity = engine.run(one.selection.project or "", "web", script)
    async with one.reading():
        await asyncio.sleep(0.5)
        await asyncio.to_thread(engine, "restart", "-t", "0", identity)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(engine.stop)
        await asyncio.to_thread(engine.start)
        await asyncio.to_thread(engine, "start", identity)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(engine, "restart", "-t", "0", identity)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(engine, "kill", identity)
        held = {stream: held_by(engine, identity, stream) for stream in ("stdout", "stderr")}
        await one.until("web", sum(map(len, held.values())))
    assert len(held["stdout"]) > 200
    for stream, lines in held.items():
        assert one.lines("web", stream) == lines


async def test_the_counters_of_a_sidewatch_that_is_killed_are_those_of_the_log(
    engine: Dockerd, tmp_path: Path
) -> None:
    """kill -9 of sidewatch, restarts of container and daemon, rotations that keep all files."""
    project, port = engine.project(), free_port()
    options = ("--log-opt=max-size=50k", "--log-opt=max-file=200")
    script = COUNTING.format(lines=4000, pause=0.03)
    identity = engine.run(project, "web", script, *options)
    config = tmp_path / "sidewatch.yaml"
    docker = f"{{project: {project}, url: '{engine.url}'}}"
    config.write_text(
        f"state: ./state\napps: [{{name: shop, logs: [{{docker: {docker}, from: beginning}}]}}]\n"
    )

    def watching() -> Running:
        words = [sys.executable, "-m", "tests.support.trap", "run", "--config", str(config)]
        env = {"SIDEWATCH_LISTEN": f"127.0.0.1:{port}"}
        return start(words, tmp_path / "sidewatch.out", cwd=ROOT, env=env)

    def restart_daemon() -> None:
        engine.stop()
        engine.start()
        engine("start", identity)

    def shown(stream: str) -> float:
        return value(get(f"http://127.0.0.1:{port}/metrics").decode(), stream)

    steps: list[Callable[[], object]] = [
        lambda: engine("restart", identity),
        restart_daemon,
        lambda: engine("restart", identity),
        lambda: engine("kill", identity),
    ]
    child = watching()
    try:
        for step in steps:
            wait_for(lambda: shown("stdout") > 0, "the first lines")
            await asyncio.sleep(0.7)
            child.process.kill()
            child.process.wait()
            step()
            child = watching()
        for stream in ("stdout", "stderr"):
            held = len(held_by(engine, identity, stream))
            assert held > 300
            wait_for(lambda s=stream, h=held: shown(s) >= h, f"{held} lines of {stream}")  # type: ignore[misc]
            assert shown(stream) == held
    finally:
        child.process.kill()
        child.process.wait()


def value(text: str, stream: str) -> float:
    """How many lines are shown to have been read of a stream."""
    return sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("watched_log_lines_total{") and f'stream="{stream}"' in line
    )


def held_by(engine: Dockerd, identity: str, stream: str) -> list[str]:
    """The lines of a stream that the daemon has, as Docker's own command prints them."""
    answer = engine._docker("logs", identity)
    return (answer.stdout if stream == "stdout" else answer.stderr).splitlines()


async def test_what_was_written_while_sidewatch_was_away_counts_once(engine: Dockerd) -> None:
    project = engine.project()
    one = reader(engine, project)
    identity = engine.run(project, "web", "echo before; sleep 60")
    async with one.reading():
        await one.until("web", 1)
    one.again()
    engine("exec", identity, "sh", "-c", "echo meanwhile > /proc/1/fd/1")
    engine.run(project, "job", "echo whole; echo -n half")
    async with one.reading():
        await one.until("web", 2)
        await one.until("job", 2)
    assert one.lines("web", "stdout") == ["before", "meanwhile"]
    assert one.lines("job", "stdout") == ["whole", "half"]


async def test_long_lines_are_put_together_and_a_short_lived_container_is_read(
    engine: Dockerd,
) -> None:
    project = engine.project()
    one = reader(engine, project)
    script = "echo a; busybox head -c {size} /dev/zero | busybox tr '\\0' x; echo; echo b >&2"
    async with one.reading():
        engine.run(project, "big", script.format(size=10_000_000))
        engine.run(project, "web", script.format(size=40_000))
        await one.until("web", 3)
        await one.until("big", 3, within=40)
    assert one.lines("web", "stdout") == ["a", "x" * 40_000]
    assert one.lines("web", "stderr") == ["b"]
    assert [len(line) for line in one.lines("big", "stdout")] == [1, (1 << 20) - 100]


async def test_a_terminals_lines_are_one_stream(engine: Dockerd) -> None:
    project = engine.project()
    one = reader(engine, project)
    script = (
        "echo a; echo b >&2; busybox head -c 40000 /dev/zero | busybox tr '\\0' x; echo; echo -n c"
    )
    identity = engine.run(project, "web", script, "--tty")
    engine.wait(identity)
    engine("start", identity)
    async with one.reading():
        await one.until("web", 8)
    assert one.lines("web", "stdout") == 2 * ["a", "b", "x" * 40_000, "c"]


async def test_at_the_first_start_what_is_there_is_passed_over(engine: Dockerd) -> None:
    project = engine.project()
    one = reader(engine, project, start="end")
    identity = engine.run(project, "web", f"echo old; echo -n un; {GO}; echo finished; sleep 60")
    empty = engine.run(project, "empty", f"{GO}; echo first")
    wait_for(lambda: engine("logs", identity) == "old", "what is there")
    async with one.reading():
        await asyncio.to_thread(wait_for, lambda: one.sink.passed_over() == 2, "both ends")
        engine.go(identity, empty)
        await one.until("web", 1)
        engine.run(project, "late", "echo one; echo two")
        await one.until("late", 2)
        await one.until("empty", 1)
        engine("exec", identity, "sh", "-c", "echo new > /proc/1/fd/1")
        await one.until("web", 2)
    assert one.lines("web", "stdout") == ["unfinished", "new"]
    assert one.lines("late", "stdout") == ["one", "two"]


async def test_containers_are_told_apart_by_service_and_label(engine: Dockerd) -> None:
    project = engine.project()
    engine.run(project, "web", "echo web", "--label=team=shop")
    engine.run(project, "db", "echo db")
    engine("run", "-d", "--network=none", f"--label=mine={project}", "--name", f"{project}-lone",
           "shop:1.0", "sh", "-c", "echo lone")  # fmt: skip
    for selection, service, text in (
        (Selection(project=project, service=("web",)), "web", "web"),
        (Selection(project=project, label=("team=shop",)), "web", "web"),
        (Selection(label=(f"mine={project}",)), f"{project}-lone", "lone"),
    ):
        one = Reader(replace(selection, url=engine.url))
        async with one.reading():
            await one.until(service, 1)
        assert {name: one.lines(name, "stdout") for name in one.sink.lines} == {service: [text]}


async def test_a_container_whose_log_cannot_be_read_delays_no_other(engine: Dockerd) -> None:
    project = engine.project()
    one = reader(engine, project)
    engine.run(project, "mute", "echo unheard; sleep 60", "--log-driver=none")
    engine.run(project, "web", "echo web; sleep 60")
    async with one.reading() as sink:
        await one.until("web", 1)
        assert sink.failures["unreadable"] >= 1
        assert sink.looks > 0


async def test_a_removed_container_is_forgotten_and_its_successor_is_read_from_its_beginning(
    engine: Dockerd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.sources.docker.fleet.FORGET", 0.5)
    project = engine.project()
    one = reader(engine, project)
    first = engine.run(project, "web", "echo one; sleep 60")
    async with one.reading() as sink:
        await one.until("web", 1)
        engine("rm", "-f", first)
        engine.run(project, "web", "echo two; sleep 60")
        await one.until("web", 2)
        await asyncio.to_thread(wait_for, lambda: bool(sink.finished), "the first to be forgotten")
        assert len(sink.known) == 2, "the source itself, and the new container"
    assert one.lines("web", "stdout") == ["one", "two"]


# -- through a proxy -----------------------------------------------------------------------------

HAPROXY = """\
global
  maxconn 200
defaults
  mode http
  timeout connect 2s
  timeout client 1s
  timeout server 1s
frontend api
  bind 127.0.0.1:{port}
  http-request deny unless METH_GET
  acl events path_reg ^(/v[0-9.]+)?/events$
  acl containers path_reg ^(/v[0-9.]+)?/containers/(json|[^/]+/(json{logs}))$
  http-request deny unless events or containers
  default_backend docker
backend docker
  server docker unix@{socket}
"""


@asynccontextmanager
async def proxied(
    parts: Parts, engine: Dockerd, folder: Path, logs: str = "|logs"
) -> AsyncIterator[str]:
    """A haproxy that lets list, inspect, events and logs through, and cuts what is quiet."""
    port = free_port()
    (folder / "haproxy.cfg").write_text(HAPROXY.format(port=port, socket=engine.socket, logs=logs))
    command = [str(parts.need("haproxy")), "-db", "-f", str(folder / "haproxy.cfg")]
    with running(command, folder / "haproxy.log", lambda: _listens(port)):
        yield f"tcp://127.0.0.1:{port}"


def _listens(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


async def test_a_proxy_that_cuts_quiet_connections_costs_no_line(
    engine: Dockerd, parts: Parts, tmp_path: Path
) -> None:
    project = engine.project()
    script = "echo 0; sleep 2; echo 1; echo 2; sleep 2; echo 3; sleep 60"
    async with proxied(parts, engine, tmp_path) as url:
        one = Reader(Selection(project=project, url=url))
        engine.run(project, "web", script)
        async with one.reading() as sink:
            await one.until("web", 4)
        assert one.lines("web", "stdout") == ["0", "1", "2", "3"]
        assert sink.failures == {}


async def test_a_proxy_that_denies_logs_is_named(
    engine: Dockerd, parts: Parts, tmp_path: Path
) -> None:
    project = engine.project()
    engine.run(project, "web", "echo 0; sleep 60")
    async with proxied(parts, engine, tmp_path, logs="") as url:
        source = Docker(Selection(project=project, url=url), from_="beginning")
        with pytest.raises(SourceError, match=r"logs: 403.*allow GET of list") as caught:
            await asyncio.wait_for(source.run(KeepingSink(), WallClock()), 10)
    assert caught.value.reason == "denied"
