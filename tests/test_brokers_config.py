"""`brokers:` in YAML: who is asked for what, how a profile and an application add up, mistakes."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from exporter.commands import check
from exporter.config import parse
from exporter.errors import ConfigError
from exporter.sources.probes import RabbitmqCheck, RedisCheck
from tests.support.brokers import plan_of
from tests.support.waiting import free_port

PROFILE = """\
profile: bakery
brokers:
  rabbit: {queues: [buns], volatile: true, timeout: 2s}
  cache: {}
"""


def checks(brokers: str, folder: Path) -> dict[str, RabbitmqCheck | RedisCheck]:
    """What is asked of an application of that profile."""
    (folder / "bakery.yaml").write_text(PROFILE)
    text = f"apps: [{{name: shop, profile: ./bakery.yaml, brokers: {brokers}}}]"
    plan = parse(text, folder / "sidewatch.yaml", {}).apps[0]
    return {one.name: one for one in plan.brokers.checks} if plan.brokers else {}  # type: ignore[misc]


def complaints(brokers: str, more: str = "") -> list[str]:
    """What is said of a configuration, without the file's name and line."""
    with pytest.raises(ConfigError) as caught:
        plan_of(brokers, more=more)
    return [str(one).split(": ", 1)[1] for one in caught.value.complaints]


def test_a_profiles_brokers_are_asked_where_the_application_says_where_they_are(
    tmp_path: Path,
) -> None:
    assert checks("{}", tmp_path) == {}
    found = checks("{rabbit: {rabbitmq: 'http://rabbit:15672', timeout: 3s}}", tmp_path)
    rabbit = found["rabbit"]
    assert isinstance(rabbit, RabbitmqCheck)
    assert (rabbit.queues, rabbit.volatile, rabbit.timeout) == (("buns",), True, 3.0)
    assert (rabbit.vhost, rabbit.interval, rabbit.target) == ("/", 15.0, "rabbit:15672")
    found = checks("{rabbit: {rabbitmq: 'http://rabbit', volatile: off, queues: []}}", tmp_path)
    rabbit = found["rabbit"]
    assert isinstance(rabbit, RabbitmqCheck)
    assert (rabbit.queues, rabbit.volatile) == ((), False)


def test_relative_files_are_the_configurations(tmp_path: Path) -> None:
    base = "{url: 'http://rabbit', auth: {user: u, password_file: secret}}"
    cache = "{address: 'redis:6379', password_file: secret, tls: {ca: ours.pem}}"
    found = checks(f"{{rabbit: {{rabbitmq: {base}}}, cache: {{redis: {cache}}}}}", tmp_path)
    rabbit, redis = found["rabbit"], found["cache"]
    assert isinstance(rabbit, RabbitmqCheck)
    assert isinstance(redis, RedisCheck)
    assert rabbit.base.auth is not None
    assert rabbit.base.auth.password_file == tmp_path / "secret"
    assert redis.server.password_file == tmp_path / "secret"
    assert redis.server.tls is not None
    assert redis.server.tls.ca == tmp_path / "ours.pem"


def test_the_growth_of_lists_is_an_objective_like_any_other() -> None:
    objectives = "objectives: {queue_growth: {queues: {buns: 5}}}"
    plan = plan_of("cache: {redis: 'redis:6379', queues: [buns, pies]}", more=objectives)
    assert plan.brokers is not None
    (cache,) = plan.brokers.checks
    assert isinstance(cache, RedisCheck)
    assert cache.queues == {"buns": 5.0, "pies": 20.0}


def test_no_consumer_may_be_wanted_for_a_queue_of_dead_letters() -> None:
    objectives = "objectives: {queue_consumers: {queues: {dead: 0}}}"
    plan = plan_of("rabbit: {rabbitmq: 'http://rabbit'}", more=objectives)
    assert plan.objectives["queue_consumers"].of("dead") == 0


