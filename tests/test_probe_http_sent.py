"""What a probe sends: secrets, redirects that it follows or not, and proxies that it asks."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from pathlib import Path

import pytest

from tests.support.probing import (
    Server,
    head,
    http,
    once,
    plan_of,
    reason,
    saying,
    serving,
)
from tests.support.waiting import free_port

# -- what is sent ---------------------------------------------------------------------------------


def _telling(seen: list[str], answer: bytes = http("ok")) -> Server:
    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        text = await head(reader)
        length = [line for line in text.splitlines() if line.lower().startswith("content-length:")]
        body = await reader.readexactly(int(length[0].split()[1])) if length else b""
        seen.append(text + body.decode())
        writer.write(answer)
        await writer.drain()

    return server


async def test_a_base_may_have_a_path_and_a_name() -> None:
    seen = list[str]()
    async with serving(_telling(seen)) as port:
        results = await once(f"""\
base: http://localhost:{port}/app/
http: {{home: {{}}, up: {{path: /up}}, queue: {{path: /api/queues/%2F/celery}}}}
""")
    assert {one.failure for one in results.values()} == {None}
    assert {text.partition(" HTTP")[0] for text in seen} == {
        "GET /app/",
        "GET /app/up",
        "GET /app/api/queues/%2F/celery",
    }


async def test_secrets_come_from_files_and_are_found_when_they_are_changed(tmp_path: Path) -> None:
    seen = list[str]()
    (tmp_path / "key").write_text("first\n")
    (tmp_path / "password").write_text("pass word\n")
    async with serving(_telling(seen)) as port:
        probes = f"""\
base: {{url: "http://127.0.0.1:{port}", header_files: {{X-Api-Key: key}}}}
http:
  one: {{auth: {{bearer_file: key}}}}
  two: {{auth: {{user: watcher, password_file: password}}, method: POST, send: "hello"}}
"""
        await once(probes, tmp_path)
        (tmp_path / "key").write_text("second")
        await once(probes, tmp_path)
    assert sum("X-Api-Key: first" in one for one in seen) == 2
    assert sum("X-Api-Key: second" in one for one in seen) == 2
    assert sum("Authorization: Bearer first" in one for one in seen) == 1
    assert sum("Authorization: Bearer second" in one for one in seen) == 1
    basic = b64encode(b"watcher:pass word").decode()
    assert sum(f"Authorization: Basic {basic}" in one for one in seen) == 2
    assert sum(one.endswith("\r\n\r\nhello") for one in seen) == 2


async def test_a_secret_that_cannot_be_read_is_a_failure_that_does_not_tell_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "two").write_text("hunter2\nhunter3")
    probes = "base: http://127.0.0.1:1\nhttp: {x: {auth: {bearer_file: FILE}}}"
    for file, why in (("none", "No such file"), ("two", "more than one line")):
        result = (await once(probes.replace("FILE", file), tmp_path))["x"]
        assert result.failure is not None
        assert result.failure.reason == "other"
        assert why in str(result.failure)
        assert "hunter" not in str(result.failure)


def test_secrets_are_not_shown() -> None:
    plan = plan_of("""\
base: {url: "http://server", headers: {X: hunter2}, auth: {bearer: hunter2}}
bases: {other: {url: "http://server", proxy: "http://me:hunter2@proxy:3128"}}
http:
  x: {send: hunter2, headers: {Y: hunter2}, auth: {user: me, password: hunter2}}
  y: {base: other}
tcp: {z: {address: "redis:6379", steps: [{send: "AUTH hunter2\\r\\n"}]}}
""")
    assert "hunter2" not in repr(plan)


async def test_what_a_probe_says_goes_before_what_its_base_says() -> None:
    seen = list[str]()
    async with serving(_telling(seen)) as port:
        await once(f"""\
base:
  url: http://127.0.0.1:{port}
  headers: {{X-Who: base, Host: shop}}
  auth: {{bearer: base}}
