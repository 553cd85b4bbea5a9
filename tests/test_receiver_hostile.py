"""Bodies that lie, swell, nest and dribble: each is refused in bounded time, and nothing counts."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import time
import zlib

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from exporter.access import Access
from exporter.server import Limits
from tests.support.doors import hashed
from tests.support.pushing import JSON, PATH, PROTOBUF, Post, as_one, export, push, said

MEGABYTE = 1 << 20
NESTED = b"[" * 200_000


@pytest.fixture
def post() -> Post:
    return Post()


def field(number: int, content: bytes) -> bytes:
    """A field of protobuf as it is on the wire; the library makes no message as deep as this."""
    size, length = len(content), bytearray()
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes((number << 3 | 2, *length, size)) + content


def nested(depth: int, *, mapping: bool) -> bytes:
    """A body of lists in lists, or of mappings in mappings."""
    value = AnyValue(string_value="deep").SerializeToString()
    for _ in range(depth):
        # AnyValue(kvlist_value=KeyValueList([KeyValue("a", value)])) or one with an array_value
        value = (
            field(6, field(1, field(1, b"a") + field(2, value)))
            if mapping
            else (field(5, field(1, value)))
        )
    record = field(2, field(2, field(5, value)))  # of a ScopeLogs, of a ResourceLogs
    resource = export().resource_logs[0].resource.SerializeToString()
    return field(1, field(1, resource) + record)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (PROTOBUF, b"\xff" * 1000),
        (PROTOBUF, b"\x0a\xff\xff\xff\xff\x0f"),
        (PROTOBUF, said("a")[:-1]),
        (PROTOBUF, json.dumps({"resourceLogs": []}).encode()),
        (PROTOBUF, nested(200, mapping=True)),
        (PROTOBUF, nested(200, mapping=False)),
        (PROTOBUF, said("a").replace(b"shop-api", b"shop-\xff\xfei")),
        (JSON, b""),
        (JSON, b"null"),
        (JSON, b"[]"),
        (JSON, b"{"),
        (JSON, b"\xff\xfe"),
        (JSON, NESTED),
        (JSON, b'{"a":' * 200_000),
        (JSON, b'{"resourceLogs": 7}'),
        (JSON, b'{"resourceLogs": [7]}'),
        (JSON, b'{"resourceLogs": {"a": 1}}'),
        (JSON, b'{"resourceLogs": [{"scopeLogs": "x"}]}'),
        (JSON, as_one({"traceId": "xyz"})),
        (JSON, as_one({"timeUnixNano": "-5"})),
        (JSON, as_one({"timeUnixNano": "9" * 5000})),
        (JSON, as_one({"body": {"stringValue": "\ud800"}})),
        (JSON, as_one({"body": {"stringValue": 7}})),
        (JSON, as_one({"attributes": [{"key": "a", "value": 7}]})),
        (JSON, b'{"resourceLogs": [{"resource": {"attributes": 1e999}}]}'),
    ],
    ids=lambda one: repr(one[-40:]) if isinstance(one, bytes) else one.rpartition("/")[2],
)
async def test_what_is_no_export_is_refused_for_good(post: Post, kind: str, body: bytes) -> None:
    async with post.serve() as server:
        answer = await push(server, body, kind)
        assert (answer.status, answer.kind) == (400, kind)
        assert (await push(server, said("after"))).status == 200
    assert post.sinks.lines == {"web": [b"after"]}
    assert post.errors == []


@pytest.mark.parametrize("mapping", [True, False])
async def test_what_is_nested_as_far_as_may_be_is_counted(post: Post, *, mapping: bool) -> None:
    async with post.serve() as server:
        assert (await push(server, nested(20, mapping=mapping))).status == 200
    assert b"deep" in post.sinks.lines["web"][0]


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", "application/xml", "x"])
async def test_other_types_are_refused(post: Post, kind: str) -> None:
    async with post.serve() as server:
        assert (await push(server, said("a"), kind)).status == 415


@pytest.mark.parametrize("encoding", ["deflate", "br", "zstd", "gzip, gzip", "x"])
async def test_other_packings_are_refused(post: Post, encoding: str) -> None:
    async with post.serve() as server:
        assert (await push(server, said("a"), Content_Encoding=encoding)).status == 415


@pytest.mark.parametrize(
    "body",
    [b"no gzip", gzip.compress(said("a"))[:-4], gzip.compress(said("a")) + b"rest", b"\x1f\x8b"],
    ids=["none", "cut off", "more behind it", "its head alone"],
)
async def test_broken_gzip_is_refused(post: Post, body: bytes) -> None:
    async with post.serve() as server:
        assert (await push(server, body, Content_Encoding="gzip")).status == 400
    assert post.sinks.lines == {}


def bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(1, wbits=31)
    packed = b"".join(packer.compress(bytes(MEGABYTE)) for _ in range(megabytes))
    return packed + packer.flush()


async def test_a_bomb_is_not_unpacked(post: Post) -> None:
    packed = bomb(100)
    assert len(packed) < MEGABYTE
    async with post.serve() as server:
        began = time.process_time()
        answer = await push(server, packed, Content_Encoding="gzip")
        spent = time.process_time() - began
    assert (answer.status, b"longer than 16 MiB" in answer.body) == (413, True)
    assert spent < 1.0


@pytest.mark.parametrize("told", [True, False])
async def test_a_body_that_is_too_long_is_not_read(post: Post, *, told: bool) -> None:
    async with post.serve(Limits(body=MEGABYTE)) as server, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        length = f"Content-Length: {10**12}" if told else "Transfer-Encoding: chunked"
        head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n"
        writer.write(head.encode())
        answer = asyncio.create_task(reader.read(12))
        sent = 0
        while not answer.done():
            writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            sent += 65536
            await writer.drain()
            await asyncio.sleep(0)
        assert await answer == b"HTTP/1.1 413"
        assert sent < 8 * MEGABYTE
        writer.close()


async def test_more_records_than_one_may_send_are_refused(post: Post) -> None:
    async with post.serve() as server:
        assert (await push(server, said(*["x"] * 20_001))).status == 413
    assert post.sinks.lines == {}


async def test_so_many_are_read_at_once_and_no_more(post: Post) -> None:
    async with post.serve(Limits(bodies=2)) as server, asyncio.timeout(20):
        head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n".encode()
        slow = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(2)]
        for _, writer in slow:
            writer.write(head)
        await asyncio.sleep(0.1)
        answer = await push(server, said("a"))
        assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
        for _, writer in slow:
            writer.close()
        await asyncio.sleep(0.1)
        assert (await push(server, said("a"))).status == 200


@pytest.mark.parametrize("leaves", [True, False])
async def test_half_a_body_is_not_waited_for_and_fills_no_log(post: Post, *, leaves: bool) -> None:
    async with post.serve(Limits(sent=0.3)) as server, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\nhalf"
        writer.write(head.encode())
        if leaves:
            writer.close()
        else:
            assert (await reader.read(12)) == b"HTTP/1.1 408"
            writer.close()
        assert (await push(server, said("a"))).status == 200
    assert post.errors == []


async def test_pieces_that_are_none_end_the_connection(post: Post) -> None:
    async with post.serve() as server, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head.encode() + b"3\r\nabc\r\nzz\r\n")
        assert b" 400 " in await reader.readline()
        assert await reader.read()
        writer.close()
    assert post.errors == []


async def test_a_page_of_a_browser_cannot_push(post: Post) -> None:
    """It may send these types unasked, and would have to ask before any other."""
    async with post.serve() as server:
        simple = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data")
        for kind in simple:
            assert (await push(server, said("a"), kind)).status == 415
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            f"OPTIONS {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 405")
    assert b"Access-Control" not in answer


@pytest.mark.parametrize(
    ("header", "value", "right"),
    [
        ("Host", "evil.example", 403),  # a name of its own that leads here (DNS rebinding)
        ("Host", "evil.example:9877", 403),
        ("X-Forwarded-For", "10.0.0.1", 403),
        ("Host", "localhost:9877", 200),
        ("Host", "127.0.0.1", 200),
        ("Host", "[::1]:9877", 200),
    ],
)
async def test_without_a_password_only_this_host_pushes_by_its_own_name(
    post: Post, header: str, value: str, right: int
) -> None:
    async with post.serve() as server:
        assert (await push(server, said("a"), **{header: value})).status == right
        post.access = Access(users={"app": hashed("right").encode()})
        given = "Basic " + base64.b64encode(b"app:right").decode()
        assert (
            await push(server, said("b"), **{header: value, "Authorization": given})
        ).status == 200


@pytest.mark.alone(reason="it measures how late the loop wakes up")
async def test_large_exports_leave_the_loop_to_others(post: Post) -> None:
    heavy = gzip.compress(said(*(f"level=info msg={'x' * 150} n={n}" for n in range(20_000))), 1)
    async with post.serve() as server:
        push_it = asyncio.create_task(push(server, heavy, Content_Encoding="gzip"))
        lags = []
        while not push_it.done():
            began = time.perf_counter()
            await asyncio.sleep(0)
            lags.append(time.perf_counter() - began)
        assert (await push_it).status == 200
    assert len(post.sinks.lines["web"]) == 20_000
    assert max(lags) < 0.5
