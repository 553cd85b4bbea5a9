"""Containers' logs from an Engine of the tests' own that repeats, cuts, lies and hangs."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exporter.app.outlets import origin_of
from exporter.clock import SetClock
from exporter.errors import SourceError
from exporter.forward.track import Track
from exporter.sources.docker import Docker
from exporter.sources.docker.settings import Selection, Tls
from tests.support.certificates import authority
from tests.support.engine import IDENTITY, NOON, SECOND, OneContainer, frame, served
from tests.support.parts import Parts
from tests.support.sinks import KeepingSink
from tests.support.waiting import wait_for

CLOCK = SetClock(NOON / SECOND)
Until = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses are a tenth of what they are."""
    monkeypatch.setattr("exporter.sources.docker.follow.FIRST_PAUSE", 0.1)
    monkeypatch.setattr("exporter.sources.docker.follow.QUIET", 0.1)
    monkeypatch.setattr("exporter.sources.docker.fleet.LEAST", 0.05)


@asynccontextmanager
async def reading(engine: OneContainer, sink: KeepingSink) -> AsyncIterator[Until]:
    """Read from the beginning; `until` waits for something, and fails if the source did."""
    source = Docker(Selection(project="shop", url=engine.url), from_="beginning", poll=1.0)
    task = asyncio.create_task(source.run(sink, CLOCK))

    async def until(ask: Callable[[], bool]) -> None:
        await asyncio.to_thread(
            wait_for, lambda: task.done() or ask(), "what should be", within=40, every=0.01
        )
        if task.done():
            task.result()

    try:
        yield until
    finally:
        task.cancel()
        await asyncio.wait([task])


async def cut(engine: OneContainer, until: Until) -> None:
    """End the follow, as soon as there is one."""
    await until(lambda: bool(engine.follows))
    engine.cut()


def texts(sink: KeepingSink) -> list[str]:
    """What was counted, without the stamps: `stdout F text`."""
    return [line.decode().partition(" ")[2] for line in sink.lines.get("web", [])]


def count(sink: KeepingSink) -> int:
    return len(sink.lines.get("web", []))


async def test_what_is_forwarded_names_its_container() -> None:
    sink = KeepingSink()
    async with served(OneContainer()) as engine, reading(engine, sink) as until:
        engine.say(0, "hello\n")
        await until(lambda: count(sink) == 1)
        cursor = next(one for _, one in sink.known.values() if one.stream)
        origin = origin_of("shop", Track.begin("logs", cursor))
    assert dict(origin.place) == {"id": IDENTITY, "container": "shop_web_1"}


async def test_a_run_that_a_rotation_repeats_counts_once() -> None:
    sink = KeepingSink()
    async with served(OneContainer()) as engine, reading(engine, sink) as until:
        for number in range(6):
            engine.say(10 * number, f"{number}\n", 1 + number % 2)
        await until(lambda: count(sink) == 6)
        engine.repeat(2)
        engine.repeat(5)  # the newest alone
        engine.say(100, "6\n")
        await until(lambda: count(sink) >= 7)
    assert [text[-1] for text in texts(sink)] == list("0123456")


async def test_a_clock_that_is_set_back_costs_no_line_of_a_follow() -> None:
    sink = KeepingSink()
    async with served(OneContainer()) as engine, reading(engine, sink) as until:
        engine.say(3600 * SECOND, "before\n")
        await until(lambda: count(sink) == 1)
        for number in range(3):
            engine.say(number, f"after {number}\n")
        await until(lambda: count(sink) >= 4)
    assert texts(sink)[1:] == ["stdout F after 0", "stdout F after 1", "stdout F after 2"]


async def test_lines_of_one_and_the_same_time_count_each_across_a_restart() -> None:
    sink = KeepingSink()
    async with served(OneContainer()) as engine:
        async with reading(engine, sink) as until:
            engine.say(0, "a\n")
            engine.say(0, "b\n")
            await until(lambda: count(sink) == 2)
        engine.say(0, "c\n")
        sink = KeepingSink.load(sink.dump())
        async with reading(engine, sink) as until:
            await until(lambda: count(sink) >= 3)
    assert texts(sink) == ["stdout F a", "stdout F b", "stdout F c"]


