"""A real RabbitMQ, asked by its management API: what it tells, and why it does not."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from exporter.clock import SetClock
from tests.support.asking import until
from tests.support.brokers import CONSUMERS, START, failure, lengths, once, told, watched
from tests.support.probing import http, saying, serving, silence
from tests.support.rabbitmq import Server, Vhost
from tests.support.waiting import free_port

PATIENCE = 40.0  # a broker on a busy machine counts seldom


def asked(vhost: Vhost, more: str = "") -> str:
    """The settings of a broker named rabbit."""
    return f"rabbit: {{rabbitmq: {vhost.server.base}, vhost: '{vhost.name}', {more}}}"


async def settled(vhost: Vhost, more: str = "", **ready: int) -> dict[tuple[str, ...], float]:
    """What is told once so many messages of each queue are ready; its numbers come late."""
    deadline = time.monotonic() + PATIENCE
    while True:
        result = (await once(asked(vhost, more)))["rabbit"]
        if lengths(result) == ready:
            return told(result)
        assert time.monotonic() < deadline, f"ready are {lengths(result)}, not {ready}"
        await asyncio.sleep(0.1)


async def test_messages_and_consumers_are_as_the_broker_counts_them(rabbit: Server) -> None:
    vhost = rabbit.vhost()
    for queue in ("buns", "cakes"):
        vhost.declare(queue)
    vhost.publish("buns", 3)
    assert await settled(vhost, buns=3, cakes=0) == {
        ("queue_jobs", "buns", "ready"): 3,
        ("queue_jobs", "buns", "running"): 0,
        ("queue_consumers", "buns"): 0,
        ("queue_jobs", "cakes", "ready"): 0,
        ("queue_jobs", "cakes", "running"): 0,
        ("queue_consumers", "cakes"): 0,
    }


async def test_queues_that_come_and_go_are_left_out_unless_they_are_named(rabbit: Server) -> None:
    vhost = rabbit.vhost()
    vhost.declare("buns")
    vhost.declare("box", durable=False, auto_delete=True)
    vhost.declare("bag", durable=False)
    assert await settled(vhost, buns=0)
    assert await settled(vhost, "queues: [box]", box=0)
    assert await settled(vhost, "queues: ['b*']", box=0, bag=0, buns=0)


async def test_a_named_queue_that_is_not_there_has_nobody(rabbit: Server) -> None:
    vhost = rabbit.vhost()
    vhost.declare("buns.new")
    assert await settled(vhost, "queues: [buns]", buns=0) == {
        ("queue_jobs", "buns", "ready"): 0,
        ("queue_jobs", "buns", "running"): 0,
        ("queue_consumers", "buns"): 0,
    }


async def test_a_queue_that_vanishes_is_shown_no_more_or_without_consumers(rabbit: Server) -> None:
    vhost = rabbit.vhost()
    for queue in ("buns", "cakes"):
        vhost.declare(queue)
    settings = (asked(vhost, f"interval: 1s{more}") for more in ("", ", queues: [buns]"))
    async with watched(next(settings)) as all_of_them, watched(next(settings)) as named:
        found = {("buns",): 0.0, ("cakes",): 0.0}
        await until(lambda: all_of_them.series(CONSUMERS) == found, "both queues")
        vhost.delete("buns")
        await until(lambda: all_of_them.series(CONSUMERS) == {("cakes",): 0.0}, "its end")
        assert named.series(CONSUMERS) == {("buns",): 0.0}
        assert named.value("watched_probe_success", "rabbit", "dependency") == 1


async def test_a_queue_without_numbers_yet_is_unknown() -> None:
    page = '{"page_count": 1, "items": [{"name": "buns", "durable": true, "auto_delete": false'
    page += ', "exclusive": false}]}'
    async with serving(saying(http(page))) as port:
        result = await once(f"rabbit: {{rabbitmq: 'http://127.0.0.1:{port}'}}")
    assert told(result["rabbit"]) == {}


async def test_a_volatile_broker_tells_when_it_was_started(rabbit: Server) -> None:
    vhost, now = rabbit.vhost(), 1_800_000_000.0
    (node,) = rabbit.ask("GET", "/api/nodes")
    settings = asked(vhost, "volatile: true")
    result = (await once(settings, clock=SetClock(now)))["rabbit"]
    uptime = now - told(result)["broker_start_timestamp_seconds", "rabbit"]
    assert -0.1 < uptime - node["uptime"] / 1000 < 20
    assert not told((await once(asked(vhost)))["rabbit"])


@pytest.mark.long
async def test_a_restart_is_a_new_start_and_what_was_not_kept_is_gone(rabbit: Server) -> None:
    vhost = rabbit.vhost()
    vhost.declare("buns")
    vhost.declare("bag", durable=False)
    settings = asked(vhost, "volatile: true, interval: 1s, timeout: 500ms, queues: [buns, bag]")
    async with watched(settings) as shop:
        await until(lambda: shop.value(START, "rabbit") is not None, "its start")
        before = shop.value(START, "rabbit")
        rabbit.stop()
        down = ("watched_probe_failing", "rabbit", "dependency", "refused")
        await until(lambda: shop.value(*down) == 1, "that nobody is there")
        stopped = time.time()
        await asyncio.to_thread(rabbit.start)
        await until(lambda: shop.value(START, "rabbit") not in {None, before}, "a new start")
        after = shop.value(START, "rabbit")
        assert before is not None
        assert after is not None
        assert before < stopped < after < time.time()
        await until(lambda: shop.value(CONSUMERS, "buns") == 0, "what was kept")
        assert shop.value(*down) == 0


async def test_somebody_who_may_not_ask_is_told_so(rabbit: Server) -> None:
    vhost = rabbit.vhost()
    vhost.declare("buns")
    rabbit.user("stranger", "")
    rabbit.user("watcher", "management")
    rabbit.user("keeper", "monitoring")

    def by(user: str, password: str, more: str = "") -> str:
        base = f"{{url: '{rabbit.url}', auth: {{user: {user}, password: {password}}}}}"
        return f"rabbit: {{rabbitmq: {base}, vhost: '{vhost.name}', {more}}}"

    refused = "status 401: it refuses the user, or lets it see nothing of the vhost"
    assert await failure(by("keeper", "wrong")) == ("status", refused)
    assert await failure(by("stranger", "stranger")) == ("status", refused)
    assert await failure(by("keeper", "keeper")) == ("status", refused)
    for user in ("watcher", "keeper"):
        rabbit.allow(vhost.name, user, "^$")
        assert await failure(by(user, user)) is None
    assert await failure(by("keeper", "keeper", "volatile: true")) is None
    why = "status 401: the user may not see when it was started; it needs the tag monitoring"
    assert await failure(by("watcher", "watcher", "volatile: true")) == ("status", why)


async def test_a_vhost_that_is_not_there_is_named(rabbit: Server) -> None:
    gone = Vhost(rabbit, "no/where")
    assert await failure(asked(gone)) == ("status", "status 404: it has no vhost 'no/where'")


async def test_an_alarm_means_that_it_takes_no_messages(rabbit: Server) -> None:
    vhost = rabbit.vhost()
    try:
        rabbit.control("set_vm_memory_high_watermark", "absolute", "1MB")
        for _ in range(400):
            if (found := await failure(asked(vhost))) is not None:
                break
            await asyncio.sleep(0.1)
        assert found == ("body", "its alarm for memory is on, so it takes no messages")
    finally:
        rabbit.control("set_vm_memory_high_watermark", "0.4")
        for _ in range(100):  # it looks every second or so, and other tests share it
            if await failure(asked(vhost)) is None:
                break
            await asyncio.sleep(0.1)


async def test_a_broker_that_hangs_delays_nobody_and_is_dropped_when_old(rabbit: Server) -> None:
    vhost = rabbit.vhost()
    vhost.declare("buns")
    settings = asked(vhost, "interval: 1s, timeout: 300ms")
    async with serving(saying(http('{"items": []}'))) as port:
        settings += f"\nother: {{rabbitmq: 'http://127.0.0.1:{port}', interval: 1s, queues: [x]}}"
        settings = settings.replace("vhost:", "queues: [buns], vhost:")
        async with watched(settings) as shop:
            await until(lambda: shop.value(CONSUMERS, "buns") == 0, "its queue")
            with rabbit.hanging():
                timeouts = ("watched_probe_failing", "rabbit", "dependency", "timeout")
                await until(lambda: shop.value(*timeouts) == 1, "that it hangs")
                await until(lambda: shop.value(CONSUMERS, "buns") is None, "that it is old")
                assert shop.value(CONSUMERS, "x") == 0
            await until(lambda: shop.value(CONSUMERS, "buns") == 0, "its return")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (http("<html>"), "json"),
        (http("[]"), "json"),
        (http("5"), "json"),
        (http('{"items": {}}'), "json"),
        (http('{"items": [5]}'), "json"),
        (http('{"items": [{"consumers": 1}]}'), "json"),
        (http('{"items": [{"name": 5}]}'), "json"),
        (http('{"items": [], "page_count": 2}'), "size"),
        (http("x" * 4_200_000), "size"),
        (http("{}", "503 Service Unavailable"), "status"),
        (http("", "301 Moved Permanently", "Location: /elsewhere"), "redirect"),
    ],
)
async def test_what_is_no_management_api_is_told_apart(answer: bytes, reason: str) -> None:
    async with serving(saying(answer)) as port:
        settings = f"rabbit: {{rabbitmq: 'http://127.0.0.1:{port}', queues: ['*']}}"
        result = (await once(settings))["rabbit"]
    assert result.failure is not None
    assert result.failure.reason == reason
    assert result.points is None


async def test_what_is_known_of_queues_stays_when_the_nodes_cannot_be_asked() -> None:
    page = '{"items": [{"name": "buns", "consumers": 2}]}'
    async with serving(saying(http(page))) as port:
        settings = f"rabbit: {{rabbitmq: 'http://127.0.0.1:{port}', queues: [buns]}}"
        result = (await once(settings))["rabbit"]
    assert told(result) == {("queue_consumers", "buns"): 2}
    assert str(result.failure) == "the answer is not a list of things"


async def test_nobody_and_silence_are_told_apart() -> None:
    nobody = await failure(f"rabbit: {{rabbitmq: 'http://127.0.0.1:{free_port()}'}}")
    assert nobody == ("refused", "nobody listens there")
    async with serving(silence) as port:
        silent = await failure(f"rabbit: {{rabbitmq: 'http://127.0.0.1:{port}', timeout: 200ms}}")
    assert silent is not None
    assert silent[0] == "timeout"


async def test_a_password_is_read_anew_from_its_file(rabbit: Server, tmp_path: Path) -> None:
    vhost, secret = rabbit.vhost(), tmp_path / "secret"
    base = f"{{url: '{rabbit.url}', auth: {{user: baker, password_file: secret}}}}"
    settings = f"rabbit: {{rabbitmq: {base}, vhost: '{vhost.name}'}}"
    secret.write_text("stale\n")
    assert (await failure(settings, tmp_path) or "")[0] == "status"
    secret.write_text("yeast-7\n")
    assert await failure(settings, tmp_path) is None


async def test_what_moves_in_a_queue_is_a_sign_of_life(rabbit: Server) -> None:
    vhost = rabbit.vhost()
    vhost.declare("buns")
    beats = "heartbeats: {clock: published, oven: taken}"
    metric = "watched_heartbeat_timestamp_seconds"
    async with watched(asked(vhost, f"queues: [buns], interval: 1s, {beats}")) as shop:
        await until(lambda: len(shop.series(metric)) == 2, "the first look")
        first = shop.series(metric)
        vhost.publish("buns", 2)
        await until(lambda: shop.series(metric)["clock",] > first["clock",], "the clock")
        assert shop.series(metric)["oven",] == first["oven",]
        vhost.take("buns", 1)
        await until(lambda: shop.series(metric)["oven",] > first["oven",], "the oven")
