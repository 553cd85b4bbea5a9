"""Containers of a real Podman by its compatible API, held against what podman itself says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from exporter.sources.containers.facts import moment
from tests.support.asking import Asked, until, watched
from tests.support.parts import Parts
from tests.support.podman import Podman
from tests.support.podman import podman as real_podman

FOR_EVER = "sleep 1000"
EXITS = "watched_container_exits_total"
STATE = "watched_container_state"
HEALTH = "watched_container_health"
RESTARTS = "watched_container_restarts_total"
PATIENCE = 30.0

# The package forgets to close a socket that was refused.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(scope="module")
def podman(parts: Parts) -> Iterator[Podman]:
    """A Podman for these tests; each has a compose project of its own."""
    with real_podman(parts.need("podman")) as one:
        yield one


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again at once, though Podman takes its time to say its version."""
    monkeypatch.setattr("exporter.sources.containers.watch.SHARE", 1.0)


@asynccontextmanager
async def of(
    podman: Podman, project: str, more: str = "", state: dict[str, Any] | None = None
) -> AsyncIterator[Asked]:
    """The project being watched; `more` are services, as lines of YAML in braces."""
    settings = f"url: '{podman.url}', project: {project}, interval: 1s, services: {{{more}}}"
    async with watched(f"containers: {{{settings}}}", state=state) as app:
        await until(lambda: app.value("sidewatch_source_up", "containers") == 1, "an answer")
        yield app


def is_one(app: Asked, metric: str, service: str, state: str) -> bool:
    """Whether this state of a set is the one that holds."""
    return app.value(metric, service, "1", state) == 1


async def test_states_are_those_that_podman_shows(podman: Podman) -> None:
    project = podman.project()
    up = podman.run(project, "server", FOR_EVER)
    podman.run(project, "done", "exit 0")
    podman.run(podman.project(), "server", FOR_EVER)
    async with of(podman, project) as app:
        await until(lambda: is_one(app, STATE, "server", "running"), "the server", PATIENCE)
        await until(lambda: is_one(app, STATE, "done", "exited"), "the other", PATIENCE)
        assert app.series("watched_service_running_replicas") == {("server",): 1, ("done",): 0}
        assert app.series("watched_service_expected_replicas") == {("server",): 1, ("done",): 0}
        assert app.series("watched_container_info")["server", "localhost/shop", "1.0"] == 1
        started = moment(podman.inspect(up)["State"]["StartedAt"])
        assert app.value("watched_container_started_timestamp_seconds", "server") == started
        assert not app.series(HEALTH)
        podman("pause", up)
        await until(lambda: is_one(app, STATE, "server", "paused"), "the pause", PATIENCE)
        podman("unpause", up)
        await until(lambda: is_one(app, STATE, "server", "running"), "its end", PATIENCE)
        assert not app.failures()


async def test_exits_are_told_with_their_code(podman: Podman) -> None:
    project = podman.project()
    async with of(podman, project, "migrate: {oneshot: true}") as app:
        podman.run(project, "clean", "exit 0")
        podman.run(project, "broken", "exit 3")
        podman.run(project, "migrate", "exit 4", "--rm")
        podman("kill", podman.run(project, "killed", FOR_EVER))
        # It tells no signals: that somebody asked for it is not known.
        podman("stop", "-t", "0", podman.run(project, "asked", FOR_EVER))
        expected = {
            ("clean", "0", "clean"): 1,
            ("broken", "3", "error"): 1,
            ("migrate", "4", "error"): 1,
            ("killed", "137", "killed"): 1,
            ("asked", "137", "killed"): 1,
        }
        await until(lambda: app.series(EXITS) == expected, "all of them", PATIENCE)
        for one in podman.events(project, "died"):
            service = one["Attributes"]["com.docker.compose.service"]
            code = one.get("ContainerExitCode", 0)
            assert app.value("watched_container_last_exit_code", service) == code
            (at,) = (
                value
                for labels, value in app.series(
                    "watched_container_last_exit_timestamp_seconds"
                ).items()
                if labels[0] == service
            )
            assert at == pytest.approx(moment(one["Time"]), abs=0.001)


async def test_a_loop_is_counted_as_podman_counts_it(podman: Podman) -> None:
    project = podman.project()
    async with of(podman, project) as app:
        loop = podman.run(project, "worker", "sleep 0.1; exit 2", "--restart=on-failure:3")
        await until(lambda: app.value(RESTARTS, "worker") == 3, "three restarts", PATIENCE)
        await until(lambda: app.series(EXITS) == {("worker", "2", "error"): 4}, "its end", PATIENCE)
        assert podman.inspect(loop)["RestartCount"] == 3
        assert len(podman.events(project, "died")) == 4


async def test_health_is_told_where_there_is_a_healthcheck(podman: Podman) -> None:
    project = podman.project()
    check = ("--health-cmd=test -e /up", "--health-retries=1", "--health-interval=disable")
    async with of(podman, project) as app:
        one = podman.run(project, "server", FOR_EVER, *check)
        await until(lambda: is_one(app, HEALTH, "server", "starting"), "the start", PATIENCE)
        # What a timer of systemd does elsewhere.
        assert podman.ask("healthcheck", "run", one).returncode == 1
        await until(lambda: is_one(app, HEALTH, "server", "unhealthy"), "bad health", PATIENCE)
        podman("exec", one, "touch", "/up")
        podman("healthcheck", "run", one)
        await until(lambda: is_one(app, HEALTH, "server", "healthy"), "good health", PATIENCE)
        assert podman.inspect(one)["State"]["Health"]["Status"] == "healthy"


async def test_what_happens_while_sidewatch_or_the_service_is_away_counts_once(
    podman: Podman,
) -> None:
    project = podman.project()
    one = podman.run(project, "server", FOR_EVER)
    async with of(podman, project) as app:
        await until(lambda: is_one(app, STATE, "server", "running"), "the server", PATIENCE)
        podman.stop()  # the containers run on
        await until(lambda: app.value("sidewatch_source_up", "containers") == 0, "that", PATIENCE)
        podman("kill", one)
        podman.start()
        first = {("server", "137", "killed"): 1}
        await until(lambda: app.series(EXITS) == first, "the end", PATIENCE)
        state = app.shard.dump()
    podman.run(project, "passing", "exit 5", "--rm")
    both = {**first, ("passing", "5", "error"): 1}
    for _ in range(2):
        async with of(podman, project, state=state) as app:
            await until(lambda: app.series(EXITS) == both, "both ends", PATIENCE)
            state = app.shard.dump()