async def test_a_line_cut_into_pieces_by_the_end_of_a_connection_is_whole() -> None:
    sink = KeepingSink()
    async with served(OneContainer()) as engine:
        async with reading(engine, sink) as until:
            engine.say(0, "first\n")
            engine.say(1, "long ")
            await until(lambda: count(sink) == 1)
            await cut(engine, until)
            await until(lambda: len(engine.reads) == 2)
            engine.say(20 * SECOND, "other\n", stream=2)
            await until(lambda: count(sink) == 2)
        sink = KeepingSink.load(sink.dump())
        engine.say(1, "line\n")
        async with reading(engine, sink) as until:
            await until(lambda: count(sink) >= 3)
    assert texts(sink) == ["stdout F first", "stderr F other", "stdout F long line"]


async def test_what_is_written_as_a_follow_begins_counts_once() -> None:
    """It stands in what is read without following, and is followed as well."""
    sink, times = KeepingSink(), iter(range(100))
    async with served(OneContainer()) as engine:
        engine.say(next(times), "0\n")

        def write() -> None:
            for number in (1, 2):
                engine.say(next(times), f"{number}\n")
                engine.say(next(times), f"{number}\n", stream=2)

        engine.before_read = write
        async with reading(engine, sink) as until:
            await until(lambda: count(sink) >= 5)
            engine.say(next(times), "3\n")
            await until(lambda: count(sink) >= 6)
    assert [text for text in texts(sink) if "out" in text] == [f"stdout F {n}" for n in range(4)]
    assert [text for text in texts(sink) if "err" in text] == ["stderr F 1", "stderr F 2"]


async def test_a_line_that_is_half_written_as_a_follow_begins_is_whole() -> None:
    sink = KeepingSink()
    async with served(OneContainer()) as engine:
        engine.say(0, "first\n")
        engine.say(1, "a ")
        async with reading(engine, sink) as until:
            engine.before_read = lambda: engine.say(1, "long ")
            await until(lambda: count(sink) >= 1)
            engine.say(1, "line\n")
            await until(lambda: count(sink) >= 2)
    assert texts(sink) == ["stdout F first", "stdout F a long line"]


async def test_a_silent_stream_does_not_have_the_other_read_again() -> None:
    """Where a stream was silent for an hour, the log is read from ten seconds back."""
    sink = KeepingSink()
    async with served(OneContainer()) as engine:
        engine.say(0, "once\n", stream=2)
        engine.say(3600 * SECOND, "now\n")
        async with reading(engine, sink) as until:
            await until(lambda: count(sink) == 2)
            await cut(engine, until)
            await until(lambda: len(engine.reads) == 2)
    assert engine.reads[1]["since"] == f"{NOON // SECOND + 3590}.000000000"


async def test_half_a_line_counts_when_its_container_has_ended_and_not_before() -> None:
    sink = KeepingSink()
    async with served(OneContainer()) as engine, reading(engine, sink) as until:
        await until(lambda: len(engine.reads) == 1)
        engine.say(0, "half")
        await cut(engine, until)  # as a daemon that stops does
        await until(lambda: len(engine.reads) == 2)
        assert count(sink) == 0
        await until(lambda: bool(engine.follows))
        engine.running = False
        engine.cut()
        await until(lambda: count(sink) == 1)
        engine.running, engine.started = True, 2
        engine.say(5, "next\n")
        await until(lambda: count(sink) == 2)
    assert texts(sink) == ["stdout F half", "stdout F next"]


async def test_an_end_that_comes_at_once_is_answered_by_longer_and_longer_pauses() -> None:
    sink = KeepingSink()
    async with served(OneContainer()) as engine, reading(engine, sink) as until:
        for connects in (1, 2, 3, 4):
            await until(lambda connects=connects: len(engine.reads) >= connects)  # type: ignore[misc]
            await cut(engine, until)
        began = asyncio.get_running_loop().time()
        await until(lambda: len(engine.reads) >= 5)
        assert asyncio.get_running_loop().time() - began > 0.5, "0.1, 0.2, 0.4, 0.8"


