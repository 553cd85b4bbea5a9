"""Applications that containers' labels name: found, watched, remembered, and held to bounds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exporter.__main__ import main
from exporter.app.discovery import FORGET_SECONDS, Discoverer, Known, sort_out
from exporter.app.doubles import doubled
from exporter.app.running import Running
from exporter.clock import SetClock, WallClock
from exporter.config import Plan, parse
from exporter.errors import ConfigError
from tests.support.asking import until
from tests.support.desk import shown
from tests.support.docker import Dockerd
from tests.support.scrape import one

T = 1_795_000_000.0
PROJECT = "com.docker.compose.project"
FOR_EVER = "; sleep 1000"
LINES = "watched_log_lines_total"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked more often than once in five seconds."""
    monkeypatch.setattr("exporter.app.running.DISCOVER_INTERVAL", 0.2)


def plan(text: str, folder: Path = Path("/etc/sidewatch")) -> Plan:
    return parse(text, folder / "sidewatch.yaml", {})


SHOP = plan("""
apps:
  - name: shop
    logs: [{docker: {project: shop}}]
  - name: desk
    containers: {project: desk}
discover: {}
""")


def named(profile: str, **more: str) -> dict[str, str]:
    spelled = {"app": "sidewatch.app", "project": PROJECT, "stack": "com.docker.stack.namespace"}
    return {"sidewatch.profile": profile, **{spelled[key]: value for key, value in more.items()}}


@pytest.mark.parametrize(
    ("labels", "apps", "refused"),
    [
        (named("tripl", project="trips"), {"trips": "tripl"}, {}),
        (named("tripl", project="trips", app="mine"), {"mine": "tripl"}, {}),
        (named("tripl", stack="swarm"), {"swarm": "tripl"}, {}),
        (named("tripl"), {"tripl": "tripl"}, {}),
        (named("generic", app="any"), {"any": "generic"}, {}),
        (named("nothing", app="mine"), {}, {"mine": "profile"}),
        (named("../../etc/passwd", app="mine"), {}, {"mine": "profile"}),
        (named("/etc/passwd.yaml", app="mine"), {}, {"mine": "profile"}),
        (named("tripl", app="a/../b"), {}, {"?": "name"}),
        (named("tripl", app="x" * 64), {}, {"?": "name"}),
        (named("tripl", app='a"} 1\n'), {}, {"?": "name"}),
        # What is configured is never changed by a label, and not counted twice.
        (named("tripl", app="desk"), {}, {"desk": "configured"}),
        (named("tripl", app="mine", project="shop"), {}, {"mine": "configured"}),
    ],
)
def test_what_a_label_names(
    labels: Mapping[str, str], apps: Mapping[str, str], refused: Mapping[str, str]
) -> None:
    found = sort_out([labels], {}, SHOP, 5)
    assert (found.apps, found.refused) == (apps, refused)


def test_there_are_no_more_than_so_many_and_the_first_stay() -> None:
    many = [named("tripl", app=f"app{number}") for number in range(9)]
    found = sort_out(many, {"app8": Known("tripl", T, old=True)}, SHOP, 3)
    assert sorted(found.apps) == ["app0", "app1", "app8"]
    assert found.refused == {f"app{number}": "too_many" for number in range(2, 8)}


def test_an_application_keeps_its_profile_while_a_container_names_it() -> None:
    both = [named("paas", app="a"), named("tripl", app="a")]
    known = {"a": Known("tripl", T, old=True)}
    found = sort_out(both, known, SHOP, 3)
    assert (found.apps, found.refused) == ({"a": "tripl"}, {"a": "conflict"})
    found = sort_out(both[:1], known, SHOP, 3)
    assert (found.apps, found.refused) == ({"a": "paas"}, {})


