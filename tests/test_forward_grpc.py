"""Records over OTLP/gRPC: what each status of a receiver means, good or bad."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from exporter.clock import SetClock
from exporter.forward.grpc import GrpcSender
from exporter.forward.senders import sender
from exporter.forward.shapes import Outcome
from exporter.forward.target import Target
from tests.support import otlp
from tests.support.certificates import Authority, Signed, authority
from tests.support.otlp import aborts, batch, grpc_receiver
from tests.support.parts import Parts
from tests.support.proxy import proxy
from tests.support.waiting import free_port

HERE = {"host.name": "box"}


def _target(url: str, timeout: float = 5.0, *, gzip: bool = True) -> Target:
    return Target("grpc", url, gzip=gzip, timeout=timeout)


async def _send(to: Target, *bodies: str) -> Outcome:
    found = GrpcSender(to, HERE)
    try:
        return await found.send(batch(*(bodies or ("one", "two"))))
    finally:
        await found.close()


def _retry(seconds: int, nanos: int = 0) -> Status:
    found = Status(code=8, message="later")
    found.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=seconds, nanos=nanos)))
    return found


@pytest.mark.parametrize("gzip", [True, False])
async def test_a_batch_arrives_with_its_metadata(*, gzip: bool) -> None:
    async with grpc_receiver() as receiver:
        to = replace(_target(receiver.url, gzip=gzip), headers={"Authorization": "Bearer x"})
        found = sender(to, HERE, SetClock(0), 2)
        assert await found.send(batch("one", "two")) == Outcome("accepted")
        assert await found.send(batch("three")) == Outcome("accepted")
        await found.close()
    assert receiver.bodies == ["one", "two", "three"]
    assert receiver.headers[0]["authorization"] == "Bearer x"
    assert "sidewatch/" in receiver.headers[0]["user-agent"]
    resource = receiver.requests[0].resource_logs[0].resource
    assert otlp.attributes(resource.attributes)["service.name"] == "shop/web"


@pytest.mark.parametrize(
    ("deed", "wanted"),
    [
        (otlp.rejects(3, "too old"), Outcome("partial", "rejected", "too old", rejected=3)),
        (otlp.rejects(0, "soon gone"), Outcome("accepted", "warned", "soon gone")),
        (
            aborts(StatusCode.UNAVAILABLE, "busy", _retry(7, 500_000_000)),
            Outcome("throttled", "unavailable", "UNAVAILABLE: busy", retry_after=7.5),
        ),
        (
            aborts(StatusCode.RESOURCE_EXHAUSTED, "quota", _retry(60)),
            Outcome("throttled", "resource_exhausted", "RESOURCE_EXHAUSTED: quota", 0, 60.0),
        ),
        (
            aborts(StatusCode.RESOURCE_EXHAUSTED, "quota"),
            Outcome("throttled", "resource_exhausted", "RESOURCE_EXHAUSTED: quota"),
        ),
        *(
            (aborts(code, "no"), Outcome("failed", code.name.lower(), f"{code.name}: no"))
            for code in (
                StatusCode.CANCELLED,
                StatusCode.ABORTED,
                StatusCode.OUT_OF_RANGE,
                StatusCode.UNAVAILABLE,
                StatusCode.DATA_LOSS,
            )
        ),
        *(
            (aborts(code, "no"), Outcome("refused", code.name.lower(), f"{code.name}: no"))
            for code in (
                StatusCode.INVALID_ARGUMENT,
                StatusCode.NOT_FOUND,
                StatusCode.ALREADY_EXISTS,
                StatusCode.FAILED_PRECONDITION,
                StatusCode.INTERNAL,
                StatusCode.UNKNOWN,
            )
        ),
        (
            aborts(StatusCode.UNAUTHENTICATED, "who?"),
            Outcome("failed", "credentials", "UNAUTHENTICATED: who?"),
        ),
        (
            aborts(StatusCode.PERMISSION_DENIED, "no"),
            Outcome("failed", "forbidden", "PERMISSION_DENIED: no"),
        ),
    ],
    ids=lambda one: f"{one.verdict}-{one.reason}" if isinstance(one, Outcome) else "answer",
)
async def test_what_a_status_means(deed: Any, wanted: Outcome) -> None:
    async with grpc_receiver(deed) as receiver:
        assert await _send(_target(receiver.url)) == wanted
    assert len(receiver.requests) == 1, "it was sent once: trying again is another's business"


async def test_a_batch_larger_than_the_receiver_takes() -> None:
    """gRPC's own refusal, as its servers spell it: half of the batch may fit."""
    small = [("grpc.max_receive_message_length", 1000)]
    async with grpc_receiver(options=small) as receiver:
        found = await _send(_target(receiver.url, gzip=False), "x" * 2000)
        assert (found.verdict, found.reason) == ("refused", "too_large")
        assert await _send(_target(receiver.url, gzip=False), "x" * 200) == Outcome("accepted")


