"""Records over OTLP/HTTP: what each answer of a receiver means, good or bad."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.clock import SetClock
from exporter.forward.http import HttpSender, retry_after
from exporter.forward.shapes import Origin, Outcome
from exporter.forward.target import Target, Wish, target
from tests.support import otlp
from tests.support.certificates import Authority, authority
from tests.support.otlp import Answer, batch, complains, http_receiver, says
from tests.support.parts import Parts
from tests.support.proxy import proxy
from tests.support.waiting import free_port

NOON = 1_795_219_200.0  # 2026-11-21 00:00:00 UTC
HERE: Mapping[str, str] = {"host.name": "box"}


def _target(url: str, timeout: float = 5.0, *, gzip: bool = True) -> Target:
    return Target("http/protobuf", f"{url}/v1/logs", gzip=gzip, timeout=timeout)


async def _send(to: Target, *bodies: str) -> Outcome:
    sender = HttpSender(to, HERE, SetClock(NOON), 2)
    try:
        return await sender.send(batch(*(bodies or ("one", "two"))))
    finally:
        await sender.close()


@pytest.mark.parametrize("gzip", [True, False])
async def test_a_batch_arrives_grouped_by_what_wrote_it(*, gzip: bool) -> None:
    other = Origin("shop", "worker", "stderr", "docker", (("id", "c0ffee"), ("container", "w-1")))
    async with http_receiver() as receiver:
        sender = HttpSender(_target(receiver.url, gzip=gzip), HERE, SetClock(NOON), 2)
        sent = [*batch("a", "b"), *batch("c", origin=other), *batch("d")]
        assert await sender.send(sent) == Outcome("accepted")
        await sender.close()
    (request,) = receiver.requests
    assert receiver.paths == ["/v1/logs"]
    assert receiver.headers[0]["Content-Type"] == "application/x-protobuf"
    assert receiver.bodies == ["a", "b", "d", "c"]
    found = [otlp.attributes(one.resource.attributes) for one in request.resource_logs]
    assert found == [
        {
            "service.name": "shop/web",
            "host.name": "box",
            "sidewatch.app": "shop",
            "sidewatch.service": "web",
            "sidewatch.source": "logs",
        },
        {
            "service.name": "shop/worker",
            "host.name": "box",
            "container.id": "c0ffee",
            "container.name": "w-1",
            "sidewatch.app": "shop",
            "sidewatch.service": "worker",
            "sidewatch.source": "docker",
        },
    ]
    assert {scope.scope.name for one in request.resource_logs for scope in one.scope_logs} == {
        "sidewatch"
    }


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (says(), Outcome("accepted")),
        (says(204), Outcome("accepted")),
        (says(200, b"ok", "text/plain"), Outcome("accepted")),
        (says(200, b'{"ok": 1}', "application/json"), Outcome("accepted")),
        (says(200, b"[", "application/json"), Outcome("accepted")),
        (
            says(
                200,
                b'{"partialSuccess": {"rejectedLogRecords": "3", "errorMessage": "no"}}',
                "application/json",
            ),
            Outcome("partial", "rejected", "no", rejected=3),
        ),
        (
            says(400, b"entry too far behind\n", "text/plain"),
            Outcome("refused", "status_400", "status 400: entry too far behind"),
        ),
        (
            says(200, otlp.partial(0, "slow down\nplease")),
            Outcome("accepted", "warned", "slow down please"),
        ),
        (
            says(200, otlp.partial(7, "too old")),
            Outcome("partial", "rejected", "too old", rejected=7),
        ),
        (
            complains(429, "quota", Retry_After="30"),
            Outcome("throttled", "status_429", "status 429: quota", retry_after=30.0),
        ),
        (complains(429, ""), Outcome("throttled", "status_429", "status 429")),
        (
            complains(503, "busy", Retry_After="Sat, 21 Nov 2026 00:01:00 GMT"),
            Outcome("throttled", "status_503", "status 503: busy", retry_after=60.0),
        ),
        (says(502, b"<html>", "text/html"), Outcome("failed", "status_502", "status 502")),
        (
            complains(400, "bad record"),
            Outcome("refused", "status_400", "status 400: bad record"),
        ),
        (complains(413, "big"), Outcome("refused", "too_large", "status 413: big")),
        (complains(500, "poison"), Outcome("refused", "status_500", "status 500: poison")),
        (says(401), Outcome("failed", "credentials", "status 401")),
        (says(404), Outcome("failed", "path", "status 404")),
    ],
    ids=lambda one: f"{one.verdict}-{one.reason}" if isinstance(one, Outcome) else "answer",
)
async def test_what_an_answer_means(answer: Answer, wanted: Outcome) -> None:
    async with http_receiver(answer) as receiver:
        assert await _send(_target(receiver.url)) == wanted
    assert len(receiver.requests) == 1, "it was sent once: trying again is another's business"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed_and_is_no_success(status: int) -> None:
    async with http_receiver(says(status, Location="/login?next=secret")) as receiver:
        found = await _send(_target(receiver.url))
    assert (found.verdict, found.reason) == ("failed", "redirect")
    assert f"{receiver.url}/login" in found.text
    assert "secret" not in found.text
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        says(200, b"<html>Please sign in</html>", "text/html"),
        says(200, b"\xff\xff\xff\xff"),
        otlp.dribbles,
    ],
    ids=["a portal's page", "garbage", "an answer without end"],
)
async def test_a_success_of_something_else_is_none(answer: Answer) -> None:
    async with http_receiver(answer) as receiver:
        found = await _send(_target(receiver.url))
    assert (found.verdict, found.reason) == ("failed", "answer")


async def test_a_receiver_that_hangs_or_tears_the_connection() -> None:
    async with http_receiver(otlp.hangs, otlp.resets) as receiver:
        late = await _send(_target(receiver.url, timeout=0.3))
        torn = await _send(_target(receiver.url))
    assert (late.verdict, late.reason) == ("failed", "timeout")
    assert (torn.verdict, torn.reason) == ("failed", "reset")


async def test_a_hole_on_the_way_is_left_behind() -> None:
    """The kept connection is dead, and nobody tells."""
    async with http_receiver() as receiver:
        with proxy(int(receiver.url.rpartition(":")[2])) as way:
            to = _target(f"http://127.0.0.1:{way.port}", timeout=0.5)
            sender = HttpSender(to, HERE, SetClock(NOON), 1)
            assert await sender.send(batch("one")) == Outcome("accepted")
            way.swallow()
            assert (await sender.send(batch("two"))).reason == "timeout"
            way.carry()
            assert await sender.send(batch("two")) == Outcome("accepted")
            await sender.close()
    assert receiver.bodies == ["one", "two"]


async def test_nobody_there_and_a_name_that_is_none() -> None:
    nobody = await _send(_target(f"http://127.0.0.1:{free_port()}"))
    assert (nobody.verdict, nobody.reason) == ("failed", "refused")
    unknown = await _send(_target("http://collector.invalid:4318"))
    assert (unknown.verdict, unknown.reason) == ("failed", "dns")


async def test_what_speaks_no_http() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        sender = HttpSender(_target(f"http://127.0.0.1:{port}"), HERE, SetClock(NOON), 1)
        listener.setblocking(False)
        found = await _answered_with(listener, sender, b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    assert (found.verdict, found.reason) == ("failed", "answer")


async def _answered_with(listener: socket.socket, sender: HttpSender, answer: bytes) -> Outcome:
    async def serve() -> None:
        loop = asyncio.get_running_loop()
        one, _ = await loop.sock_accept(listener)
        with one:
            await loop.sock_sendall(one, answer)
            await loop.sock_recv(one, 1 << 16)

    server = asyncio.create_task(serve())
    found = await sender.send(batch("one"))
    await sender.close()
    await server
    return found


# -- secrets and certificates -------------------------------------------------------------------


async def test_headers_of_the_settings_and_of_a_file_that_changes(tmp_path: Path) -> None:
    secrets = tmp_path / "headers"
    secrets.write_text("# of the vendor\nAuthorization: Bearer old\n")
    async with http_receiver() as receiver:
        own = {"X-Scope": "shop", "user-agent": "mine"}
        to = replace(_target(receiver.url), headers=own, headers_file=secrets)
        sender = HttpSender(to, HERE, SetClock(NOON), 1)
        await sender.send(batch("one"))
        secrets.write_text("Authorization: Bearer new\n")
        await sender.send(batch("two"))
        secrets.write_text("no header at all")
        broken = await sender.send(batch("three"))
        await sender.close()
    assert [one["Authorization"] for one in receiver.headers] == ["Bearer old", "Bearer new"]
    assert {one["X-Scope"] for one in receiver.headers} == {"shop"}
    assert {one["User-Agent"] for one in receiver.headers} == {"mine"}
    assert (broken.verdict, broken.reason) == ("failed", "files")
    assert "no header at all" not in broken.text
    assert "Bearer" not in repr(to)


@pytest.fixture(scope="module")
def ours(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(parts.need("openssl"), tmp_path_factory.mktemp("forward"), "ours")


def _server(ours: Authority, *, wants: bool = False) -> ssl.SSLContext:
    pair = ours.sign("collector", host="localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    if wants:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(ours.own.certificate)
    return context


async def test_tls_with_an_authority_of_ones_own(ours: Authority) -> None:
    async with http_receiver(context=_server(ours)) as receiver:
        trusted = replace(_target(receiver.url), ca=ours.own.certificate)
        assert await _send(trusted) == Outcome("accepted")
        stranger = await _send(_target(receiver.url))
    assert (stranger.verdict, stranger.reason) == ("failed", "tls")
    assert "not accepted" in stranger.text
    assert len(receiver.requests) == 1


async def test_a_client_certificate(ours: Authority) -> None:
    mine = ours.sign("sidewatch")
    async with http_receiver(context=_server(ours, wants=True)) as receiver:
        without = replace(_target(receiver.url), ca=ours.own.certificate)
        refused = await _send(without)
        # With TLS 1.3 the server tears the connection, and its reason may be lost on the way.
        assert refused.verdict == "failed"
        assert refused.reason in {"tls", "reset"}
        known = replace(without, certificate=mine.certificate, key=mine.key)
        assert await _send(known) == Outcome("accepted")


async def test_plain_text_where_tls_is_spoken(ours: Authority) -> None:
    async with http_receiver(context=_server(ours)) as receiver:
        found = await _send(_target(receiver.url.replace("https", "http")))
    assert found.verdict == "failed"


async def test_a_certificate_that_cannot_be_read(ours: Authority, tmp_path: Path) -> None:
    async with http_receiver(context=_server(ours)) as receiver:
        found = await _send(replace(_target(receiver.url), ca=tmp_path / "none.pem"))
    assert (found.verdict, found.reason) == ("failed", "files")


@pytest.mark.parametrize(
    ("spelled", "seconds"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("9" * 400, 86400.0),
        ("Sat, 21 Nov 2026 00:00:10 GMT", 10.0),
        ("Fri, 20 Nov 2026 00:00:10 GMT", 0.0),
        ("Fri, 20 Nov 9999 00:00:10 GMT", 86400.0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("\u0663", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after(spelled: str | None, seconds: float | None) -> None:
    assert retry_after(spelled, NOON) == seconds


# -- where to -----------------------------------------------------------------------------------

E = "OTEL_EXPORTER_OTLP_"


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, "http://localhost:4318/v1/logs"),
        ({f"{E}ENDPOINT": "http://c:4318"}, "http://c:4318/v1/logs"),
        ({f"{E}ENDPOINT": "https://c/otlp/"}, "https://c/otlp/v1/logs"),
        ({f"{E}LOGS_ENDPOINT": "http://c:4318"}, "http://c:4318/"),
        ({f"{E}LOGS_ENDPOINT": "http://c/in", f"{E}ENDPOINT": "http://d"}, "http://c/in"),
        ({f"{E}PROTOCOL": "grpc"}, "http://localhost:4317"),
        ({f"{E}PROTOCOL": "grpc", f"{E}ENDPOINT": "c:4317"}, "https://c:4317"),
        (
            {f"{E}LOGS_PROTOCOL": "grpc", f"{E}ENDPOINT": "c:4317", f"{E}INSECURE": "true"},
            "http://c:4317",
        ),
        ({f"{E}PROTOCOL": "grpc", f"{E}ENDPOINT": "https://c:1/v1/logs"}, "https://c:1"),
    ],
)
def test_the_endpoint_of_the_environment(environ: dict[str, str], url: str) -> None:
    """The path rules of OpenTelemetry's own specification."""
    assert target(Wish(), environ).url == url


