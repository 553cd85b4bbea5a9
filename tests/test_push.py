"""Metrics by push: a receiver's own reading of them beside a scrape of the same snapshot."""

from __future__ import annotations

import asyncio
import gzip
import math
import socket
import ssl
import sys
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from msgspec.structs import replace

from exporter.exposition import Form, render
from exporter.forward.push import Answers, Push, Pusher, PushError
from exporter.model import Snapshot
from exporter.sources.docker.settings import Tls
from exporter.sources.worker import Worker
from tests.support.authority import Authority
from tests.support.parts import Parts
from tests.support.probing import head, serving
from tests.support.process import start
from tests.support.pushed import REJECTS, Received, over_grpc, over_http
from tests.support.scrape import (
    AGE,
    EVENTS,
    NOW,
    WAIT,
    a_registry,
    final,
    metrics,
    observe,
    one,
    samples,
)
from tests.support.web import get

WITHIN = 20.0


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def shown() -> list[Snapshot]:
    """Two applications with every type, values that are odd, and some that are unknown."""
    found = []
    for app in ("shop", "mail"):
        registry = a_registry(app)
        for service, value in (("server", 3.0), ('a"\\\n', 2.0**53), ("", 0.5)):
            registry.inc(EVENTS, (service, "x"), NOW - 60, value)
        registry.put(AGE, ("mail",), NOW, 1.25)
        registry.put(AGE, ("endless",), NOW, math.inf)
        registry.put(AGE, ("unknown",), NOW, 4.0)
        registry.drop(AGE, ("unknown",))
        index = observe(registry, "q", [1, 0, 2, 5], 812.5)
        registry.exemplars[index] = ("request_id", "r1", 0.125, NOW - 3)
        found.append(final(registry))
    return found


@asynccontextmanager
async def pushing(settings: Push) -> AsyncIterator[Pusher]:
    worker = Worker("push")
    pusher = Pusher(settings, worker.do)
    try:
        yield pusher
    finally:
        pusher.close()
        worker.close()


def to(received: Received, protocol: str = "http/protobuf", **more: object) -> Push:
    endpoint = f"http://127.0.0.1:{received.port}"
    return Push(endpoint, protocol, **{"timeout": 5.0, **more})  # type: ignore[arg-type]  # by the test


@pytest.mark.parametrize("compression", ["gzip", "none"])
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
async def test_a_receiver_reads_what_a_scrape_shows(protocol: str, compression: str) -> None:
    receiver = over_grpc if protocol == "grpc" else over_http
    async with receiver() as received:
        settings = to(received, protocol, compression=compression, headers={"x-key": "k1"})
        async with pushing(settings) as pusher:
            await pusher.push(shown(), NOW)
    scraped = samples(metrics(render(shown(), Form.TEXT), Form.TEXT))
    assert received.samples() == scraped
    assert len(scraped) == 2 * (3 + 2 + 6)
    assert received.carried[0]["x-key"] == "k1"


async def test_births_are_start_times_and_exemplars_go_along() -> None:
    registry = a_registry()
    registry.inc(EVENTS, ("server", "x"), NOW - 90, 2.0)
    registry.exemplars[observe(registry, "q", [1, 0, 0, 0], 0.125)] = ("id", "r1", 0.125, NOW - 3)
    async with over_http() as received, pushing(to(received)) as pusher:
        await pusher.push([final(registry)], NOW)
    (counter,), (histogram,) = received.points(EVENTS.name), received.points(WAIT.name)
    assert counter.start_time_unix_nano == (int(NOW) - 90) * 10**9
    assert counter.time_unix_nano == int(NOW) * 10**9
    (exemplar,) = histogram.exemplars
    assert [(one.key, one.value.string_value) for one in exemplar.filtered_attributes] == [
        ("id", "r1")
    ]
    assert (exemplar.as_double, exemplar.time_unix_nano) == (0.125, (int(NOW) - 3) * 10**9)
    units = {metric.name: metric.unit for metric in received.metrics}
    assert units == {EVENTS.name: "", WAIT.name: "s"}


async def test_much_goes_in_several_requests() -> None:
    registry, events = a_registry(), replace(EVENTS, limit=5000)
    for number in range(4500):
        registry.inc(events, (f"s{number}", "x"), NOW, float(number))
    snapshot = registry.snapshot(NOW, final=True)
    async with over_http() as received, pushing(to(received)) as pusher:
        await pusher.push([snapshot], NOW)
    assert len(received.requests) == 3
    assert received.samples() == samples(metrics(render([snapshot], Form.TEXT), Form.TEXT))