http: {{x: {{headers: {{x-who: probe, authorization: probe, user-agent: me}}}}}}
""")
    lines = [line.lower() for line in seen[0].splitlines()]
    assert {"x-who: probe", "host: shop", "authorization: probe", "user-agent: me"} <= set(lines)
    for name in ("x-who", "authorization", "user-agent", "host"):
        assert sum(line.startswith(f"{name}:") for line in lines) == 1


# -- redirects ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "told"),
    [
        (
            "https://shop.test/up/?token=hunter2",
            "redirects to https://shop.test/up/; ask there, or",
        ),
        ("http://me:hunter2@shop.test/", "redirects to http://shop.test/"),
        ("/up/#hunter2", "/up/"),
        ("http://shop.test/\x1b[2J", "no plain URL"),
        (f"http://shop.test/{'x' * 300}", "no plain URL"),
    ],
)
async def test_where_a_redirect_points_is_told_without_its_secrets(
    location: str, told: str
) -> None:
    async with serving(saying(http("", "302 Found", f"Location: {location}"))) as port:
        result = (await once(f"base: http://127.0.0.1:{port}\nhttp: {{x: {{}}}}"))["x"]
    assert result.failure is not None
    assert result.failure.reason == "redirect"
    assert told in str(result.failure)
    assert "hunter2" not in str(result.failure)


async def test_a_redirect_elsewhere_does_not_take_our_secrets_along() -> None:
    here, there = list[str](), list[str]()
    async with serving(_telling(there)) as other:
        moved = http("", "307 Temporary Redirect", f"Location: http://127.0.0.1:{other}/x?token=1")
        async with serving(_telling(here, moved)) as port:
            probes = f"""\
base: {{url: "http://127.0.0.1:{port}", headers: {{X-Key: hunter2}}, auth: {{bearer: hunter2}}}}
http: {{x: {{redirects: 2, method: POST, send: hello}}}}
"""
            assert await reason(probes) is None
    assert "hunter2" in here[0]
    assert there[0].startswith("POST /x?token=1 ")
    assert there[0].endswith("hello")
    assert "hunter2" not in there[0]


async def test_a_redirect_on_the_same_server_does() -> None:
    seen = list[str]()

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        text = await head(reader)
        seen.append(text)
        moved = http("", "303 See Other", "Location: next")
        writer.write(moved if "GET /a/b" in text else http("ok"))
        await writer.drain()

    async with serving(server) as port:
        probes = f"""\
base: {{url: "http://127.0.0.1:{port}", auth: {{bearer: hunter2}}}}
http: {{x: {{path: /a/b, redirects: 1, body: ok}}}}
"""
        assert await reason(probes) is None
    assert seen[1].startswith("GET /a/next ")
    assert "hunter2" in seen[1]


async def test_a_redirect_to_another_scheme_is_not_followed() -> None:
    answer = http("", "302 Found", "Location: file:///etc/passwd")
    async with serving(saying(answer)) as port:
        probes = f"base: http://127.0.0.1:{port}\nhttp: {{x: {{redirects: 5}}}}"
        assert await reason(probes) == "redirect"


# -- proxies --------------------------------------------------------------------------------------


async def _proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A proxy for http that wants a password, and sends everything to 127.0.0.1."""
    text = await head(reader)
    if f"Basic {b64encode(b'me:hunter2').decode()}" not in text:
        writer.write(http("", "407 Proxy Authentication Required"))
        await writer.drain()
        return
    port = int(text.split("shop.test:")[1].split("/")[0].split()[0])
    up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
    up_writer.write(text.encode())
    writer.write(await up_reader.read())
    await writer.drain()
    up_writer.close()


async def test_a_proxy_is_asked_for_names_that_only_it_knows() -> None:
    seen = list[str]()
    async with serving(_proxy) as proxy, serving(_telling(seen)) as port:
        probes = f"""\
base: {{url: "http://shop.test:{port}", proxy: "http://me:hunter2@127.0.0.1:{proxy}"}}
http: {{x: {{path: /up, body: ok}}}}
"""
        assert await reason(probes) is None
        assert await reason(probes.replace("hunter2", "wrong")) == "status"
    assert seen[0].startswith(f"GET http://shop.test:{port}/up ")
    probes = f"""\
base: {{url: "http://shop.test", proxy: "http://127.0.0.1:{free_port()}"}}
http: {{x: {{}}}}
"""
    assert await reason(probes) == "other", "the application was not asked"
