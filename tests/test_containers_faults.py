"""A daemon that stops, falls, hangs or refuses, and sidewatch that was away: told, and survived."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from exporter.clock import WallClock
from exporter.sources.containers.settings import Containers
from exporter.sources.containers.telling import Telling
from exporter.sources.containers.watch import Watch
from tests.support.asking import Asked, until, watched
from tests.support.certificates import authority
from tests.support.docker import Dockerd, dockerd
from tests.support.parts import Parts
from tests.support.process import running
from tests.support.waiting import free_port

DOCUMENTED = Path(__file__).parents[1] / "docs/containers.md"
FOR_EVER = "sleep 1000"
EXITS = "watched_container_exits_total"
RUNNING = "watched_service_running_replicas"
UP = "sidewatch_source_up"

# The package forgets to close a socket that was refused.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(scope="module")
def own(parts: Parts) -> Iterator[Dockerd]:
    """A daemon that a test may stop."""
    parts.need("docker")
    with dockerd(parts.need("dockerd")) as daemon:
        yield daemon


def settings(docker: Dockerd, project: str, url: str | None = None) -> str:
    return f"containers: {{url: '{url or docker.url}', project: {project}, interval: 1s}}"


async def sees(app: Asked, service: str, running: int) -> None:
    await until(lambda: app.value(RUNNING, service) == running, f"{running} of {service}")


async def test_exits_while_sidewatch_was_away_are_counted_once(own: Dockerd) -> None:
    project = own.project()
    one = own.run(project, "server", FOR_EVER)
    assert own.wait(own.run(project, "before", "exit 5")) == 5
    async with watched(settings(own, project)) as app:
        await sees(app, "server", 1)
        # What ended before the very first start is history: shown, not counted.
        assert app.value("watched_container_last_exit_code", "before") == 5
        assert not app.series(EXITS)
        own("kill", one)
        await until(lambda: bool(app.series(EXITS)), "an exit")
        state = app.shard.dump()
    own("start", one)
    own("stop", "-t", "0", one)
    own.run(project, "migrate", "exit 3", "--rm")
    for again in range(2):
        async with watched(settings(own, project), state=state) as app:
            await sees(app, "server", 0)
            await until(lambda: len(app.series(EXITS)) == 3, "what has happened meanwhile")
            assert app.series(EXITS) == {
                ("server", "137", "killed"): 1,
                ("server", "137", "grace"): 1,
                ("migrate", "3", "error"): 1,
            }, again
            # Of a container that is no more.
            assert app.value("watched_container_last_exit_code", "migrate") == 3
            assert app.value("watched_service_expected_replicas", "server") == 1
            state = app.shard.dump()


async def test_exits_of_which_no_event_is_left_are_known_by_inspect(own: Dockerd) -> None:
    project = own.project()
    one = own.run(project, "server", "while ! test -e /end; do sleep 0.05; done; exit 6")
    async with watched(settings(own, project)) as app:
        await sees(app, "server", 1)
        state = app.shard.dump()
    own("exec", one, "touch", "/end")
    assert own.wait(one) == 6
    own.stop()  # with it go the events that it kept
    own.start()
    for _ in range(2):
        async with watched(settings(own, project), state=state) as app:
            await until(lambda: bool(app.series(EXITS)), "the exit")
            assert app.series(EXITS) == {("server", "6", "error"): 1}
            state = app.shard.dump()


async def test_a_daemon_that_is_stopped_and_started(own: Dockerd) -> None:
    project = own.project()
    own.run(project, "server", FOR_EVER, "--restart=always")
    async with watched(settings(own, project)) as app:
        await sees(app, "server", 1)
        own.stop()
        await until(lambda: app.value(UP, "containers") == 0, "the failure")
        # What cannot be seen is unknown after three intervals, and no zero.
        await until(lambda: app.value(RUNNING, "server") is None, "the state to be dropped")
        assert "refused" in app.failures()
        own.start()
        await sees(app, "server", 1)
        await until(lambda: app.value(UP, "containers") == 1, "everything to be well")
        assert app.value("watched_container_restarts_total", "server") == 0
        own.run(project, "broken", "exit 3")
        await until(lambda: ("broken", "3", "error") in app.series(EXITS), "an event to come")


async def test_a_daemon_that_hangs(own: Dockerd) -> None:
    project = own.project()
    own.run(project, "server", FOR_EVER)
    async with watched(settings(own, project)) as app:
        await sees(app, "server", 1)
        loop = asyncio.get_running_loop()
        own.pause()
        try:
            began, longest, last = loop.time(), 0.0, loop.time()
            while app.value(UP, "containers") != 0:
                await asyncio.sleep(0.02)
                longest, last = max(longest, loop.time() - last), loop.time()
                assert loop.time() - began < 15
            assert longest < 0.5  # nothing else was delayed
            assert set(app.failures()) == {"timeout"}
            await until(lambda: app.value(RUNNING, "server") is None, "the state to be dropped")
        finally:
            own.resume()
        await sees(app, "server", 1)
        own.run(project, "broken", "exit 3")
        await until(lambda: ("broken", "3", "error") in app.series(EXITS), "an event to come")


async def test_a_source_is_cancelled_at_the_moment_of_an_event(own: Dockerd) -> None:
    project = own.project()
    own.run(project, "server", FOR_EVER)
    given = Containers(project, url=own.url, interval=60.0)
    async with watched(settings(own, project)) as app:  # for its board
        watch = Watch(given, Telling(given, app.shard, WallClock()))
        task = asyncio.create_task(watch.run())
        await until(watch._answers.is_set, "the first look")
        await asyncio.sleep(2.0)  # it rests now
        watch._wake.set()
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=5)
        assert done


# -- a proxy ---------------------------------------------------------------------------------------


@pytest.fixture
def haproxy(
    own: Dockerd, parts: Parts, tmp_path: Path
) -> Callable[..., AbstractContextManager[str]]:
    """A real haproxy before the daemon, with the rights that the documentation names; its URL.

    `without` are words that are taken out of the paths that it lets through; `secured` is how it
    listens.
    """
    binary = parts.need("haproxy")
    found = re.search(r"^defaults$.*?(?=^```)", DOCUMENTED.read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None

    @contextmanager
    def start(*without: str, secured: str = "") -> Iterator[str]:
        port, text = free_port(), found[0]
        for word in without:
            assert f"|{word}" in text
            text = text.replace(f"|{word}", "")
        text = text.replace("bind :2375", f"bind 127.0.0.1:{port} {secured}")
        (tmp_path / "haproxy").write_text(text.replace("/var/run/docker.sock", str(own.socket)))
        listens = partial(_listens, port)
        with running([binary, "-f", tmp_path / "haproxy"], tmp_path / "log", listens):
            yield f"tcp://127.0.0.1:{port}"

    return start


def _listens(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port)):
        return True


def _status(url: str) -> int:
    with pytest.raises(HTTPError) as refused:
        urlopen(url)
    return refused.value.code


async def test_a_proxy_needs_to_let_no_more_through_than_is_documented(
    own: Dockerd, haproxy: Callable[..., AbstractContextManager[str]]
) -> None:
    project = own.project()
    with haproxy() as url:
        async with watched(settings(own, project, url)) as app:
            own.run(project, "server", FOR_EVER)
            await sees(app, "server", 1)
            own.run(project, "broken", "exit 3", "--rm")
            await until(lambda: app.series(EXITS) == {("broken", "3", "error"): 1}, "the exit")
            assert not app.failures()
        for path in ("images/json", "info", "containers/x/archive?path=/", "containers/x/export"):
            assert _status(f"{url.replace('tcp', 'http')}/v1.41/{path}") == 403


async def test_a_proxy_that_refuses_events_leaves_the_states(
    own: Dockerd, haproxy: Callable[..., AbstractContextManager[str]]
) -> None:
    project = own.project()
    one = own.run(project, "server", FOR_EVER)
    with haproxy("events") as url:
        async with watched(settings(own, project, url)) as app:
            await sees(app, "server", 1)
            await until(lambda: "forbidden" in app.failures(), "the refusal")
            assert app.value(UP, "containers") == 0
            own("kill", one)  # how it ended, inspect knows as long as it lies there
            await until(lambda: app.series(EXITS) == {("server", "137", "killed"): 1}, "the exit")


async def test_a_proxy_that_refuses_inspections(
    own: Dockerd, haproxy: Callable[..., AbstractContextManager[str]]
) -> None:
    project = own.project()
    own.run(project, "server", FOR_EVER)
    with haproxy("containers/[a-zA-Z0-9_.-]+/json") as url:
        async with watched(settings(own, project, url)) as app:
            await until(lambda: app.failures().keys() == {"forbidden"}, "the refusal")
            assert app.value(UP, "containers") == 0
            assert not app.series(RUNNING)


async def test_a_daemon_behind_tls_wants_our_certificate_and_we_its(
    own: Dockerd, haproxy: Callable[..., AbstractContextManager[str]], parts: Parts, tmp_path: Path
) -> None:
    project = own.project()
    own.run(project, "server", FOR_EVER)
    ours = authority(parts.need("openssl"), tmp_path, "authority")
    server, client = ours.sign("server", host="localhost"), ours.sign("client")
    (tmp_path / "pem").write_bytes(server.certificate.read_bytes() + server.key.read_bytes())
    wanted = f"ssl crt {tmp_path}/pem ca-file {ours.own.certificate} verify required"
    with haproxy(secured=wanted) as url:
        where = settings(own, project, url.replace("127.0.0.1", "localhost")).removesuffix("}")
        ca, pair = ours.own.certificate, f"cert: {client.certificate}, key: {client.key}"
        async with watched(f"{where}, tls: {{ca: {ca}, {pair}}}}}") as app:
            await sees(app, "server", 1)
        for tls in (f"{{ca: {ca}}}", f"{{{pair}}}", f"{{ca: {tmp_path}/none}}"):
            async with watched(f"{where}, tls: {tls}}}") as app:
                await until(lambda: "tls" in app.failures(), f"the failure with {tls}")


async def test_what_is_no_daemon_is_a_failure_with_a_reason(tmp_path: Path) -> None:
    nothing = "containers: {project: shop, interval: 1s, url: "
    async with watched(f"{nothing}'unix://{tmp_path}/none'}}") as app:
        await until(lambda: "refused" in app.failures(), "the failure")
    async with watched(f"{nothing}'tcp://no.such.host.invalid:2375'}}") as app:
        await until(lambda: "dns" in app.failures(), "the failure")