@pytest.mark.parametrize(
    ("status", "reason"), [(302, "redirect"), (400, "status"), (401, "status"), (503, "status")]
)
async def test_what_is_not_taken_is_a_failure(status: int, reason: str) -> None:
    async with over_http() as received:
        received.status = status
        received.headers = {"Location": f"http://127.0.0.1:{received.port}/login"}
        settings = Push(f"http://127.0.0.1:{received.port}", timeout=0.5)
        async with pushing(settings) as pusher:
            with pytest.raises(PushError, match=str(status)) as raised:
                await pusher.push(shown(), NOW)
            assert raised.value.reason == reason
            received.status = 200
            await pusher.push(shown(), NOW)  # and the next is tried anew


async def test_what_is_rejected_in_part_is_told() -> None:
    async with over_http() as received, pushing(to(received)) as pusher:
        received.answer = REJECTS
        with pytest.raises(PushError, match="rejects 3 points: three are too old") as raised:
            await pusher.push(shown(), NOW)
        assert raised.value.reason == "rejected"


@pytest.mark.parametrize(
    ("kind", "page"), [("text/html", b"<p>Sign in</p>"), ("application/x-protobuf", b"\0" * 70_000)]
)
async def test_a_success_that_is_no_answer(kind: str, page: bytes) -> None:
    async with over_http() as received, pushing(to(received)) as pusher:
        received.headers, received.page = {"Content-Type": kind}, page
        with pytest.raises(PushError, match="is that an OTLP receiver") as raised:
            await pusher.push(shown(), NOW)
        assert raised.value.reason == "answer"
        received.page = None
        received.headers = {}
        await pusher.push(shown(), NOW)


async def test_a_packed_answer_is_not_unpacked() -> None:
    packed = gzip.compress(bytes(100 << 20))
    async with over_http() as received, pushing(to(received)) as pusher:
        received.headers, received.page = {"Content-Encoding": "gzip"}, packed
        tracemalloc.start()
        try:
            with pytest.raises(PushError, match="is that an OTLP receiver"):
                await pusher.push(shown(), NOW)
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert most < 10 << 20
    assert received.carried[0]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
