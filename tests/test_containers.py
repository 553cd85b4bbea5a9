"""Containers of a real Docker Engine, held against what docker itself says of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from exporter.sources.containers.facts import moment
from tests.support.asking import Asked, until, watched
from tests.support.docker import FIRST, SECOND, Dockerd

FOR_EVER = "sleep 1000"
# Ends by itself when it is asked to; a shell that is process 1 does not, without a trap.
OBEYS = "trap 'exit 0' TERM; while :; do sleep 0.05; done"
EXITS = "watched_container_exits_total"
READ = "watched_container_exit_read_timestamp_seconds"
STATE = "watched_container_state"
HEALTH = "watched_container_health"
RESTARTS = "watched_container_restarts_total"


@asynccontextmanager
async def of(docker: Dockerd, project: str, more: str = "") -> AsyncIterator[Asked]:
    """The project being watched; `more` are services, as lines of YAML in braces."""
    services = f", services: {{{more}}}" if more else ""
    settings = f"{{url: '{docker.url}', project: {project}, interval: 1s{services}}}"
    async with watched(f"containers: {settings}") as app:
        begun = "sidewatch_source_interval_seconds"
        await until(lambda: app.value(begun, "containers") is not None, "the source to begin")
        yield app


def exits(app: Asked) -> dict[tuple[str, ...], float]:
    """How often which exits were counted: (service, code, reason)."""
    return app.series(EXITS)


def ones(app: Asked, metric: str, service: str) -> list[tuple[str, ...]]:
    """The labels behind the service of the series of a set that are 1."""
    found = app.series(metric)
    return [labels[1:] for labels, value in found.items() if labels[0] == service and value]


async def test_states_are_those_that_inspect_shows(docker: Dockerd) -> None:
    project = docker.project()
    up = docker.run(project, "server", FOR_EVER)
    docker.run(project, "worker", FOR_EVER, number=1)
    docker.run(project, "worker", FOR_EVER, number=2)
    docker.make(project, "later", FOR_EVER)
    other = docker.project()
    docker.run(other, "server", FOR_EVER, number=3)
    async with of(docker, project, "worker: {replicas: 3}, never: {drains: true}") as app:
        await until(lambda: len(ones(app, STATE, "worker")) == 2, "the workers")
        assert ones(app, STATE, "server") == [("1", "running")]
        assert ones(app, STATE, "later") == [("1", "created")]
        # One-hot: every state is there, all but one at 0.
        assert sum(labels[0] == "server" for labels in app.series(STATE)) == 7
        assert not app.series(HEALTH)
        # What was never seen to run is not expected, and what runs always has what is expected.
        assert app.series("watched_service_running_replicas") == {
            ("server",): 1,
            ("worker",): 2,
            ("later",): 0,
            ("never",): 0,
        }
        assert app.series("watched_service_expected_replicas") == {
            ("server",): 1,
            ("worker",): 3,
            ("later",): 0,
            ("never",): 0,
        }
        assert app.series("watched_service_trait") == {("never", "drains"): 1}
        assert app.series("watched_container_info")["server", "shop", "1.0"] == 1
        started = moment(docker.inspect(up)["State"]["StartedAt"])
        assert app.value("watched_container_started_timestamp_seconds", "server") == started
        docker("pause", up)
        await until(lambda: ones(app, STATE, "server") == [("1", "paused")], "the pause")
        assert app.value("watched_service_running_replicas", "server") == 0
        docker("unpause", up)
        await until(lambda: ones(app, STATE, "server") == [("1", "running")], "its end")


async def test_exits_are_told_with_code_and_reason(docker: Dockerd) -> None:
    project = docker.project()
    async with of(docker, project) as app:
        docker.run(project, "clean", "exit 0")
        docker.run(project, "broken", "exit 1")
        stopped = docker.run(project, "stopped", OBEYS)
        slow = docker.run(project, "slow", FOR_EVER)
        killed = docker.run(project, "killed", FOR_EVER)
        docker.run(project, "itself", "sh -c 'kill -9 $PPID'; sleep 9", "--init")
        docker("stop", "-t", "5", stopped)
        docker("stop", "-t", "0", slow)
        docker("kill", killed)
        await until(lambda: len(exits(app)) == 6, "six exits")
        assert exits(app) == {
            ("clean", "0", "clean"): 1,
            ("broken", "1", "error"): 1,
            ("stopped", "0", "stopped"): 1,
            ("slow", "137", "grace"): 1,
            ("killed", "137", "killed"): 1,
            ("itself", "137", "killed"): 1,
        }
        told = docker.events(project, "die")
        codes = {one["Actor"]["Attributes"]["com.docker.compose.service"]: one for one in told}
        for service, code, reason in exits(app):
            assert codes[service]["Actor"]["Attributes"]["exitCode"] == code
            at = app.value("watched_container_last_exit_timestamp_seconds", service, code, reason)
            assert at == pytest.approx(codes[service]["timeNano"] / 1e9)
            assert app.value("watched_container_last_exit_code", service) == int(code)
            assert app.value(READ, service, code, reason) is not None
        assert docker.inspect(slow)["State"]["ExitCode"] == 137


async def test_an_exit_for_want_of_memory_is_told_apart(docker: Dockerd) -> None:
    docker.limits_memory()
    project = docker.project()
    async with of(docker, project) as app:
        # The daemon begins to watch its memory a moment after it has started it.
        script = "sleep 0.5; x=a; while :; do x=$x$x; done"
        one = docker.run(project, "greedy", script, "--memory=6m")
        await until(lambda: exits(app) == {("greedy", "137", "oom"): 1}, "the exit")
    assert docker.inspect(one)["State"]["OOMKilled"]
    assert len(docker.events(project, "oom")) == 1


async def test_a_crash_loop_is_counted_as_the_daemon_counts_it(docker: Dockerd) -> None:
    project = docker.project()
    async with of(docker, project) as app:
        loop = docker.run(project, "worker", "sleep 0.1; exit 2", "--restart=always")
        await until(lambda: (app.value(RESTARTS, "worker") or 0) >= 3, "three restarts")
        docker("stop", "-t", "0", loop)
        ended = len(docker.events(project, "die"))
        count = docker.inspect(loop)["RestartCount"]
        await until(lambda: sum(exits(app).values()) == ended, "the last exit")
        await until(lambda: app.value(RESTARTS, "worker") == count, "the last restart")
        await until(lambda: ones(app, STATE, "worker") == [("1", "exited")], "its end")
        # Started by hand it counts from 0 again; what was counted stays.
        docker("start", loop)
        await until(lambda: (app.value(RESTARTS, "worker") or 0) > count, "one restart more")
        docker("rm", "-f", loop)


async def test_a_start_that_somebody_asked_for_is_no_restart(docker: Dockerd) -> None:
    project = docker.project()
    async with of(docker, project) as app:
        one = docker.run(project, "server", OBEYS, "--restart=always")
        docker("restart", one)
        await until(lambda: exits(app) == {("server", "0", "stopped"): 1}, "the exit")
        await until(lambda: ones(app, STATE, "server") == [("1", "running")], "the start")
        assert app.value(RESTARTS, "server") == 0
        assert docker.inspect(one)["RestartCount"] == 0


async def test_health_is_told_where_there_is_a_healthcheck(docker: Dockerd) -> None:
    project = docker.project()
    check = ("--health-interval=0.2s", "--health-retries=1", "--health-cmd=test -e /up")
    async with of(docker, project) as app:
        one = docker.run(project, "server", FOR_EVER, *check)
        slow = ("--health-interval=100s", "--health-cmd=true")
        docker.run(project, "slow", FOR_EVER, *slow)
        await until(lambda: ones(app, HEALTH, "server") == [("1", "unhealthy")], "bad health")
        assert ones(app, HEALTH, "slow") == [("1", "starting")]
        docker("exec", one, "touch", "/up")
        await until(lambda: ones(app, HEALTH, "server") == [("1", "healthy")], "good health")
        assert docker.inspect(one)["State"]["Health"]["Status"] == "healthy"
        docker("kill", one)
        await until(lambda: ones(app, STATE, "server") == [("1", "exited")], "its end")
        assert not ones(app, HEALTH, "server")


async def test_a_one_shot_is_known_by_its_end_alone(docker: Dockerd) -> None:
    project = docker.project()
    async with of(docker, project, "migrate: {oneshot: true}") as app:
        # As `docker compose run --rm` does it: it is gone as soon as it has ended.
        docker.run(project, "migrate", "exit 4", "--rm", oneoff=True)
        await until(lambda: exits(app) == {("migrate", "4", "error"): 1}, "the failure")
        assert app.value("watched_container_last_exit_code", "migrate") == 4
        assert app.value("watched_service_trait", "migrate", "oneshot") == 1
        assert app.value("watched_service_running_replicas", "migrate") == 0
        assert app.value("watched_service_expected_replicas", "migrate") == 0
        docker.run(project, "migrate", "exit 0", "--rm", oneoff=True)
        await until(lambda: app.value("watched_container_last_exit_code", "migrate") == 0, "good")
        told = [one["Actor"]["Attributes"]["exitCode"] for one in docker.events(project, "die")]
        assert told == ["4", "0"]
        # A shell beside a service is not the service.
        docker.run(project, "server", "exit 9", "--rm", oneoff=True)
        docker.run(project, "server", "exit 8")
        await until(lambda: ("server", "8", "error") in exits(app), "the exit of the service")
        assert ("server", "9", "error") not in exits(app)


async def test_a_new_image_takes_the_place_of_the_old(docker: Dockerd) -> None:
    project = docker.project()
    old = docker.run(project, "server", OBEYS)
    async with of(docker, project) as app:
        await until(lambda: ones(app, STATE, "server") == [("1", "running")], "the old one")
        assert not app.series("watched_quiet_window")
        docker("restart", old)
        docker("stop", old)
        docker("rm", old)
        new = docker.run(project, "server", OBEYS, image=SECOND)
        assert docker.inspect(new)["Config"]["Image"] == "shop:2.0"
        await until(
            lambda: app.series("watched_container_info") == {("server", "shop", "2.0"): 1},
            "the new version",
        )
        assert exits(app) == {("server", "0", "stopped"): 2}
        # Its window has begun, and ends a while after the new one has come up.
        assert app.series("watched_quiet_window") == {("server",): 1}
        assert not app.series("watched_draining")
        await until(lambda: ones(app, STATE, "server") == [("1", "running")], "the new one")
        await until(lambda: not app.shard.drains.deploys["server"].draining(), "the deploy's end")


async def test_no_restart_and_no_twin_opens_a_quiet_window(docker: Dockerd) -> None:
    project = docker.project()
    old = docker.run(project, "server", OBEYS)
    async with of(docker, project) as app:
        await until(lambda: ones(app, STATE, "server") == [("1", "running")], "the container")
        docker("restart", old)
        docker("rm", "-f", old)
        docker.run(project, "server", OBEYS)
        docker.run(project, "server", OBEYS, number=2)
        await until(lambda: len(ones(app, STATE, "server")) == 2, "its twins")
        assert not app.series("watched_quiet_window")


async def test_containers_that_vanish_while_they_are_read_are_no_failure(docker: Dockerd) -> None:
    project = docker.project()
    docker.run(project, "server", FOR_EVER)
    async with of(docker, project) as app:
        for _ in range(12):
            docker.run(project, "passing", "exit 0", "--rm")
        await until(lambda: exits(app).get(("passing", "0", "clean")) == 12, "twelve exits")
        assert len(docker.events(project, "die")) == 12
        assert not app.failures()
        assert ones(app, STATE, "server") == [("1", "running")]
        await until(lambda: not ones(app, STATE, "passing"), "the last one to be gone")


async def test_containers_outside_compose_are_found_by_name(docker: Dockerd) -> None:
    project = docker.project()
    run = ("run", "-d", "--network=none")
    docker(*run, "--name", "tunnel", FIRST, "sleep", "1000")
    docker(*run, "--name", "blog-3f9ac2d1", "--restart=always", FIRST, "sh", "-c", "sleep 0.1")
    docker(*run, "--name", "blog-77ac2d10", FIRST, "sleep", "1000")
    settings = f"url: '{docker.url}', project: {project}, interval: 1s, container: ['blog-*']"
    services = "services: {way-out: {container: [tunnel*], drains: true}}"
    async with watched(f"containers: {{{settings}, {services}}}") as app:
        await until(lambda: (app.value(RESTARTS, "blog") or 0) >= 2, "the loop")
        assert ones(app, STATE, "way-out") == [("1", "running")]
        assert app.value("watched_service_expected_replicas", "way-out") == 1
        # Whoever starts them says how many there are; so do not we.
        assert app.value("watched_service_expected_replicas", "blog") == 0
        assert {labels[1] for labels in app.series(STATE) if labels[0] == "blog"} == {"1", "2"}
    for name in ("tunnel", "blog-3f9ac2d1", "blog-77ac2d10"):
        docker("rm", "-f", name)
