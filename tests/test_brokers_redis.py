"""A real Redis, asked in its own protocol: whether it answers, and how long its lists are."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.clock import SetClock
from tests.support.asking import until
from tests.support.authority import Authority
from tests.support.brokers import START, failure, once, told, watched
from tests.support.parts import Parts
from tests.support.probing import Server, reset, serving, silence
from tests.support.redis import redis
from tests.support.waiting import free_port

SECRET = "yeast-7"


@pytest.fixture(scope="module")
def server(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a Redis without a password."""
    with redis(parts.need("redis-server"), tmp_path_factory.mktemp("redis")) as port:
        yield port


def tell(port: int, *words: str, password: str = "") -> str:
    """What redis-cli answers."""
    command = ["redis-cli", "-p", str(port), "--no-auth-warning", *words]
    env = {"REDISCLI_AUTH": password} if password else {}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    return done.stdout.strip()


async def test_lists_are_as_long_as_redis_says(server: int) -> None:
    tell(server, "LPUSH", "buns", "1", "2", "3")
    result = (await once(f"cache: {{redis: '127.0.0.1:{server}', queues: [buns, cakes]}}"))["cache"]
    assert result.failure is None
    assert told(result) == {
        ("queue_jobs", "buns", "ready"): 3,
        ("queue_jobs", "cakes", "ready"): 0,
        ("queue_growth_objective", "buns"): 20,
        ("queue_growth_objective", "cakes"): 20,
    }


async def test_each_database_has_lists_of_its_own(server: int) -> None:
    tell(server, "-n", "3", "LPUSH", "pies", "1")
    for database, length in ((3, 1), (4, 0)):
        settings = f"{{address: '127.0.0.1:{server}', database: {database}}}"
        result = (await once(f"cache: {{redis: {settings}, queues: [pies]}}"))["cache"]
        assert told(result)["queue_jobs", "pies", "ready"] == length


async def test_a_cache_is_only_asked_whether_it_answers(server: int) -> None:
    async with watched(f"cache: '127.0.0.1:{server}'".replace("'1", "{redis: '1") + "}") as shop:
        success = ("watched_probe_success", "cache", "dependency")
        await until(lambda: shop.value(*success) == 1, "an answer")
        assert not shop.series("watched_queue_jobs")
        assert not shop.series("watched_queue_growth_objective")


async def test_a_key_that_is_no_list_takes_away_its_queue_alone(server: int) -> None:
    tell(server, "SET", "tin", "1")
    tell(server, "LPUSH", "rolls", "1")
    result = (await once(f"cache: {{redis: '127.0.0.1:{server}', queues: [tin, rolls]}}"))["cache"]
    assert ("queue_jobs", "tin", "ready") not in told(result)
    assert told(result)["queue_jobs", "rolls", "ready"] == 1
    assert str(result.failure) == "it answers LLEN with WRONGTYPE: what it names is no list"


async def test_its_start_is_told_and_a_restart_is_a_new_one(parts: Parts, tmp_path: Path) -> None:
    binary, now = parts.need("redis-server"), 1_800_000_000.0
    port = free_port()
    settings = f"cache: {{redis: '127.0.0.1:{port}', volatile: true, interval: 1s, queues: [buns]}}"
    with redis(binary, tmp_path, port=port):
        await asyncio.sleep(1.1)  # it counts whole seconds
        result = (await once(settings, clock=SetClock(now)))["cache"]
        uptime = now - told(result)["broker_start_timestamp_seconds", "cache"]
        said = int(tell(port, "INFO", "server").split("uptime_in_seconds:")[1].split()[0])
        assert 1 <= uptime <= said
    async with watched(settings) as shop:
        down = ("watched_probe_failing", "cache", "dependency", "refused")
        await until(lambda: shop.value(*down) == 1, "that nobody is there")
        with redis(binary, tmp_path, port=port):
            await until(lambda: shop.value(START, "cache") is not None, "its start")
            assert shop.value("watched_queue_jobs", "buns", "ready") == 0