@pytest.mark.parametrize(
    ("discover", "complaint"),
    [
        ("{most: 0}", "most: from 1 to 200"),
        ("{url: docker:2375}", "url: like unix:///var/run/docker.sock"),
        ("{tls: {ca: a.pem}}", "tls: is for a url that begins with tcp:// or https://"),
        ("{profiles: [tripl]}", "a profile tripl is there already; give yours another name"),
        ("{profiles: [none.yaml]}", "the profile /etc/sidewatch/none.yaml "),
        ("{profile: [a.yaml]}", "no such key; did you mean profiles?"),
    ],
)
def test_mistakes_are_told(discover: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(f"apps: []\ndiscover: {discover}\n")
    (told,) = caught.value.complaints
    assert complaint in told.text
    assert (told.line, told.key.partition(".")[0]) == (2, "discover")


def test_a_profile_of_ones_own_is_named_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("profile: mine\ncontainers: {services: {db: {}}}\n")
    found = plan("apps: []\ndiscover: {profiles: [mine.yaml], label: env=a}", tmp_path).discovery
    assert found is not None
    made = found.plan("shop", "mine", old=False)
    assert (made.name, made.profile) == ("shop", "mine")
    assert made.containers is not None
    assert set(made.containers.services) == {"db"}
    here = {"sidewatch.profile": "mine", "env": "a", "sidewatch.app": "shop"}
    assert made.containers.place("shop-web-1", here) is not None
    for other in ({"env": "b"}, {"sidewatch.app": "blog"}, {"sidewatch.profile": "tripl"}):
        assert made.containers.place("shop-web-1", here | other) is None


async def test_one_that_is_gone_is_forgotten_after_a_week(tmp_path: Path) -> None:
    clock = SetClock(T)

    async def do(job: Callable[[], Any]) -> Any:
        return job()

    first = Discoverer(clock, tmp_path, do)
    await first.recall()
    assert await first._take([named("tripl", app="a"), named("paas", app="b")], SHOP, 5)
    again = Discoverer(clock, tmp_path, do)
    await again.recall()
    assert again.known == first.known
    for hours in range(0, 8 * 24, 6):
        clock.at = T + hours * 3600
        await again._take([named("paas", app="b")], SHOP, 5)
        assert ("a" in again.known) == (hours * 3600 < FORGET_SECONDS)
    assert sorted(json.loads((tmp_path / "discovered.json").read_text())) == ["b"]
    (tmp_path / "discovered.json").write_text("[1]")
    await first.recall()
    assert first.known == {}, "a file that is none starts afresh"


def test_an_operator_works_on_it_as_on_any_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sidewatch.yaml").write_text("apps: []\ndiscover: {}\n")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "discovered.json").write_text(f'{{"trips": ["tripl", {T}, true]}}')
    words = ["maintenance", "open", "--config", str(tmp_path / "sidewatch.yaml")]
    for more in (["--app", "trips"], []):
        assert main([*words, *more]) == 0
        assert capsys.readouterr().out.startswith("trips: quiet until ")
    assert main([*words, "--app", "other"]) == 1


def test_the_same_settings_plan_the_same() -> None:
    """Else a reload would restart what it does not concern."""
    text = "apps: []\ndiscover: {}\n"
    one, other = (plan(text).discovery for _ in range(2))
    assert one is not None
    assert other is not None
    for profile in one.drafts:
        assert one.plan("a", profile, old=True) == other.plan("a", profile, old=True)


def test_a_log_that_a_label_has_read_is_no_file_to_read(tmp_path: Path) -> None:
    identity = "c0ffee" * 10 + "cafe"
    (tmp_path / identity).mkdir()
    (tmp_path / identity / f"{identity}-json.log").touch()
    config = {"Config": {"Labels": named("tripl", app="trips")}}
    (tmp_path / identity / "config.v2.json").write_text(json.dumps(config))
    text = "apps: [{{name: {0}, logs: [{{files: '*/*.log'}}]}}]\ndiscover: {{}}\n"
    (complaint,) = doubled(plan(text.format("other"), tmp_path))
    assert "is read through Docker by discover for trips; a log is read one way" in complaint.text
    assert not doubled(plan(text.format("trips"), tmp_path)), "it is configured, so no label counts"


# -- with a real daemon ----------------------------------------------------------------------------


@asynccontextmanager
async def sidewatch(folder: Path, text: str) -> AsyncIterator[Running]:
    made = plan(f"listen: 127.0.0.1:0\n{text}", folder)
    running = Running(made, WallClock(), lambda: made)
    stop, serving = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(running.run(stop, lambda _: serving.set()))
    await serving.wait()
    try:
        yield running
    finally:
        stop.set()
        await task


def lines(running: Running, app: str, service: str) -> float | None:
    """How many lines of a service were counted; None without the application."""
    watched = running._watched.get(app)
    return None if watched is None else watched.shard.registry.value(LINES, (service, "stdout"))


async def test_labelled_containers_are_applications(docker: Dockerd, tmp_path: Path) -> None:
    first, later, other = (docker.project() for _ in range(3))
    tripl, odd = "--label=sidewatch.profile=tripl", "--label=sidewatch.profile=odd"
    script = f"echo old; while ! test -e /go; do sleep 0.05; done; echo new{FOR_EVER}"
    api = docker.run(first, "api", script, tripl)
    docker.run(first, "db", f"echo not meant{FOR_EVER}")
    text = f"apps: []\ndiscover: {{url: '{docker.url}'}}\n"
    async with sidewatch(tmp_path, text) as made:
        running = "watched_service_running_replicas"
        await until(lambda: first in made._watched, "the application")
        shard = made._watched[first].shard
        await until(lambda: shard.registry.value(running, ("api",)) == 1, "its container")
        assert made._watched[first].plan.profile == "tripl"
        assert shard.registry.value(running, ("db",)) is None
        source = f"docker:{docker.url} label=sidewatch.profile=tripl"
        await until(lambda: len(shard.cursors(source)) == 2, "its log")
        docker("exec", api, "touch", "/go")
        await until(lambda: lines(made, first, "api") == 1, "the new line, and not the old")
        docker.run(later, "web", f"echo 1; echo 2{FOR_EVER}", tripl, "--label=sidewatch.app=mine")
        docker.run(other, "web", f"echo 1{FOR_EVER}", odd)
        await until(lambda: lines(made, "mine", "web") == 2, "another, from its beginning")
        await until(lambda: made._discoverer.refused == {other: "profile"}, "the odd one")
        page = shown(await made.expose())
        assert page[one("sidewatch_discovery_up")] == 1
        assert page[one("sidewatch_discovered_apps")] == 2
        assert page[one("sidewatch_discovery_refused_apps", reason="profile")] == 1
        assert page[one("sidewatch_discovery_refused_apps", reason="too_many")] == 0
    docker("rm", "-f", *docker("ps", "-aq", "--filter", "label=sidewatch.profile").split())
    async with sidewatch(tmp_path, text) as made:  # that it is gone is worth an alert
        assert lines(made, "mine", "web") == 2
        await until(
            lambda: made._watched["mine"].shard.registry.value(running, ("web",)) == 0, "nothing"
        )
        expected = made._watched["mine"].shard.registry.value(
            "watched_service_expected_replicas", ("web",)
        )
        assert expected == 1
    configured = "apps: [{name: mine, logs: [{files: none.log}]}]\n"
    async with sidewatch(tmp_path, f"{configured}{text.removeprefix('apps: []')}") as made:
        assert sorted(made._watched) == sorted([first, "mine"])
        assert made._watched["mine"].plan.profile == "generic"


async def test_a_daemon_that_is_not_there_keeps_nobody_from_being_watched(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("hello\n")
    logs = "{files: a.log, from: beginning, service: web, poll: 50ms}"
    text = f"apps: [{{name: shop, logs: [{logs}]}}]\ndiscover: {{url: 'unix://{tmp_path}/none'}}\n"
    async with sidewatch(tmp_path, text) as made:
        registry = made._watched["shop"].shard.registry
        await until(lambda: registry.value(LINES, ("web", "file")) == 1, "the line")
        assert shown(await made.expose())[one("sidewatch_discovery_up")] == 0
        made.plan = replace(made.plan, discovery=None)
        await until(lambda: made._house._own.value("sidewatch_discovery_up", ()) != 0, "its end")
        assert one("sidewatch_discovery_up") not in shown(await made.expose())