@pytest.mark.parametrize(
    ("mangle", "reason"),
    [
        (lambda _: b"<html>no frame at all</html>", "garbled"),
        (lambda _: b"\x01\0\0\0\xff\xff\xff\xff" + b"x" * 100, "garbled"),
        (lambda _: frame(3, b"error from daemon in stream: no space left\n"), "daemon"),
    ],
)
async def test_what_is_no_log_is_a_failure_and_is_tried_again(
    mangle: Callable[[bytes], bytes], reason: str
) -> None:
    sink = KeepingSink()
    async with served(OneContainer()) as engine, reading(engine, sink) as until:
        engine.mangle = mangle
        engine.say(0, "line\n")
        await until(lambda: sink.failures.get(reason, 0) >= 2)
        assert len(engine.reads) <= 3
        engine.mangle = bytes
        await until(lambda: count(sink) == 1)
    assert texts(sink) == ["stdout F line"]


@pytest.mark.parametrize(
    ("page", "reason", "text"),
    [
        ((403, "text/html", "<html>Forbidden</html>"), "denied", "403 Forbidden: allow GET"),
        ((500, "application/json", '{"message": "out of memory"}'), "status", "500 out of memory"),
        ((200, "text/html", "<html>Welcome</html>"), "garbled", "is http.* an Engine's API"),
        ((200, "application/json", "{}"), "garbled", "list of containers is none"),
        ((302, "text/html", ""), "status", "302 Found"),
    ],
)
async def test_a_list_that_is_none_is_an_error_with_a_reason(
    page: tuple[int, str, str], reason: str, text: str
) -> None:
    async with served(OneContainer(page=page)) as engine:
        with pytest.raises(SourceError, match=text) as caught:
            async with reading(engine, KeepingSink()) as until:
                await until(lambda: False)
    assert caught.value.reason == reason


async def test_a_daemon_that_hangs_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.sources.docker.engine.ANSWER", 0.2)
    sink = KeepingSink()
    async with served(OneContainer()) as engine:
        engine.say(0, "line\n")
        async with reading(engine, sink) as until:
            await until(lambda: count(sink) == 1)
            await until(lambda: bool(engine.follows))
            engine.hang = True
            engine.cut()
            with pytest.raises(SourceError, match="may hang") as caught:
                await until(lambda: False)
    assert caught.value.reason == "timeout"


async def test_a_log_that_stops_amid_a_frame_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its daemon answers everything else, and it looks like a log that is quiet."""
    monkeypatch.setattr("exporter.sources.docker.follow.LONGEST_PAUSE", 0.3)
    sink = KeepingSink()
    async with served(OneContainer()) as engine, reading(engine, sink) as until:
        engine.say(0, "first\n")
        await until(lambda: count(sink) == 1)
        engine.mangle = lambda data: data[:-3]
        engine.say(1, "second\n")
        await asyncio.sleep(0.1)
        engine.mangle = bytes
        await until(lambda: count(sink) == 2)
        engine.say(2, "third\n")
        await until(lambda: count(sink) == 3)
        assert sink.failures == {"timeout": 1}
    assert texts(sink) == ["stdout F first", "stdout F second", "stdout F third"]


async def test_a_socket_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    source = Docker(Selection(project="shop", url=f"unix://{tmp_path}/none.sock"))
    with pytest.raises(SourceError, match=r"none\.sock") as caught:
        await source.run(KeepingSink(), CLOCK)
    assert caught.value.reason == "refused"


async def test_a_daemon_behind_tls_is_read_with_a_certificate_and_not_without(
    parts: Parts, tmp_path: Path
) -> None:
    signer = authority(parts.need("openssl"), tmp_path, "authority")
    server, client = signer.sign("server", host="localhost"), signer.sign("client")
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(server.certificate, server.key)
    secure.load_verify_locations(signer.own.certificate)
    secure.verify_mode = ssl.CERT_REQUIRED
    ca = signer.own.certificate
    async with served(OneContainer(), secure) as engine:
        engine.say(0, "line\n")
        sink = KeepingSink()
        for tls, reason in (
            (Tls(ca, client.certificate, client.key), None),
            (Tls(ca), "refused|tls"),  # told in the handshake, or after it
            (Tls(), "tls"),
        ):
            selection = Selection(project="shop", url=engine.url, tls=tls)
            task = asyncio.create_task(Docker(selection, from_="beginning").run(sink, CLOCK))
            if reason is None:
                await asyncio.wait_for(sink.until(1), 10)
                task.cancel()
                await asyncio.wait([task])
                continue
            with pytest.raises(SourceError) as caught:
                await asyncio.wait_for(task, 10)
            assert caught.value.reason in reason.split("|")
    assert texts(sink) == ["stdout F line"]