@pytest.fixture(scope="module")
def guarded(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a Redis with a password, and a user who may ask what sidewatch asks."""
    words = ("--requirepass", SECRET)
    with redis(parts.need("redis-server"), tmp_path_factory.mktemp("guarded"), *words) as port:
        rules = ("on", ">crumb", "~buns*", "+ping", "+llen", "+info", "+select")
        tell(port, "ACL", "SETUSER", "watcher", *rules, password=SECRET)
        tell(port, "ACL", "SETUSER", "nobody", "on", ">crumb", "~*", password=SECRET)
        yield port


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (f"password: {SECRET}", None),
        ("user: watcher, password: crumb, database: 1", None),
        ("", "it answers PING with NOAUTH"),
        ("password: stale-7", "it answers AUTH with WRONGPASS"),
        ("user: nobody, password: crumb", "it answers PING with NOPERM"),
    ],
)
async def test_who_may_ask(guarded: int, words: str, found: str | None) -> None:
    settings = f"{{address: '127.0.0.1:{guarded}', {words}}}"
    expected = None if found is None else ("status", found)
    settings = f"cache: {{redis: {settings}, queues: [buns], volatile: true}}"
    assert await failure(settings) == expected


async def test_a_password_is_read_anew_from_its_file(guarded: int, tmp_path: Path) -> None:
    settings = f"cache: {{redis: {{address: '127.0.0.1:{guarded}', password_file: secret}}}}"
    missing = await failure(settings, tmp_path)
    assert missing == ("other", f"{tmp_path}/secret cannot be read: No such file or directory")
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    assert await failure(settings, tmp_path) is None


async def test_a_password_for_one_that_has_none(server: int) -> None:
    settings = f"cache: {{redis: {{address: '127.0.0.1:{server}', password: {SECRET}}}}}"
    assert await failure(settings) == ("status", "it answers AUTH with ERR")


async def test_through_tls_and_through_a_socket(parts: Parts, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    pair = authority.issue("redis")
    port = free_port()
    words = ["--tls-port", str(port), "--tls-cert-file", str(pair.certificate)]
    words += ["--tls-key-file", str(pair.key), "--tls-auth-clients", "no"]
    words += ["--tls-ca-cert-file", str(authority.root)]
    words += ["--unixsocket", str(tmp_path / "socket")]
    with redis(parts.need("redis-server"), tmp_path / "data", *words):
        tls = f"{{address: '127.0.0.1:{port}', tls: {{ca: {authority.root}}}}}"
        assert await failure(f"cache: {{redis: {tls}}}") is None
        assert await failure("cache: {redis: {socket: socket}}", tmp_path) is None
        found = await failure(f"cache: {{redis: {{address: '127.0.0.1:{port}', tls: {{}}}}}}")
        assert found is not None
        assert found[0] == "tls"


def answering(*answers: bytes) -> Server:
    """A server that answers each time it is sent something, then closes."""

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.read(4096)
            writer.write(answer)
            await writer.drain()

    return server


@pytest.mark.parametrize(
    ("server_", "reason"),
    [
        (answering(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "body"),
        (answering(b":many\r\n"), "body"),
        (answering(b"*1\r\n+PONG\r\n"), "body"),
        (answering(b"220 mail"), "body"),
        (answering(b"+" + b"x" * 70_000), "size"),
        (answering(b"$70000\r\n"), "size"),
        (answering(b"$10\r\nabc"), "closed"),
        (answering(b"-LOADING Redis is loading\r\n"), "status"),
        (answering(b"-ERR unknown command, with args: 'hunter2'\r\n"), "status"),
        (answering(b""), "closed"),
        (answering(b"+PONG\r\n"), "closed"),
        (reset, "closed"),
        (silence, "timeout"),
    ],
)
async def test_what_is_no_redis_is_told_apart(server_: Server, reason: str) -> None:
    settings = "cache: {{redis: '127.0.0.1:{}', timeout: 300ms, queues: [buns]}}"
    async with serving(server_) as port:
        found = await failure(settings.format(port))
    assert found is not None
    assert found[0] == reason
    assert "hunter2" not in found[1]


async def test_a_silent_one_delays_no_other(server: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # it takes connections, and that is all
        port = deaf.getsockname()[1]
        settings = f"deaf: {{redis: '127.0.0.1:{port}', timeout: 5s}}\n"
        settings += f"cache: {{redis: '127.0.0.1:{server}', interval: 1s}}"
        async with watched(settings) as shop:
            success = ("watched_probe_success", "cache", "dependency")
            await until(lambda: shop.value(*success) == 1, "an answer", within=4.5)
            assert shop.value("watched_probe_success", "deaf", "dependency") is None
