"""The endpoint as a real client sees it."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporter.errors import SidewatchError
from exporter.exposition import Form, render
from exporter.model import Family, Snapshot
from exporter.registry import Registry
from exporter.server import Limits, Page, Server, serve

LOOPBACK = "127.0.0.1:0"
USUAL = Limits()
LINES = Family("watched_log_lines_total", "counter", "Lines.", ("service",), limit=10**6)


@dataclass(slots=True)
class House:
    """What stands behind the server; each test changes what it needs."""

    registry: Registry = field(default_factory=lambda: Registry((("app", "shop"),)))
    reasons: list[str] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    policy: str = "default-src 'none'"
    asked: list[bool] = field(default_factory=list)
    expose: Callable[[], Awaitable[Sequence[Snapshot]]] | None = None

    def serve(
        self, listen: str = LOOPBACK, limits: Limits = USUAL, *, created: bool = False
    ) -> AbstractAsyncContextManager[Server]:
        return serve(
            listen,
            expose=self.expose or self.snapshots,
            ready=lambda: self.reasons,
            page=self.page,
            on_error=self.errors.append,
            limits=limits,
            created=created,
        )

    async def page(self, shown: bool) -> Page:  # noqa: FBT001 - the server's word for it
        self.asked.append(shown)
        return Page(self.policy, lambda: "<!doctype html><title>a page</title>")

    async def snapshots(self) -> list[Snapshot]:
        return [self.registry.snapshot(0.0, final=True)]


@pytest.fixture
def house() -> House:
    house = House()
    house.registry.inc(LINES, ("web",), 0.0, 5)
    return house


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


async def test_metrics_come_as_text_unasked(house: House, client: aiohttp.ClientSession) -> None:
    async with (
        house.serve() as server,
        client.get(
            f"{server.url}/metrics", headers={"Accept": "*/*", "Accept-Encoding": "identity"}
        ) as answer,
    ):
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert answer.headers["Vary"] == "Accept, Accept-Encoding"
        assert "Content-Encoding" not in answer.headers
        assert await answer.read() == render(await house.snapshots())


async def test_metrics_come_as_packed_openmetrics_to_prometheus(
    house: House, client: aiohttp.ClientSession
) -> None:
    headers = {
        "Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
        "Accept-Encoding": "gzip",
    }
    async with (
        house.serve(created=True) as server,
        client.get(f"{server.url}/metrics", headers=headers) as answer,
    ):
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Content-Type"] == Form.OPENMETRICS.content_type
        body = gzip.decompress(await answer.read()).decode()
    (family,) = text_string_to_metric_families(body)  # type: ignore[no-untyped-call]  # theirs
    assert [(one.name, one.value) for one in family.samples] == [
        ("watched_log_lines_total", 5.0),
        ("watched_log_lines_created", 0.0),
    ]


async def test_accept_may_be_spread_over_several_lines(
    house: House, client: aiohttp.ClientSession
) -> None:
    headers = [("Accept", "text/plain;q=0.1"), ("Accept", "application/openmetrics-text")]
    async with (
        house.serve() as server,
        client.get(f"{server.url}/metrics", headers=headers) as answer,
    ):
        assert answer.headers["Content-Type"] == Form.OPENMETRICS.content_type


async def test_head_tells_the_length_and_sends_nothing(
    house: House, client: aiohttp.ClientSession
) -> None:
    async with house.serve() as server:
        for path in ("/metrics", "/healthz", "/readyz", "/"):
            async with client.get(server.url + path) as got, client.head(server.url + path) as head:
                assert head.status == 200
                assert head.headers["Content-Length"] == str(len(await got.read()))
                assert await head.read() == b""


async def test_a_long_answer_comes_whole_and_at_its_length(
    house: House, client: aiohttp.ClientSession
) -> None:
    for number in range(20_000):
        house.registry.inc(LINES, (f"service-{number}",), 0.0)
    expected = render(await house.snapshots())
    assert len(expected) > 10**6
    async with house.serve() as server:
        url, plain = f"{server.url}/metrics", {"Accept-Encoding": "identity"}
        for _ in range(2):  # over one connection
            async with client.get(url, headers=plain) as got:
                assert await got.read() == expected
                assert got.headers["Content-Length"] == str(len(expected))
        async with client.head(url, headers=plain) as head:
            assert head.headers["Content-Length"] == str(len(expected))
            assert await head.read() == b""


async def test_health_is_ok_whatever_readiness_says(
    house: House, client: aiohttp.ClientSession
) -> None:
    house.reasons = ["web: 300 bytes behind", "worker: not opened yet"]
    async with house.serve() as server:
        async with client.get(f"{server.url}/healthz") as answer:
            assert (answer.status, await answer.text()) == (200, "ok\n")
        async with client.get(f"{server.url}/readyz") as answer:
            told = "web: 300 bytes behind\nworker: not opened yet\n"
            assert (answer.status, await answer.text()) == (503, told)
        house.reasons = []
        async with client.get(f"{server.url}/readyz") as answer:
            assert (answer.status, await answer.text()) == (200, "ok\n")


async def test_the_page_comes_with_its_own_policy(
    house: House, client: aiohttp.ClientSession
) -> None:
    house.policy = "default-src 'none'; script-src 'sha256-x'"
    async with house.serve() as server, client.get(f"{server.url}/") as answer:
        assert await answer.text() == "<!doctype html><title>a page</title>"
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Content-Security-Policy"] == house.policy
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ({}, True),
        ({"Host": "localhost:9877"}, True),
        ({"Host": "[::1]"}, True),
        ({"Host": "rebound.example:9877"}, False),
        ({"Host": "127.0.0.1.rebound.example"}, False),
        ({"X-Forwarded-For": "203.0.113.9"}, False),
        ({"Forwarded": "for=203.0.113.9"}, False),
        ({"Via": "1.1 proxy"}, False),
        ({"X-Forwarded-Proto": "https"}, False),
        ({"CF-Connecting-IP": "203.0.113.9"}, False),
        ({"X-Anything-Else": "shop"}, True),
    ],
)
async def test_samples_are_for_who_sits_at_this_machine(
    house: House, client: aiohttp.ClientSession, headers: dict[str, str], *, shown: bool
) -> None:
    async with house.serve() as server, client.get(f"{server.url}/", headers=headers) as answer:
        assert answer.status == 200
    assert house.asked == [shown]


async def test_no_samples_are_for_who_speaks_as_nginx_does_where_it_was_not_told_another_way(
    house: House,
) -> None:
    """It adds no header, names this machine as the host, and speaks HTTP/1.0."""
    old = aiohttp.ClientSession(version=aiohttp.HttpVersion10)
    async with house.serve() as server, old, old.get(f"{server.url}/") as answer:
        assert answer.status == 200
    assert house.asked == [False]


@pytest.mark.parametrize("path", ["/", "/metrics", "/healthz", "/readyz", "/nothing"])
async def test_no_answer_lets_a_browser_guess_its_type(
    house: House, client: aiohttp.ClientSession, path: str
) -> None:
    async with house.serve() as server, client.get(server.url + path) as answer:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Server"] == "sidewatch"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
async def test_only_reading_is_allowed(
    house: House, client: aiohttp.ClientSession, method: str
) -> None:
    async with (
        house.serve() as server,
        client.request(method, f"{server.url}/metrics", data=b"x" * 100_000) as answer,
    ):
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET,HEAD"


async def test_an_unknown_path_says_what_there_is(
    house: House, client: aiohttp.ClientSession
) -> None:
    async with house.serve() as server, client.get(f"{server.url}/metric") as answer:
        assert answer.status == 404
        assert "/metrics" in await answer.text()


async def test_a_scrape_that_fails_is_told_and_the_next_one_answered(
    house: House, client: aiohttp.ClientSession
) -> None:
    faults = [ValueError("a secret: hunter2")]

    async def expose() -> list[Snapshot]:
        if faults:
            raise faults.pop()
        return await house.snapshots()

    house.expose = expose
    async with house.serve() as server:
        async with client.get(f"{server.url}/metrics") as answer:
            assert answer.status == 500
            assert await answer.text() == "This could not be made (ValueError).\n"
        assert [str(error) for error in house.errors] == ["a secret: hunter2"]
        async with client.get(f"{server.url}/metrics") as answer:
            assert answer.status == 200


async def test_a_scrape_that_hangs_ends(house: House, client: aiohttp.ClientSession) -> None:
    async def expose() -> list[Snapshot]:
        await asyncio.Event().wait()
        return []

    house.expose = expose
    async with house.serve(limits=Limits(make=0.05)) as server:
        async with client.get(f"{server.url}/metrics") as answer:
            assert answer.status == 500
        assert [type(error) for error in house.errors] == [TimeoutError]


async def test_many_scrapes_at_once_each_get_their_own(
    house: House, client: aiohttp.ClientSession
) -> None:
    for number in range(6000):  # enough to be rendered in a thread
        house.registry.inc(LINES, (str(number),), 0.0, number)
    shown = await house.snapshots()
    async with house.serve() as server:

        async def scrape(form: Form, encoding: str) -> None:
            headers = {"Accept": form.content_type, "Accept-Encoding": encoding}
            async with client.get(f"{server.url}/metrics", headers=headers) as answer:
                body = await answer.read()
            body = gzip.decompress(body) if encoding == "gzip" else body
            assert body == render(shown, form)

        await asyncio.gather(
            *(
                scrape(form, encoding)
                for form in Form
                for encoding in ("gzip", "identity")
                for _ in range(3)
            )
        )
    assert house.errors == []


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("127.0.0.1:0", "http://127.0.0.1:{}"),
        ("[::1]:0", "http://[::1]:{}"),
        ("0.0.0.0:0", "http://127.0.0.1:{}"),
        ("[::]:0", "http://[::1]:{}"),
    ],
)
async def test_the_url_leads_to_the_server(
    house: House, client: aiohttp.ClientSession, listen: str, url: str
) -> None:
    if "::" in listen and not _has_ipv6():
        pytest.skip("this host has no IPv6 loopback")
    async with house.serve(listen) as server:
        assert server.port > 0
        assert server.url == url.format(server.port)
        async with client.get(f"{server.url}/healthz") as answer:
            assert answer.status == 200


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


async def test_without_a_host_every_address_is_listened_at(
    house: House, client: aiohttp.ClientSession
) -> None:
    async with house.serve(":0") as server:
        for url in {server.url, f"http://127.0.0.1:{server.port}"}:
            async with client.get(f"{url}/healthz") as answer:
                assert answer.status == 200


async def test_a_name_is_listened_at_under_all_its_addresses_at_one_port(
    house: House, client: aiohttp.ClientSession
) -> None:
    addresses = {one[4][0] for one in socket.getaddrinfo("localhost", None)}
    async with house.serve("localhost:0") as server:
        for address in addresses:
            host = f"[{address}]" if ":" in str(address) else address
            async with client.get(f"http://{host}:{server.port}/healthz") as answer:
                assert answer.status == 200


async def test_a_taken_port_is_said_with_what_to_do(house: House) -> None:
    async with house.serve() as server:
        listen = f"127.0.0.1:{server.port}"
        with pytest.raises(SidewatchError, match=f"{listen}.*choose another port"):
            async with house.serve(listen):
                pass


@pytest.mark.parametrize(
    "listen",
    ["", "9877", "localhost", "127.0.0.1:", "::1:9877", "[::1]", "h:70000", "http://h:1", "h:x"],
)
async def test_a_misspelled_address_is_said_with_examples(house: House, listen: str) -> None:
    with pytest.raises(SidewatchError, match=r"127\.0\.0\.1:9877"):
        async with house.serve(listen):
            pass


@pytest.mark.parametrize("listen", ["no-such-host.invalid:0", "203.0.113.7:0", "a..b:0"])
async def test_an_address_of_nobody_is_an_error_not_a_traceback(house: House, listen: str) -> None:
    with pytest.raises(SidewatchError, match=listen):
        async with house.serve(listen):
            pass


async def test_the_port_is_free_again_afterwards(
    house: House, client: aiohttp.ClientSession
) -> None:
    async with house.serve() as server, client.get(f"{server.url}/healthz"):
        pass
    async with house.serve(f"127.0.0.1:{server.port}") as again:
        assert again == server


async def test_leaving_does_not_wait_for_clients(house: House) -> None:
    async with asyncio.timeout(5):
        async with house.serve() as server:
            _, idle = await asyncio.open_connection("127.0.0.1", server.port)
            _, half = await asyncio.open_connection("127.0.0.1", server.port)
            half.write(b"GET /metr")
            await half.drain()
    for writer in (idle, half):
        writer.close()
