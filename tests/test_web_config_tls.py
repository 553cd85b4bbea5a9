"""The endpoint behind TLS, as openssl and curl meet it; connections within bounds."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
from pathlib import Path

import pytest

from exporter.config import load_web
from exporter.server import Limits
from tests.support.authority import Authority
from tests.support.doors import Door, House, curl, door, openssl

MUTUAL = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "root.pem"}
OLD = ("-cipher", "DEFAULT@SECLEVEL=0")


@pytest.fixture(scope="module")
def shut(tmp_path_factory: pytest.TempPathFactory) -> Door:
    return door(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def house() -> House:
    return House()


async def test_a_client_that_trusts_the_authority_is_served(shut: Door, house: House) -> None:
    house.access = shut.access()
    async with house.serve() as server:
        assert server.url == f"https://127.0.0.1:{server.port}"
        root = ("--cacert", shut.authority.root)
        status, body = await asyncio.to_thread(curl, f"{server.url}/metrics", *root)
        assert (status, "watched_log_lines_total" in body) == (200, True)
        plain = f"http://127.0.0.1:{server.port}/metrics"
        assert (await asyncio.to_thread(curl, plain))[0] == 0
    assert "handshake" in house.refused


async def test_a_long_answer_comes_whole(shut: Door, house: House) -> None:
    house.access = shut.access()
    house.services = [f"{number}{'x' * 2000}" for number in range(900)]
    async with house.serve() as server:
        url, root = f"{server.url}/metrics", ("--cacert", shut.authority.root)
        status, body = await asyncio.to_thread(curl, url, *root)
        assert (status, body.count("\nwatched_log_lines_total{")) == (200, 900)
    assert len(body) > 10**6


@pytest.mark.parametrize(
    ("given", "options", "served"),
    [
        ({}, ("-tls1_3",), "TLSv1.3"),
        ({}, ("-tls1_2",), "TLSv1.2"),
        ({}, ("-tls1_1", *OLD), ""),
        ({"min_version": "TLS10"}, ("-tls1_1", *OLD), ""),
        ({"min_version": "TLS13"}, ("-tls1_2",), ""),
        ({"min_version": "TLS13"}, ("-tls1_3",), "TLSv1.3"),
        ({"max_version": "TLS12"}, ("-tls1_3",), ""),
        ({"max_version": "TLS12"}, (), "TLSv1.2"),
        ({"cipher_suites": ["TLS_AES_128_GCM_SHA256"]}, ("-tls1_2",), ""),
    ],
)
async def test_only_the_versions_asked_for_are_spoken(
    shut: Door, house: House, given: dict[str, str], options: tuple[str, ...], served: str
) -> None:
    house.access = shut.access(**given)
    async with house.serve() as server:
        told = await openssl(server, *options)
    assert (served in told) if served else told == ""


async def test_only_the_suites_asked_for_are_spoken_in_the_order_asked(
    shut: Door, house: House
) -> None:
    names = ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]
    big, small = "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"
    offer = ("-tls1_2", "-cipher", f"{small}:{big}")
    house.access = shut.access(cipher_suites=names)
    async with house.serve() as server:
        assert f"Cipher is {big}" in await openssl(server, *offer)
        assert f"Cipher is {small}" in await openssl(server, "-tls1_2", "-cipher", small)
        chacha = ("-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305")
        assert await openssl(server, *chacha) == ""
        house.access = shut.access(cipher_suites=names, prefer_server_cipher_suites=False)
        assert f"Cipher is {small}" in await openssl(server, *offer)


async def test_only_a_curve_asked_for_is_used(shut: Door, house: House) -> None:
    house.access = shut.access(curve_preferences=["X25519", "CurveP384"])
    async with house.serve() as server:
        assert "secp384r1" in await openssl(server, "-groups", "P-256:P-384")
        assert await openssl(server, "-groups", "P-256:X25519") == ""


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_a_client_needs_a_certificate_of_the_authority(
    shut: Door, house: House, version: str
) -> None:
    mine = shut.authority.issue("scraper", ["prometheus.example", "10.0.0.7"])
    stranger = Authority(shut.folder / "stranger").issue("stranger")
    good = ("-cert", mine.certificate, "-key", mine.key)
    bad = ("-cert", stranger.certificate, "-key", stranger.key)
    house.access = shut.access(**MUTUAL)
    async with house.serve() as server:
        assert await openssl(server, version, *good)
        assert await openssl(server, version, *bad) == ""
        assert await openssl(server, version) == ""
        house.access = shut.access(**{**MUTUAL, "client_auth_type": "VerifyClientCertIfGiven"})
        assert await openssl(server, version, *good)
        assert await openssl(server, version, *bad) == ""
        assert await openssl(server, version)
        house.access = shut.access(client_auth_type="RequestClientCert")
        assert await openssl(server, version, *bad)


@pytest.mark.parametrize(
    ("names", "served"),
    [
        (["prometheus.example"], True),
        (["other.example", "10.0.0.7"], True),
        (["2001:db8::7"], True),
        (["2001:db8::8"], False),
        (["PROMETHEUS.example"], False),
        (["example"], False),
    ],
)
async def test_a_client_needs_one_of_the_names(
    shut: Door, house: House, names: list[str], *, served: bool
) -> None:
    mine = shut.authority.issue("named", ["prometheus.example", "10.0.0.7", "2001:db8::7"])
    house.access = shut.access(**MUTUAL, client_allowed_sans=names)
    async with house.serve() as server:
        told = await openssl(server, "-cert", mine.certificate, "-key", mine.key)
    assert bool(told) == served
    assert house.refused == ([] if served else ["certificate"])


async def test_a_renewed_certificate_is_shown_to_the_next_and_breaks_nobody(
    shut: Door, house: House
) -> None:
    path = shut.write()
    house.access = load_web(path).access
    trusting = ssl.create_default_context(cafile=str(shut.authority.root))
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

    def serial(stream: asyncio.StreamWriter) -> str:
        found: str = stream.get_extra_info("ssl_object").getpeercert()["serialNumber"]
        return found

    async with house.serve() as server:
        reader, old = await asyncio.open_connection("127.0.0.1", server.port, ssl=trusting)
        renewed = shut.authority.issue("renewed")
        shutil.copy(renewed.certificate, shut.pair.certificate)
        shutil.copy(renewed.key, shut.pair.key)
        house.access = load_web(path).access
        _, new = await asyncio.open_connection("127.0.0.1", server.port, ssl=trusting)
        assert serial(old) != serial(new)
        old.write(request)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        for one in (old, new):
            one.close()


async def test_a_handshake_that_does_not_come_is_not_waited_for(shut: Door, house: House) -> None:
    house.access = shut.access()
    async with house.serve(Limits(handshake=0.3)) as server, asyncio.timeout(10):
        for sent in (b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(sent)
            assert await reader.read() == b""
            writer.close()
    assert house.refused == ["handshake", "handshake"]


async def test_leaving_does_not_wait_for_handshakes(shut: Door, house: House) -> None:
    house.access = shut.access()
    async with asyncio.timeout(5):
        async with house.serve() as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            await asyncio.sleep(0.05)
        assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize("secure", [True, False])
async def test_whoever_opens_more_than_his_share_loses_his_own(
    shut: Door, house: House, *, secure: bool
) -> None:
    house.access = shut.access() if secure else house.access
    async with house.serve(Limits(connections=8, of_one=6)) as server, asyncio.timeout(30):
        other = socket.create_connection(
            ("127.0.0.1", server.port), source_address=("127.0.0.2", 0)
        )
        other.setblocking(False)
        crowd = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(20)]
        root = ("--cacert", shut.authority.root)
        status, _ = await asyncio.to_thread(curl, f"{server.url}/metrics", *root)
        assert status == 200
        assert await crowd[0][0].read() == b""
        with pytest.raises(BlockingIOError):
            other.recv(1)  # the one of the other address is still there
        assert house.refused.count("connections") >= 14
        other.close()
        for _, writer in crowd:
            writer.close()


async def test_who_is_being_answered_is_not_shown_out(house: House) -> None:
    go = asyncio.Event()
    house.hold = go.wait
    scrape = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    async with house.serve(Limits(connections=3, of_one=3)) as server, asyncio.timeout(10):
        first, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(scrape)
        await asyncio.sleep(0.05)
        crowd = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(9)]
        await asyncio.sleep(0.05)
        go.set()
        assert (await first.read()).startswith(b"HTTP/1.1 200")
        for _, one in (*crowd, (first, writer)):
            one.close()


async def test_a_body_where_none_belongs_ends_the_connection(house: House) -> None:
    async with house.serve() as server, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"A GET has no body." in answer


async def test_headers_are_the_operators_beside_ours(shut: Door, house: House) -> None:
    headers = {"Strict-Transport-Security": "max-age=60", "Content-Security-Policy": ""}
    house.access = shut.access(http={"headers": headers})
    async with house.serve() as server:
        told = ("-D", "-", "--cacert", shut.authority.root)
        for path in ("/metrics", "/nothing"):
            _, text = await asyncio.to_thread(curl, server.url + path, *told)
            assert "Strict-Transport-Security: max-age=60" in text
            assert "X-Content-Type-Options: nosniff" in text
            assert "Content-Security-Policy" not in text


def test_the_folder_of_the_file_is_where_paths_begin(
    shut: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shut.write()
    monkeypatch.chdir(tmp_path)
    assert load_web(path).access.context is not None