def test_the_rest_of_the_environment() -> None:
    environ = {
        f"{E}HEADERS": "api-key=general",
        f"{E}LOGS_HEADERS": "Authorization=Basic%20YTpi, x-tenant=1",
        f"{E}COMPRESSION": "none",
        f"{E}LOGS_TIMEOUT": "2500",
        f"{E}CERTIFICATE": "/etc/ca.pem",
        f"{E}CLIENT_CERTIFICATE": "/etc/me.pem",
        f"{E}LOGS_CLIENT_KEY": "/etc/me.key",
        f"{E}ENDPOINT": "",
    }
    assert target(Wish(), environ) == Target(
        "http/protobuf",
        "http://localhost:4318/v1/logs",
        {"Authorization": "Basic YTpi", "x-tenant": "1"},
        gzip=False,
        timeout=2.5,
        ca=Path("/etc/ca.pem"),
        certificate=Path("/etc/me.pem"),
        key=Path("/etc/me.key"),
    )


def test_what_is_configured_goes_before_the_environment() -> None:
    environ = {f"{E}ENDPOINT": "http://c:4318", f"{E}HEADERS": "a=1", f"{E}TIMEOUT": "1000"}
    found = target(Wish(headers={"b": "2"}, timeout=3.0, compression="none"), environ)
    assert found.url == "http://c:4318/v1/logs"
    assert (found.headers, found.timeout, found.gzip) == ({"b": "2"}, 3.0, False)


