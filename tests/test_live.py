"""Faults of running applications, through real programs, to messages that come in time.

Nothing is simulated but the applications: one sidewatch watches them, a real Prometheus evaluates
the shipped rules, a real Alertmanager routes and inhibits as shipped, a receiver notes when it was
told. All faults are there at the same time, so each must also leave the others alone.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import live_faults as befalls
from tests.support import pg
from tests.support.authority import Authority
from tests.support.docker import Dockerd
from tests.support.live import GRACE, MINUTE, Course, Pace, Stack, lateness, play, stack
from tests.support.live_faults import Machine
from tests.support.parts import Parts
from tests.support.pg import Server

QUICK = 1 / 40


@pytest.fixture
def own() -> Iterator[Server]:
    """A server that a test may stop."""
    with pg.server() as server:
        yield server


@pytest.fixture
def engine(docker: Dockerd) -> Iterator[Dockerd]:
    """A daemon that is left without containers."""
    yield docker
    docker.clear()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Callable[[float], Machine]]:
    """Where the applications are, at a share of their times."""
    with ExitStack() as opened:
        yield lambda share: Machine(tmp_path, Pace(share), opened)


def told_in_time(one: Stack, courses: Sequence[Course], allowed: float) -> None:
    """Each was told of once its time had come, its effects were held back, and it resolved."""
    for course in courses:
        fault = course.fault
        if not fault.alert:
            continue
        assert course.told, f"nobody was told of {fault.app}"
        assert -one.pace.of(MINUTE) - 5 < lateness(one, course) < allowed, fault.app
        assert course.held >= fault.held, fault.app
        assert course.over, f"{fault.app} was mended and is not over"


@pytest.mark.real
def test_three_faults_are_told_in_time_and_what_follows_from_them_is_not(
    machine: Callable[[float], Machine],
    own: Server,
    parts: Parts,
    sidewatch: Path,
    tmp_path: Path,
) -> None:
    here = machine(QUICK)
    faults = befalls.quick(here, own)
    with stack(parts, sidewatch, tmp_path, here.pace, faults) as one:
        courses = play(one, faults, calm=here.pace.of(MINUTE))
        told_in_time(one, courses, here.pace.of(MINUTE) + GRACE)


@pytest.mark.real
@pytest.mark.long
def test_each_page_comes_within_a_minute_of_its_time_and_a_deploy_makes_none(
    machine: Callable[[float], Machine],
    own: Server,
    postgres: Server,
    engine: Dockerd,
    parts: Parts,
    sidewatch: Path,
    tmp_path: Path,
) -> None:
    here = machine(1.0)
    (tmp_path / "authority").mkdir()
    authority = Authority(tmp_path / "authority", "ours")
    faults = [
        *befalls.quick(here, own),
        befalls.locked(here, postgres),
        befalls.stuck(here, postgres),
        befalls.worker_killed(here, engine),
        befalls.oneshot(here, engine),
        befalls.deploy(here, engine),
        befalls.certificate(here, authority),
        befalls.backup(here),
    ]
    with stack(parts, sidewatch, tmp_path, here.pace, faults) as one:
        courses = play(one, faults, calm=MINUTE)
        for course in (each for each in courses if each.told):
            print(f"{course.fault.app}: {lateness(one, course):.0f} s late")  # noqa: T201  a figure
        told_in_time(one, courses, MINUTE)
    shutil.rmtree(tmp_path / "data")
