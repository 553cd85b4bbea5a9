"""Hostile servers: a probe ends within its deadline with the right reason, and hurts no other."""

from __future__ import annotations

import asyncio
import gc
import gzip
import resource
import socket
import threading
import weakref
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest

from exporter.clock import WallClock
from exporter.sources.probes.certificates import Trusts, trusting
from exporter.sources.probes.examine import exam, examine
from exporter.sources.probes.resolver import Resolver, system_lookup
from exporter.sources.probes.settings import Tls
from exporter.sources.probes.verdict import Phases
from exporter.sources.worker import Worker
from tests.support.asking import until
from tests.support.probing import (
    DRIP,
    Server,
    dripping,
    head,
    http,
    once,
    plan_of,
    probed,
    reset,
    saying,
    serving,
    silence,
)

BOMB = gzip.compress(bytes(100 << 20), compresslevel=9)


async def endless_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await head(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: and more\r\n" * 100)
        await writer.drain()


async def endless_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await head(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def endless_interim(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await head(reader)
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.001)


async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await head(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
    await writer.drain()


HOSTILE: dict[str, tuple[Server, str]] = {
    "silence": (silence, "timeout"),
    "drip": (DRIP, "timeout"),
    "drip_head": (dripping(b"HTTP/1.1 200 OK\r\nX-Slow: "), "timeout"),
    "endless_interim": (endless_interim, "timeout"),
    "reset": (reset, "closed"),
    "half": (half, "closed"),
    "nothing": (saying(b""), "closed"),
    "garbage": (saying(b"\x00\xff\x16\x03 garbage\r\n\r\n"), "other"),
    "endless_headers": (endless_headers, "other"),
    "long_header": (saying(http("", "200 OK", f"X: {'x' * 100_000}")), "other"),
    "endless_body": (endless_body, "size"),
    "bomb": (saying(http(BOMB, "200 OK", "Content-Encoding: gzip")), "size"),
    "broken_gzip": (saying(http("no gzip", "200 OK", "Content-Encoding: gzip")), "other"),
    "strange_coding": (saying(http("x", "200 OK", "Content-Encoding: zstd")), "other"),
    "deep_json": (saying(http("[" * 200_000)), "json"),
    "long_number": (saying(http("9" * 100_000)), "json"),
    "nan": (saying(http('{"n": NaN}')), "json"),
    "html": (saying(http("<!doctype html>", "200 OK", "Content-Type: text/html")), "json"),
    "bad_redirect": (saying(http("", "302 Found", "Location: http://[::bad")), "redirect"),
}


@pytest.mark.alone(reason="it asserts when a probe ends")
@pytest.mark.parametrize("name", HOSTILE)
async def test_each_ends_in_time_with_its_reason(name: str) -> None:
    server, wanted = HOSTILE[name]
    loop = asyncio.get_running_loop()
    async with serving(server) as port:
        began = loop.time()
        results = await once(
            f"base: http://127.0.0.1:{port}\ntimeout: 500ms\nhttp: {{x: {{json: {{n: 1}}}}}}"
        )
        took = loop.time() - began
    failure = results["x"].failure
    assert failure is not None
    assert failure.reason == wanted, failure
    assert took < 1.5
    assert sum(results["x"].phases.took.values()) < 1.5


async def test_a_bomb_is_not_unpacked() -> None:
    """Memory is measured by what the process ever had; 100 MB would show."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with serving(HOSTILE["bomb"][0]) as port:
        results = await once(f"base: http://127.0.0.1:{port}\nhttp: {{x: {{}}}}")
    assert results["x"].failure is not None
    assert results["x"].failure.reason == "size"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30 << 10  # KiB


async def test_a_packed_body_within_the_limit_is_read() -> None:
    body = gzip.compress(b'{"n": 1}')
    async with serving(saying(http(body, "200 OK", "Content-Encoding: gzip"))) as port:
        results = await once(
            f"base: http://127.0.0.1:{port}\nhttp: {{x: {{json: {{n: 1}}, limit: 100B}}}}"
        )
    assert results["x"].failure is None


@pytest.mark.alone(reason="it asserts when a probe ends")
async def test_a_server_that_does_not_take_our_request_is_left(tmp_path: Path) -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _ = reader, writer
        await asyncio.Event().wait()

    loop = asyncio.get_running_loop()
    async with serving(deaf) as port:
        began = loop.time()
        results = await once(
            f"base: http://127.0.0.1:{port}\ntimeout: 300ms\n"
            f"http: {{x: {{method: POST, send: '{'x' * 1_000_000}'}}}}",
            tmp_path,
        )
    assert results["x"].failure is not None
    assert results["x"].failure.reason == "timeout"
    assert loop.time() - began < 2.5


async def test_a_port_where_nothing_comes_back_at_all() -> None:
    """A queue of connections that is full: the kernel drops what more comes, as a filter would."""
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        address = hole.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for one in fillers:
            one.setblocking(False)
            one.connect_ex(address)
        results = await once(f"""\
timeout: 300ms
base: http://127.0.0.1:{address[1]}
http: {{x: {{}}}}
tcp: {{y: {{address: "127.0.0.1:{address[1]}"}}}}
""")
        for one in fillers:
            one.close()
    for result in results.values():
        assert result.failure is not None
        assert result.failure.reason == "timeout"
        assert result.phases.current == "connect"


# -- names ----------------------------------------------------------------------------------------


class Dns:
    """Names of the test's own; one of them is never answered, in whatever thread it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.end = threading.Event()

    def lookup(self, host: str, family: int) -> list[str]:
        _ = family
        self.asked.append(host)
        if host == "hole.test":
            self.end.wait(20)
        if host == "none.test":
            raise OSError(-2, "Name or service not known")
        return ["127.0.0.1"]


@pytest.mark.alone(reason="it asserts times of 0.3 s and 2 s")
async def test_a_black_holed_name_blocks_no_other_and_is_asked_once() -> None:
    dns = Dns()
    resolver = Resolver(dns.lookup)
    loop = asyncio.get_running_loop()
    async with serving(saying(http("ok"))) as port:
        probes = f"""\
timeout: 400ms
base: http://live.test:{port}
bases: {{hole: "http://hole.test:{port}", none: "http://none.test:{port}"}}
http: {{good: {{}}, hole: {{base: hole}}, none: {{base: none}}}}
tcp: {{redis: {{address: "hole.test:6379"}}}}
"""
        try:
            began = loop.time()
            results = await once(probes, resolver=resolver)
            again = await once(probes, resolver=resolver)
            took = loop.time() - began
        finally:
            dns.end.set()
    for found in (results, again):
        reasons = {name: one.failure and one.failure.reason for name, one in found.items()}
        assert reasons == {"good": None, "hole": "dns", "none": "dns", "redis": "dns"}
    assert took < 2
    assert dns.asked.count("hole.test") == 1, "one thread waits, however often it is asked"
    assert results["good"].phases.took["resolve"] < 0.3


# -- afterwards -----------------------------------------------------------------------------------


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_nothing_is_left_open() -> None:
    async with serving(silence) as hole, serving(DRIP) as slow, serving(half) as rude:
        probes = f"""\
timeout: 200ms
base: https://127.0.0.1:{hole}
bases:
  plain: http://127.0.0.1:{hole}
  slow: http://127.0.0.1:{slow}
  rude: http://127.0.0.1:{rude}
http: {{a: {{}}, b: {{base: plain}}, c: {{base: slow}}, d: {{base: rude}}}}
tcp:
  e: {{address: "127.0.0.1:{hole}", steps: [{{expect: x}}]}}
  f: {{address: "127.0.0.1:{hole}", tls: {{}}}}
"""
        before = _open_files()
        for _ in range(3):
            await once(probes)
        await until(lambda: _open_files() <= before, "connections to be closed")


async def test_a_context_is_freed_though_a_handshake_never_ended() -> None:
    async with serving(silence) as port:
        context = trusting(Tls(verify=False))
        context.watch(Phases(asyncio.get_running_loop().time))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await asyncio.open_connection("127.0.0.1", port, ssl=context)
        assert context.shown() is None
        gone = weakref.ref(context)
        del context
        await until(lambda: gc.collect() >= 0 and gone() is None, "the context to be freed")


async def test_who_is_told_to_end_while_it_closes_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """At whatever turn of the loop that comes: Python 3.11's `wait_for` loses some."""
    truly = aiohttp.ClientSession.close
    now = asyncio.get_running_loop().time
    worker = Worker("files")
    for turns in range(6):
        closing, closed = asyncio.Event(), asyncio.Event()

        async def close(
            session: aiohttp.ClientSession,
            closing: asyncio.Event = closing,
            closed: asyncio.Event = closed,
        ) -> None:
            await truly(session)
            closing.set()
            await closed.wait()

        monkeypatch.setattr("aiohttp.ClientSession.close", close)
        async with serving(saying(http("ok"))) as port:
            probes = plan_of(f"base: http://127.0.0.1:{port}\nhttp: {{x: {{}}}}").probing.probes
            assert probes is not None
            one = exam(probes.checks[0], WallClock(), Resolver(system_lookup), worker, Trusts())
            task = asyncio.create_task(examine(one, 5.0, now))
            await closing.wait()
            closed.set()
            for _ in range(turns):
                await asyncio.sleep(0)
            if task.cancel():  # else it was over already
                await asyncio.wait([task])
                assert task.cancelled(), turns
    worker.close()


# -- together -------------------------------------------------------------------------------------


@pytest.mark.alone(reason="it asserts how late a probe is asked")
async def test_hostile_servers_delay_no_healthy_probe() -> None:
    """More of them than may be under way at once; the healthy one is asked on its own clock."""
    times = list[float]()
    loop = asyncio.get_running_loop()

    async def good(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        times.append(loop.time())
        await saying(http("ok"))(reader, writer)

    async with serving(silence) as hole, serving(good) as port:
        bad = "".join(f"  bad{n}: {{base: hole, timeout: 900ms}}\n" for n in range(6))
        probes = f"""\
interval: 1s
concurrency: 3
base: http://127.0.0.1:{port}
bases: {{hole: "http://127.0.0.1:{hole}"}}
http:
  good: {{timeout: 900ms}}
{bad}"""
        async with probed(probes) as asked:
            await until(lambda: len(times) >= 6, "the healthy probe to be asked six times")
            assert asked.value("watched_probe_success", "good", "liveness") == 1
            assert 0 in asked.series("watched_probe_success").values()
    rests = [after - before for before, after in pairwise(times[2:])]
    assert max(rests) < 2.2, "an interval, and one budget at the most"
