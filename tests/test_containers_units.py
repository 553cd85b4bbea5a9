"""Facts, selection and the lives of containers without a daemon; every answer is told by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from exporter.app.assembly import assemble
from exporter.clock import SetClock
from exporter.config import parse
from exporter.sources.containers.deploys import Deploys
from exporter.sources.containers.facts import Happened, Seen, moment, named, number_of, seen
from exporter.sources.containers.lives import End, Lives
from exporter.sources.containers.settings import NUMBER, Containers, Place, Service, stem

T = 1_700_000_000
COMPOSE = "com.docker.compose."
SERVER = Place("server", "1")


def labels(project: str, service: str, *, one_off: bool = False) -> dict[str, str]:
    return {
        f"{COMPOSE}project": project,
        f"{COMPOSE}service": service,
        f"{COMPOSE}container-number": "1",
        f"{COMPOSE}oneoff": str(one_off),
    }


@pytest.mark.parametrize(
    ("settings", "name", "written", "networks", "place"),
    [
        (Containers("shop"), "x", labels("shop", "web"), (), Place("web", "1")),
        (Containers("shop"), "x", labels("other", "web"), (), None),
        (Containers("shop", service=("api",)), "x", labels("shop", "web"), (), None),
        (Containers("shop", label=("a=1",)), "x", labels("shop", "web"), (), None),
        (Containers("shop", label=("a",)), "x", labels("shop", "web") | {"a": ""}, (), "web"),
        (Containers(label=("a=1",)), "x", {"a": "1", "sidewatch.service": "web"}, (), "web"),
        (Containers(label=("a=1",)), "x", {"a": "1"}, (), None),
        (Containers("shop"), "x", labels("shop", "x" * 129), (), None),
        # A number is a label of metrics, too.
        (Containers("shop"), "x", labels("shop", "web") | {NUMBER: "a" * 99}, (), Place("web")),
        (Containers("shop"), "x", labels("shop", "web", one_off=True), (), None),
        (
            Containers("shop", services={"web": Service(oneshot=True)}),
            "x",
            labels("shop", "web", one_off=True),
            (),
            Place("web", "1", one_off=True),
        ),
        (Containers(services={"db": Service(container=("db-*",))}), "db-1", {}, (), "db"),
        (Containers(services={"db": Service(label=("a",), network="n")}), "x", {"a": ""}, (), None),
        (
            Containers(services={"db": Service(label=("a",), network="n")}),
            "x",
            {"a": ""},
            ("n",),
            "db",
        ),
        (Containers(network="apps"), "blog-3f9ac2d1", {}, ("apps",), Place("blog", loose=True)),
        (Containers(container=("paas-*",)), "paas-db-77", {}, (), Place("paas-db", loose=True)),
        # What another project of compose has on that network is not meant.
        (Containers("shop", network="apps"), "x", labels("other", "web"), ("apps",), None),
    ],
)
def test_a_container_is_found_by_what_it_carries(
    settings: Containers,
    name: str,
    written: Mapping[str, str],
    networks: tuple[str, ...],
    place: Place | str | None,
) -> None:
    found = settings.place(name, written, networks)
    assert (found and found.service if isinstance(place, str) else found) == place


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("blog", "blog"),
        ("blog-1", "blog"),
        ("paas-db-9f86d081884c", "paas-db"),
        ("paas-db-f47ac10b-58cc-4372-a567-0e02b2c3d479", "paas-db"),
        ("my.site_2", "my.site"),
        ("facade", "facade"),  # a word, though all of its letters are hexadecimal
        ("app-facade", "app-facade"),
        ("postgres15", "postgres15"),
        ("9f86d081884c", "container"),  # never an id
        ("01hf3k9x7y8z2w4v6t5s3r1q0p", "container"),
    ],
)
def test_a_name_loses_what_is_random_in_it(name: str, expected: str) -> None:
    assert stem(name) == expected


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("shop:1.2", ("shop", "1.2")),
        ("shop", ("shop", "")),
        ("db:5000/shop", ("db:5000/shop", "")),
        ("db:5000/a/shop:1@sha256:0123456789abcdef", ("db:5000/a/shop", "1")),
        ("a/shop@sha256:0123456789abcdef", ("a/shop", "0123456789ab")),
        ("sha256:0123456789abcdef", ("", "0123456789ab")),
    ],
)
def test_an_image_has_a_name_and_a_version(image: str, expected: tuple[str, str]) -> None:
    assert named(image) == expected


def test_times_are_read_as_go_writes_them() -> None:
    assert moment("2023-11-14T22:13:20.123456789Z") == pytest.approx(T + 0.123456)
    assert moment("2023-11-14T23:13:20+01:00") == T
    assert moment("0001-01-01T00:00:00Z") is None
    assert moment("soon") is None


def test_signals_are_read_as_any_daemon_writes_them() -> None:
    assert [number_of(text) for text in ("15", "SIGTERM", "term", "SIGRTMIN+3", "", "NONE")] == [
        15,
        15,
        15,
        37,
        0,
        0,
    ]


def inspected(**state: object) -> dict[str, object]:
    return {
        "Id": "a1",
        "Name": "/shop-web-1",
        "Created": "2023-11-14T22:13:20Z",
        "Image": "sha256:1",
        "State": {"Status": "running", **state},
        "Config": {"Image": "shop:1", "Labels": labels("shop", "web")},
    }


def test_inspect_may_leave_out_almost_everything() -> None:
    one = seen(Containers("shop"), inspected())
    assert one is not None
    assert (one.state, one.health, one.restarts, one.stop_signal) == ("running", None, 0, 15)
    odd = seen(Containers("shop"), inspected(Status="stopping", Health={"Status": ""}))
    assert odd is not None  # Podman's words
    assert (odd.state, odd.health) == ("running", None)


# -- lives -----------------------------------------------------------------------------------------


def event(at: float, action: str, identity: str = "a1", /, **more: int) -> Happened:
    return Happened(int((T + at) * 1e9), action, identity, SERVER, **more)


def told(lives: Lives, *events: Happened) -> list[tuple[int, str]]:
    ends = [lives.take(each, "server", T) for each in events]
    ends += list(lives.settled(T + 60))
    return [(end.code, end.reason) for end in ends if end]


KILL, TERM = {"signal": 9}, {"signal": 15}


@pytest.mark.parametrize(
    ("events", "code", "reason"),
    [
        ([], 0, "clean"),
        ([], 1, "error"),
        ([], 143, "error"),
        ([("kill", TERM)], 0, "stopped"),
        ([("kill", TERM)], 143, "stopped"),
        ([("kill", TERM), ("kill", KILL)], 137, "grace"),
        ([("kill", KILL)], 137, "killed"),
        ([], 137, "killed"),  # by somebody on the host
        ([("oom", {})], 137, "oom"),
        ([("oom", {})], 1, "error"),  # one of its children, and it went on
        ([("kill", TERM), ("oom", {})], 137, "oom"),
        ([("kill", {"signal": 1})], 1, "error"),  # to read its configuration again
        ([("kill", TERM), ("start", {})], 1, "error"),  # that was before
    ],
)
def test_why_a_container_ended(
    events: list[tuple[str, dict[str, int]]], code: int, reason: str
) -> None:
    before = [event(n, action, **more) for n, (action, more) in enumerate(events)]
    assert told(Lives(T, 0), *before, event(9, "die", exit_code=code)) == [(code, reason)]


def test_that_memory_was_short_may_be_told_after_the_end() -> None:
    lives = Lives(T, 0)
    assert told(lives, event(1, "die", exit_code=137), event(1.1, "oom")) == [(137, "oom")]


def test_an_end_that_waits_for_its_explanation_survives_a_restart() -> None:
    lives = Lives(T, 0)
    assert lives.take(event(1, "die", exit_code=137), "server", T) is None
    again = Lives.recall(lives.notes(), T + 5)
    assert list(again.settled(T + 5)) == [End("a1", "server", 137, "killed", T + 1)]
    assert again.position == lives.position


def container(**more: object) -> Seen:
    given: dict[str, object] = {
        "id": "a1",
        "place": SERVER,
        "state": "running",
        "health": None,
        "created": float(T),
        "started": float(T),
        "finished": None,
        "exit_code": 0,
        "oom_killed": False,
        "restarts": 0,
        "image": "shop",
        "version": "1",
        "stop_signal": 3,
        "made_of": 1,
        **more,
    }
    return Seen(**given)  # type: ignore[arg-type]


def test_an_image_may_have_a_stop_signal_of_its_own() -> None:
    lives = Lives(T, 0)
    assert not list(lives.look([container()], T, listening=True))
    assert told(lives, event(1, "kill", signal=3), event(2, "die", exit_code=0)) == [(0, "stopped")]


def test_an_end_is_counted_by_inspect_only_where_no_event_comes() -> None:
    gone = container(state="exited", finished=T + 5.0, exit_code=2)
    lives = Lives(T, 0)
    assert not list(lives.look([gone], T + 5, listening=True))
    assert not list(lives.look([gone], T + 6, listening=True))  # its event may be on the way
    (end,) = lives.look([gone], T + 9, listening=True)
    assert (end.code, end.reason, end.at) == (2, "error", T + 5)
    assert not list(lives.look([gone], T + 30, listening=True))
    assert told(lives, event(5.1, "die", exit_code=2)) == []  # it comes after all
    again = Lives.recall(lives.notes(), T + 60)
    assert not list(again.look([gone], T + 60, listening=False))
    assert not list(again.look([gone], T + 90, listening=False))


def test_an_end_that_inspect_told_leaves_the_events_of_others_to_come() -> None:
    """Of one that was started again inspect knows nothing, so its events must be asked for."""
    gone = container(state="exited", finished=T + 5.0, exit_code=2)
    lives, back = Lives(T, 0), container(id="b2")
    assert not list(lives.look([gone, back], T + 8, listening=False))
    (end,) = lives.look([gone, back], T + 9, listening=False)
    assert end.id == "a1"
    missed = event(6, "die", "b2", exit_code=1)
    assert Lives.recall(lives.notes(), T + 60).position < missed.nanos
    assert told(lives, event(5.01, "die", exit_code=2), missed, event(6.1, "start", "b2")) == [
        (1, "error")
    ]


def test_an_end_that_inspect_told_is_not_counted_again_when_all_its_events_come() -> None:
    gone = container(state="exited", finished=T + 5.0, exit_code=2)
    lives = Lives(T, 0)
    for at in (8, 9):
        list(lives.look([gone], T + at, listening=False))
    whole = (event(1, "start"), event(5.001, "die", exit_code=2))
    again = Lives.recall(lives.notes(), T + 60)
    assert told(again, *whole) == []
    list(lives.look([], T + 70, listening=False))  # it was removed meanwhile
    assert told(lives, *whole) == []


def test_an_earlier_end_that_inspect_could_not_know_is_counted_by_its_event() -> None:
    gone = container(state="exited", finished=T + 5.0, exit_code=2)
    lives = Lives(T, 0)
    for at in (8, 9):
        list(lives.look([gone], T + at, listening=False))
    first, second = event(2, "die", exit_code=7), event(5.001, "die", exit_code=2)
    assert told(lives, first, event(3, "start"), second) == [(7, "error")]


def test_an_end_after_one_that_inspect_told_counts_though_its_start_was_missed() -> None:
    gone = container(state="exited", finished=T + 5.0, exit_code=2)
    lives = Lives(T, 0)
    for at in (8, 9):
        list(lives.look([gone], T + at, listening=False))
    assert told(lives, event(20, "die", exit_code=2)) == [(2, "error")]


def test_what_inspect_has_told_is_bounded_where_no_events_come() -> None:
    lives = Lives(T, 0)
    for number in range(600):
        for at in (0.0, 1.0):
            for one in ("a1", f"b{number}"):
                gone = container(id=one, state="exited", finished=T + 2 + number, exit_code=2)
                list(lives.look([gone], T + 2 + number + at, listening=False))
    list(lives.look([container(state="exited", finished=T + 601.0)], T + 700, listening=False))
    assert sum(note.startswith("told") for note in lives.notes()) <= 257


def test_that_a_container_was_asked_to_end_survives_a_restart() -> None:
    """Who restarts all of an application with its sidewatch stops them in one go."""
    lives = Lives(T, 0)
    assert told(lives, event(1, "kill", signal=15), event(1, "kill", "b2", signal=9)) == []
    again = Lives.recall(lives.notes(), T + 5)
    ends = told(again, event(2, "die", exit_code=143), event(2, "die", "b2", exit_code=137))
    assert ends == [(143, "stopped"), (137, "killed")]


def test_a_look_that_began_before_a_container_was_made_forgets_nothing_of_it() -> None:
    lives = Lives(T, 0)
    assert told(lives, event(1, "create"), event(2, "start"), event(3, "kill", signal=15)) == []
    assert not list(lives.look([], T + 3, listening=True))
    assert told(lives, event(4, "die", exit_code=0)) == [(0, "stopped")]
    assert not list(lives.look([], T + 5, listening=True))
    assert not list(lives.look([], T + 6, listening=True))
    assert lives.notes().keys() == {"position", "position_nanos"}  # it was removed


def test_restarts_are_counted_from_where_they_were_met() -> None:
    lives = Lives(T, 0)
    old, new = container(restarts=57, created=T - 9.0), container(id="b2", created=T + 1.0)
    assert lives.restarted(old) == 0  # those are history
    assert lives.restarted(container(id="b2", created=T + 1.0, restarts=2)) == 2
    assert lives.restarted(container(restarts=60)) == 3
    assert lives.restarted(container(restarts=1)) == 1  # started by hand, and once by the daemon
    list(lives.look([old, new], T, listening=True))
    again = Lives.recall(lives.notes(), T + 60)
    assert again.restarted(container(restarts=3)) == 2


def test_a_deploy_is_a_container_that_is_made_of_something_else() -> None:
    deploys = Deploys(Containers("shop", services={"server": Service(oneshot=None)}))
    assert deploys.look([container()]) == set()
    assert deploys.look([container(restarts=3)]) == set()
    assert deploys.look([container(id="b2", created=T + 1.0)]) == set()  # a twin
    new = container(id="c3", created=T + 2.0, made_of=2, state="created")
    assert deploys.look([container(), new]) == {"server"}
    assert not list(deploys.settled([container(), new]))
    up = container(id="c3", created=T + 2.0, made_of=2)
    assert deploys.look([up]) == set()
    assert list(deploys.settled([up])) == ["server"]
    again = Deploys(deploys.settings)
    again.recall(deploys.notes())
    assert again.look([container(made_of=3)]) == {"server"}


def test_what_an_exit_means_is_an_event_that_outlives_a_restart() -> None:
    text = "apps: [{name: shop, containers: {project: shop}}]"
    (plan,) = parse(text, Path("sidewatch.yaml"), {}).apps
    clock, metric = SetClock(T + 5), "watched_event_read_timestamp_seconds"
    shard, again = assemble(plan, clock), assemble(plan, clock)
    shard.event("kodiai", "force_exit", T)
    again.load(shard.dump())
    for one in (shard, again):
        labels = ("kodiai", "force_exit", "page")
        assert one.registry.value(metric, labels) == T + 5
        assert one.registry.value("watched_event_last_timestamp_seconds", labels) == T
        assert one.registry.value("watched_events_total", labels) == 1


@pytest.mark.parametrize("wrong", [{"x": "force_exit"}, {"256": "force_exit"}, {"1": "Force exit"}])
def test_what_no_exit_can_mean_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="an exit code from 0 to 255, then a name"):
        Service(stop_events=wrong)


# -- settings --------------------------------------------------------------------------------------


def test_what_a_profile_says_of_services_is_laid_under_the_configuration() -> None:
    text = """
apps:
  - name: tripl
    profile: tripl
    containers:
      project: tripl
      services: {rabbitmq: {volatile: false}, celery-worker: {replicas: 3}}
      tls: {ca: ca.pem}
      url: tcp://docker:2376
  - name: paas
    profile: paas
    containers: {project: paas}
"""
    tripl, paas = parse(text, Path("/etc/sidewatch/sidewatch.yaml"), {}).apps
    assert tripl.containers is not None
    assert paas.containers is not None
    assert tripl.containers.services == {
        "migrate": Service(oneshot=True),
        "metrics-init": Service(oneshot=True),
        "rabbitmq": Service(volatile=False),
        "celery-worker": Service(replicas=3),
    }
    assert tripl.containers.tls is not None
    assert tripl.containers.tls.ca == Path("/etc/sidewatch/ca.pem")
    assert (paas.containers.network, paas.containers.container) == ("paas-apps", ("paas-db-*",))
