"""Passwords: who is let in, what it costs, and what a flood of wrong ones does to the right one."""

from __future__ import annotations

import asyncio
import base64
import ssl
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from msgspec.structs import replace

from exporter.access import Access
from exporter.server import Server
from exporter.server.passwords import MOST_KNOWN, Busy, Passwords
from tests.support.doors import House, door, hashed

CHEAP = {"prometheus": hashed("right").encode()}
MOST = 6.0  # times as long as in calm
METRICS, CHALLENGE = "/metrics", 'Basic realm="sidewatch", charset="UTF-8"'


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@asynccontextmanager
async def asking(server: Server) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.url) as session:
        yield session


async def status(session: aiohttp.ClientSession, path: str, given: str | None) -> int:
    headers = {} if given is None else {"Authorization": given}
    async with session.get(path, headers=headers) as answer:
        await answer.read()
        return answer.status


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"prometheus").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:right").decode(),
        "Bearer right",
        basic("prometheus", "wrong"),
        basic("prometheus", ""),
        basic("Prometheus", "right"),
        basic("nobody", "right"),
        basic("", ""),
    ],
)
async def test_without_the_password_nothing_is_told(given: str | None) -> None:
    house = House(Access(users=CHEAP))
    async with house.serve() as server, asking(server) as session:
        for path in ("/metrics", "/", "/readyz", "/nothing", "/healthz/", "/healthz/../metrics"):
            headers = {} if given is None else {"Authorization": given}
            async with session.get(path, headers=headers) as answer:
                assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, CHALLENGE)
                assert await answer.text() == "This needs a user and its password.\n"
        async with session.post("/metrics", headers=headers) as answer:
            assert answer.status == 401
        async with session.get("/healthz", headers=headers) as answer:
            assert (answer.status, await answer.text()) == (200, "ok\n")
    assert set(house.refused) == {"credentials"}


async def test_with_the_password_all_is_served() -> None:
    house = House(Access(users=CHEAP))
    async with house.serve() as server, asking(server) as session:
        for path, right in (("/metrics", 200), ("/", 200), ("/readyz", 503), ("/nothing", 404)):
            assert await status(session, path, basic("prometheus", "right")) == right
        assert (
            await status(session, METRICS, basic("prometheus", "right").lower()[:5] + " x") == 401
        )


@pytest.mark.parametrize("password", ["a:b:c", "pässwörd", "nul\0inside", "x" * 72, "x" * 100, " "])
async def test_any_password_can_be_one(password: str) -> None:
    users = {"a b": hashed(password[:72]).encode()}
    passwords = Passwords()
    assert await passwords.right(users, basic("a b", password), "here")
    assert not await passwords.right(users, basic("a b", "y" + password), "here")
    passwords.close()


async def test_users_change_at_once_and_what_was_known_is_of_no_use() -> None:
    house = House(Access(users=CHEAP))
    given = basic("prometheus", "right")
    async with house.serve() as server, asking(server) as session:
        assert await status(session, METRICS, given) == 200
        house.access = replace(house.access, users={"other": CHEAP["prometheus"]})
        assert await status(session, METRICS, given) == 401
        house.access = replace(house.access, users={"prometheus": hashed("new").encode()})
        assert await status(session, METRICS, given) == 401
        assert await status(session, METRICS, basic("prometheus", "new")) == 200
        house.access = Access()
        assert await status(session, METRICS, None) == 200


async def test_a_name_that_is_none_takes_as_long_as_one_that_is() -> None:
    passwords = Passwords()
    users = {name: hashed(name, 7).encode() for name in ("one", "two", "three")}

    async def seconds(user: str) -> float:
        took = []
        for number in range(4):
            began = time.perf_counter()
            assert not await passwords.right(users, basic(user, f"wrong{number}"), "here")
            took.append(time.perf_counter() - began)
        return min(took)

    ratio = await seconds("two") / await seconds("nobody")
    assert 1 / 3 < ratio < 3  # without the decoy it is some thousand
    passwords.close()


async def test_what_was_right_costs_nothing_the_next_time() -> None:
    passwords = Passwords()
    users, given = {"prometheus": hashed("right", 10).encode()}, basic("prometheus", "right")

    async def seconds() -> float:
        began = time.perf_counter()
        assert await passwords.right(users, given, "here")
        return time.perf_counter() - began

    first = await seconds()
    assert min([await seconds() for _ in range(20)]) < first / 100
    passwords.close()