AT = "apps[0].brokers.rabbit"
MISTAKES = [
    ("rabbit: {}", "says not where it is; give rabbitmq, the URL of its management, or redis"),
    (
        "rabbit: {rabbitmq: 'http://rabbit', redis: 'redis:6379'}",
        "a broker is either a rabbitmq or a redis",
    ),
    ("rabbit: {rabbitmq: 'amqp://rabbit'}", "begins with http:// or https://"),
    ("rabbit: {redis: redis}", "a host and a port, like redis:6379"),
    ("rabbit: {redis: {database: 1}}", "needs an address, like redis:6379, or a socket"),
    ("rabbit: {redis: {address: 'a:1', socket: s}}", "needs an address"),
    ("rabbit: {redis: {address: 'a:1', database: -1}}", "database: 0 or above"),
    ("rabbit: {redis: {address: 'a:1', priority_steps: [-3]}}", "priority_steps: 0 or above"),
    ("rabbit: {redis: {address: 'a:1', user: u}}", "user: belongs to a password"),
    (
        "rabbit: {redis: {address: 'a:1', password: p, password_file: f}}",
        "password and password_file are two ways for one",
    ),
    ("rabbit: {redis: 'a:1', queues: ['b*']}", "a Redis does not list them; name each"),
    (
        "rabbit: {redis: 'a:1', heartbeats: {oven: taken}}",
        "heartbeats: a Redis does not count what passes through it",
    ),
    ("rabbit: {rabbitmq: 'http://r', queues: ['b*n']}", "beginnings with a '*' at their end"),
    (
        "rabbit: {rabbitmq: 'http://r', queues: ["
        + ", ".join(map("much.too.long.{}".format, range(400)))
        + "]}",
        "queues: too many to ask for; give beginnings",
    ),
    ("rabbit: {rabbitmq: 'http://r', timeout: 0s}", "timeout: above 0"),
    (
        "rabbit: {rabbitmq: 'http://r', heartbeats: {over: taken}}",
        "heartbeats: over is not declared under heartbeats; did you mean oven?",
    ),
    ("rabbit: {rabbitmq: 'http://r', heartbeats: {oven: lost}}", "one of published, taken"),
    ("'a b': {redis: 'a:1'}", "a probe's name has letters"),
    (
        "one: {redis: 'a:1', queues: [q]}\nrabbit: {redis: 'b:1', queues: [q]}",
        "queues: another broker has a queue q already",
    ),
    (
        "one: {redis: 'a:1', queues: [q]}\nrabbit: {rabbitmq: 'http://r'}",
        "one of several brokers with queues; name each of its own",
    ),
]


@pytest.mark.parametrize(("brokers", "wrong"), MISTAKES)
def test_a_mistake_is_said_with_its_place(brokers: str, wrong: str) -> None:
    (complaint,) = complaints(brokers)
    assert wrong in complaint
    assert complaint.startswith("apps[0].brokers")


def test_who_answers_is_told_once() -> None:
    probes = "probes: {tcp: {rabbit: {address: 'a:1'}}}"
    (complaint,) = complaints("rabbit: {rabbitmq: 'http://r'}", probes)
    assert complaint.startswith(f"{AT}: there is a probe rabbit already")


def test_a_sign_of_life_has_one_source() -> None:
    rules = "rules: [{message: 'baked {*}', heartbeat: oven}]"
    (complaint,) = complaints("rabbit: {rabbitmq: 'http://r', heartbeats: {oven: taken}}", rules)
    assert complaint == f"{AT}: heartbeats: oven is given by a log rule already"


def test_secrets_are_never_repeated() -> None:
    for brokers in (
        "rabbit: {redis: {password: hunter2}}",
        "rabbit: {redis: {address: 'a:1', password: hunter2, password_file: f}}",
        "rabbit: {rabbitmq: {url: 'http://u:hunter2@r'}}",
    ):
        assert "hunter2" not in str(complaints(brokers))
    assert "hunter2" not in repr(plan_of("rabbit: {redis: {address: 'a:1', password: hunter2}}"))


def test_tripls_brokers_are_known_by_their_services() -> None:
    text = (
        "apps: [{name: tripl, profile: tripl, brokers: {rabbitmq: {rabbitmq: 'http://r:15672'}}}]"
    )
    plan = parse(text, Path("sidewatch.yaml"), {}).apps[0]
    assert plan.brokers is not None
    (rabbitmq,) = plan.brokers.checks
    assert isinstance(rabbitmq, RabbitmqCheck)
    assert (rabbitmq.name, rabbitmq.queues, rabbitmq.volatile) == ("rabbitmq", ("celery",), True)


def test_check_asks_each_broker_once(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    port = free_port()
    text = f"apps: [{{name: shop, brokers: {{cache: {{redis: '127.0.0.1:{port}'}}}}}}]"
    (tmp_path / "sidewatch.yaml").write_text(text)
    parser = argparse.ArgumentParser()
    check.add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["check", "--connect"])
    assert arguments.run(arguments) == 1
    out = capsys.readouterr().out
    where = f"127.0.0.1:{port}: fault: refused: nobody listens there"
    assert f"shop: probe cache (dependency) at {where}" in out
    assert "shop: profile generic" in out
    assert "1 broker\n" in out
    assert "no logs are named" not in out