async def test_a_batch_larger_than_grpc_sends_by_itself() -> None:
    async with grpc_receiver(options=[("grpc.max_receive_message_length", -1)]) as receiver:
        assert await _send(_target(receiver.url, gzip=False), "x" * 5_000_000) == Outcome(
            "accepted"
        )


async def test_a_receiver_that_hangs() -> None:
    async with grpc_receiver(otlp.stalls) as receiver:
        found = await _send(_target(receiver.url, timeout=0.3))
    assert (found.verdict, found.reason) == ("failed", "timeout")


async def test_a_hole_on_the_way_is_left_behind() -> None:
    """gRPC itself would wait for minutes on a connection of which nobody tells that it is dead."""
    async with grpc_receiver() as receiver:
        with proxy(int(receiver.url.rpartition(":")[2])) as way:
            found = GrpcSender(_target(f"http://127.0.0.1:{way.port}", timeout=0.5), HERE)
            assert await found.send(batch("one")) == Outcome("accepted")
            way.swallow()
            assert (await found.send(batch("two"))).reason == "timeout"
            way.carry()
            assert await found.send(batch("two")) == Outcome("accepted")
            await found.close()
    assert receiver.bodies == ["one", "two"]


async def test_nobody_there_and_a_name_that_is_none() -> None:
    nobody = await _send(_target(f"http://127.0.0.1:{free_port()}"))
    assert (nobody.verdict, nobody.reason) == ("failed", "refused")
    unknown = await _send(_target("http://collector.invalid:4317"))
    assert (unknown.verdict, unknown.reason) == ("failed", "dns")


async def test_a_receiver_by_http_is_none_by_grpc() -> None:
    async with otlp.http_receiver() as receiver:
        found = await _send(_target(receiver.url, timeout=2.0))
    assert found.verdict == "failed"
    assert receiver.requests == []


async def test_it_comes_back_when_the_receiver_does() -> None:
    port = free_port()
    found = GrpcSender(_target(f"http://localhost:{port}"), HERE)
    assert (await found.send(batch("one"))).reason == "refused"
    async with grpc_receiver(port=port) as receiver:
        outcome = await found.send(batch("one"))
        for _ in range(30):  # gRPC waits half a second itself before it connects again
            if outcome.verdict == "accepted":
                break
            await asyncio.sleep(0.1)
            outcome = await found.send(batch("one"))
        assert receiver.bodies == ["one"]
    await found.close()


# -- certificates -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ours(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(parts.need("openssl"), tmp_path_factory.mktemp("forward"), "ours")


def _server(ours: Authority, *, wants: bool) -> grpc.ServerCredentials:
    pair: Signed = ours.sign("collector", host="localhost")
    chain = [(pair.key.read_bytes(), pair.certificate.read_bytes())]
    root = ours.own.certificate.read_bytes() if wants else None
    return grpc.ssl_server_credentials(chain, root, wants)


async def test_tls_with_an_authority_of_ones_own(ours: Authority, tmp_path: Path) -> None:
    async with grpc_receiver(credentials=_server(ours, wants=False)) as receiver:
        trusted = replace(_target(receiver.url), ca=ours.own.certificate)
        assert await _send(trusted) == Outcome("accepted")
        stranger = await _send(_target(receiver.url))
        lost = await _send(replace(trusted, ca=tmp_path / "none.pem"))
    assert (stranger.verdict, stranger.reason) == ("failed", "tls")
    assert (lost.verdict, lost.reason) == ("failed", "files")
    assert len(receiver.requests) == 1


async def test_a_client_certificate_and_one_that_changes(ours: Authority, tmp_path: Path) -> None:
    mine = ours.sign("sidewatch")
    certificate, key = tmp_path / "me.crt", tmp_path / "me.key"
    async with grpc_receiver(credentials=_server(ours, wants=True)) as receiver:
        to = replace(_target(receiver.url), ca=ours.own.certificate)
        assert (await _send(to)).verdict == "failed"
        stranger = authority(ours.openssl, tmp_path, "stranger").sign("sidewatch")
        for name, path in ((certificate, stranger.certificate), (key, stranger.key)):
            name.write_bytes(path.read_bytes())
        found = GrpcSender(replace(to, certificate=certificate, key=key), HERE)
        assert (await found.send(batch("one"))).verdict == "failed"
        for name, path in ((certificate, mine.certificate), (key, mine.key)):
            name.write_bytes(path.read_bytes())
        assert await found.send(batch("one")) == Outcome("accepted")
        await found.close()


def test_grpc_is_imported_by_nobody_who_does_not_use_it() -> None:
    """HTTP needs no grpcio: it is an extra."""
    program = (
        "import sys; sys.modules['grpc'] = None\n"
        "from exporter.clock import WallClock\n"
        "from exporter.forward.senders import fault, sender\n"
        "from exporter.forward.target import Target\n"
        "sender(Target('http/protobuf', 'http://c/v1/logs'), {}, WallClock(), 1)\n"
        "print('grpc' in [name for name, one in sys.modules.items() if one])\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.stdout == "False\n", answer.stderr