async def test_what_is_known_is_bounded_and_holds_no_password() -> None:
    passwords = Passwords()
    users = {f"user{number}": hashed(f"secret{number}").encode() for number in range(8)}
    users |= {f"more{number}": users["user0"] for number in range(MOST_KNOWN)}
    for name in users:
        secret = f"secret{name[4:]}" if name.startswith("user") else "secret0"
        assert await passwords.right(users, basic(name, secret), "here")
    assert len(passwords._known) == MOST_KNOWN
    assert all(b"secret" not in digest and len(digest) == 32 for digest in passwords._known)
    passwords.close()


async def test_one_address_waits_in_few_places_and_leaves_some_to_others() -> None:
    passwords = Passwords()
    users = {"prometheus": hashed("right", 8).encode()}

    async def ask(password: str, address: str) -> bool | None:
        try:
            return await passwords.right(users, basic("prometheus", password), address)
        except Busy:
            return None

    flood = [asyncio.create_task(ask(f"wrong{number}", "there")) for number in range(50)]
    await asyncio.sleep(0)
    assert await ask("right", "here") is True
    told = await asyncio.gather(*flood)
    assert (told.count(False), told.count(None)) == (4, 46)
    assert passwords._waiting == {}
    passwords.close()


@pytest.mark.alone(reason="it measures how long scrapes take")
async def test_a_flood_of_wrong_passwords_slows_the_right_one_little() -> None:
    house = House(Access(users={"prometheus": hashed("right", 10).encode()}))
    right = basic("prometheus", "right")
    async with house.serve() as server, asking(server) as session:

        async def scrapes(count: int) -> float:
            took = []
            for _ in range(count):
                began = time.perf_counter()
                assert await status(session, METRICS, right) == 200
                took.append(time.perf_counter() - began)
                await asyncio.sleep(0.005)
            return statistics.median(took)

        async def flood(number: int) -> None:
            async with asking(server) as other:
                for guess in range(10**6):
                    await status(other, METRICS, basic("prometheus", f"{number}-{guess}"))

        await scrapes(10)
        calm = await scrapes(60)
        before = time.process_time()
        tasks = [asyncio.create_task(flood(number)) for number in range(30)]
        began = time.perf_counter()
        stormy = await scrapes(120)
        burnt = (time.process_time() - before) / (time.perf_counter() - began)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert stormy < 4 * calm  # about as long as in calm
    assert burnt < 0.9  # of one core, this test's own clients too; about 0.2
    assert "busy" in house.refused


@pytest.mark.alone(reason="it measures how long scrapes take")
async def test_slow_and_malformed_requests_slow_the_right_one_little(tmp_path: Path) -> None:
    shut = door(tmp_path)
    house = House(shut.access(users={"prometheus": hashed("right")}))
    trusting = ssl.create_default_context(cafile=str(shut.authority.root))
    right = {"Authorization": basic("prometheus", "right")}

    async def scrapes(server: Server, count: int) -> float:
        """How long one takes, each through a handshake of its own."""
        took = []
        for _ in range(count):
            began = time.perf_counter()
            connector = aiohttp.TCPConnector(ssl=trusting, force_close=True)
            async with (
                aiohttp.ClientSession(connector=connector) as session,
                session.get(server.url + METRICS, headers=right) as answer,
            ):
                assert answer.status == 200
                await answer.read()
            took.append(time.perf_counter() - began)
        return statistics.median(took)

    async def send(server: Server, sent: bytes, *, secure: bool) -> None:
        """Again and again, each time on a new connection, left open for a while."""
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(
                    "127.0.0.1", server.port, ssl=trusting if secure else None
                )
                writer.write(sent)
                try:
                    await asyncio.sleep(0.5)
                finally:
                    writer.transport.abort()

    storm = [
        (b"", False),  # no handshake
        (b"\x16\x03\x01\xff\xff" + b"x" * 600, False),  # one that is none
        (b"GET /metrics HTTP/1.1\r\n\r\n", False),  # plain HTTP
        (b"GET /metr", True),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 100_000, True),
        (b"\0" * 5000, True),
        (b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", True),
    ]
    async with house.serve() as server:
        await scrapes(server, 5)
        slower = list[float]()
        while len(slower) < 3 and min(slower, default=MOST) >= MOST:  # others may have been busy
            calm = await scrapes(server, 30)
            tasks = [
                asyncio.create_task(send(server, sent, secure=secure))
                for sent, secure in storm
                for _ in range(6)
            ]
            slower.append(await scrapes(server, 60) / calm)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0.05)  # what was aborted closes
    assert min(slower) < MOST
    assert house.errors == []