def test_a_scheme_in_capitals_is_a_scheme() -> None:
    own = target(Wish(endpoint="HTTPS://c:4318"), {})
    told = target(Wish(protocol="grpc"), {f"{E}ENDPOINT": "HTTPS://c:4317"})
    assert [(one.url, one.secure) for one in (own, told)] == [
        ("https://c:4318/v1/logs", True),
        ("https://c:4317", True),
    ]


def test_the_secrets_of_one_receiver_go_to_no_other() -> None:
    environ = {f"{E}ENDPOINT": "https://vendor/", f"{E}HEADERS": "api-key=s3cret"}
    assert target(Wish(endpoint="http://inhouse:4318"), environ).headers == {}
    same = target(Wish(endpoint="https://vendor/other/path"), environ)
    assert (same.url, same.headers) == ("https://vendor/other/path", {"api-key": "s3cret"})
    alone = target(Wish(endpoint="http://inhouse:4318"), {f"{E}HEADERS": "api-key=s3cret"})
    assert alone.headers == {"api-key": "s3cret"}


@pytest.mark.parametrize(
    ("wish", "environ", "said"),
    [
        (Wish(endpoint="collector:4318"), {}, "begins with http://"),
        (Wish(endpoint="http://me:hunter2@c"), {}, "no user or password"),
        (Wish(protocol="http/json"), {}, "http/protobuf or grpc"),
        (Wish(), {f"{E}TIMEOUT": "10s"}, "whole milliseconds"),
        (Wish(), {f"{E}COMPRESSION": "zstd"}, "gzip or none"),
        (Wish(), {f"{E}HEADERS": "hunter2"}, "name=value"),
        (Wish(headers={"content-type": "hunter2"}), {}, "leave it out"),
        (Wish(), {f"{E}HEADERS": "a=hunter2%0aX: y"}, "line ends"),
    ],
)
def test_what_is_wrong_is_said_without_secrets(
    wish: Wish, environ: dict[str, str], said: str
) -> None:
    with pytest.raises(ValueError, match=said) as error:
        target(wish, environ)
    assert "hunter2" not in str(error.value)