async def test_neither_proxies_nor_a_netrc_have_a_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, protocol: str
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password theirs\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.delenv("NO_PROXY")
    for name in ("http_proxy", "grpc_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    receiver = over_grpc if protocol == "grpc" else over_http
    async with receiver() as received:
        settings = to(received, protocol, headers={"authorization": "Bearer ours"})
        async with pushing(settings) as pusher:
            await pusher.push(shown(), NOW)
    carried = {name.lower(): value for name, value in received.carried[0].items()}
    assert carried["authorization"] == "Bearer ours"


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
async def test_a_receiver_that_is_not_there(protocol: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = Push(f"http://127.0.0.1:{port}", protocol, timeout=0.3)  # type: ignore[arg-type]
    async with pushing(settings) as pusher:
        with pytest.raises(PushError) as raised:
            await pusher.push(shown(), NOW)
    assert raised.value.reason == "unreachable"


async def test_a_receiver_that_hangs_holds_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = Push(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.4)
        async with pushing(settings) as pusher:
            pushed = asyncio.create_task(pusher.push(shown(), NOW))
            turns = 0
            while not pushed.done():
                await asyncio.sleep(0)
                turns += 1
            with pytest.raises(PushError):
                await pushed
    assert turns > 100


DRIPS = {
    "headers": b"HTTP/1.1 200 OK\r\nX-Slow: ",
    "body": b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n",
    "body without a length": b"HTTP/1.0 200 OK\r\n\r\n",
}


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("begun", DRIPS.values(), ids=DRIPS)
async def test_an_answer_that_drips_for_ever_holds_nobody(
    tmp_path: Path, parts: Parts, begun: bytes, *, tls: bool
) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(begun)
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    context, files = None, None
    if tls:
        parts.need("openssl")
        authority = Authority(tmp_path)
        pair = authority.issue("slow")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pair.certificate, pair.key)
        files = Tls(ca=authority.root)
    async with serving(drip, tls=context) as port, asyncio.timeout(WITHIN):
        endpoint = f"{'https' if tls else 'http'}://localhost:{port}"
        async with pushing(Push(endpoint, timeout=0.5, tls=files)) as pusher:
            for _ in range(2):  # the thread is free again
                with pytest.raises(PushError, match="had not ended after") as raised:
                    await pusher.push(shown(), NOW)
                assert raised.value.reason == "answer"


@pytest.mark.parametrize("held", ["a look-up", "dead addresses"])
async def test_a_connection_that_is_not_opened_in_time_holds_nobody(
    monkeypatch: pytest.MonkeyPatch, held: str
) -> None:
    """The name's last address would take the request, and never answer."""
    asked, answered = socket.getaddrinfo, threading.Event()
    with ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = silent.getsockname()[1]
        dead = (2, 3, 4) if held == "dead addresses" else ()
        addresses = [*(stack.enter_context(deaf(port, number)) for number in dead), "127.0.0.1"]

        def look_up(host: str, port: int, *rest: Any) -> list[Any]:
            if host != "slow.test":
                return asked(host, port, *rest)
            if held == "a look-up":
                answered.wait(WITHIN)
            kind = socket.AF_INET, socket.SOCK_STREAM, 6, ""
            return [(*kind, (address, port)) for address in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        before = set(threading.enumerate())
        settings = Push(f"http://slow.test:{port}", timeout=0.4)
        async with asyncio.timeout(WITHIN), pushing(settings) as pusher:
            for _ in range(2):  # the thread is free again
                with pytest.raises(PushError) as raised:
                    await pusher.push(shown(), NOW)
                assert raised.value.reason == "unreachable"
            now = set(threading.enumerate()) - before
            opening = [one for one in now if one.name == "connect"]
            assert len(opening) == 1
            answered.set()
            await asyncio.to_thread(opening[0].join)
        silent.setblocking(False)
        taken, _ = silent.accept()  # it came too late
        with taken:
            assert taken.recv(1) == b""


@contextmanager
def deaf(port: int, number: int) -> Iterator[str]:
    """An address whose queue is full: the kernel answers nobody who connects."""
    address = f"127.0.0.{number}"
    with ExitStack() as held:
        listening = held.enter_context(socket.socket())
        listening.bind((address, port))
        listening.listen(0)
        for _ in range(4):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((address, port))
        yield address


async def test_what_was_taken_is_no_failure_however_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is over between the last byte of the answer and the library's return."""
    look = Answers.look

    def slowly(answers: Answers, response: requests.Response, **more: Any) -> None:
        look(answers, response, **more)
        while not answers.deadline.cut:
            time.sleep(0.01)

    monkeypatch.setattr(Answers, "look", slowly)
    async with (
        over_http() as received,
        pushing(to(received, timeout=0.3)) as pusher,
        asyncio.timeout(WITHIN),
    ):
        await pusher.push(shown(), NOW)
        await pusher.push(shown(), NOW)  # over a new connection
    assert len(received.requests) == 2


async def test_sidewatch_pushes_what_it_shows(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("level=info msg=started\n" * 7)
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    async with over_http() as received:
        (tmp_path / "sidewatch.yaml").write_text(
            f"listen: {listen}\n"
            f"push: {{endpoint: 'http://127.0.0.1:{received.port}', interval: 1s}}\n"
            "apps:\n"
            f"  - {{name: shop, logs: [{{files: {log}, service: server, from: beginning}}]}}\n"
        )
        command = (sys.executable, "-m", "exporter", "run", "--config", tmp_path / "sidewatch.yaml")
        child = start(command, tmp_path / "out.log")
        try:
            lines = one("watched_log_lines_total", app="shop", service="server", stream="file")
            async with asyncio.timeout(30):
                while not received.requests or lines not in received.samples():
                    received.requests.clear()
                    await asyncio.sleep(0.2)
                    del received.requests[1:]  # each is a push of its own
                body = await asyncio.to_thread(get, f"http://{listen}/metrics")
                received.requests.clear()
                while not received.requests:  # noqa: ASYNC110 - a push after the scrape
                    await asyncio.sleep(0.1)
                del received.requests[1:]
            shown = samples(metrics(body, Form.TEXT))
            assert shown[one("sidewatch_push_up")] == 1
            assert shown.keys() <= received.samples().keys()
        finally:
            assert child.stop() == 0, child.output()
