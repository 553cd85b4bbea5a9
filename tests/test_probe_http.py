"""Questions by HTTP to a real nginx, and to servers that tell what they were asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.clock import SetClock
from tests.support.nginx import nginx
from tests.support.parts import Parts
from tests.support.probing import (
    Server,
    head,
    http,
    once,
    reason,
    reset,
    saying,
    serving,
    silence,
)
from tests.support.waiting import free_port

SERVERS = """\
    server {{
        listen 127.0.0.1:{port};
        listen [::1]:{port};
        listen unix:{folder}/socket;
        location = / {{ return 200 "home"; }}
        location = /up/ {{ return 200 "ok\\n"; }}
        location = /method {{ return 200 "$request_method $request_uri $host"; }}
        location = /created {{ return 201 "made"; }}
        location = /broken {{ return 500 "broken"; }}
        location = /status {{
            return 200 '{{"status": "operational", "version": "1.3.3", "activeIncidents": []}}';
        }}
        location = /red {{ return 200 '{{"status": "ready", "github": "degraded"}}'; }}
        location = /dead {{ return 503 '{{"status": "error", "component": "database"}}'; }}
        location = /basic/in {{
            auth_basic here;
            auth_basic_user_file {folder}/users;
            try_files /welcome =500;
        }}
        location = /secure {{ return 308 https://$host$request_uri; }}
        location = /moved {{ return 302 /up/; }}
        location = /circle {{ return 302 /circle; }}
        location = /proxied {{
            if ($http_x_forwarded_proto != "https") {{ return 308 https://$host$request_uri; }}
            return 200 "ok";
        }}
        location = /language {{ return 200 "$http_accept_language"; }}
        root {folder};
    }}
"""


@pytest.fixture(scope="module")
def site(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """A real nginx: its port, and the folder with its socket."""
    binary, folder, port = parts.need("nginx"), tmp_path_factory.mktemp("nginx"), free_port()
    (folder / "users").write_text("watcher:{PLAIN}s3cret\n")
    (folder / "welcome").write_text("in")
    with nginx(binary, folder, SERVERS.format(port=port, folder=folder), port):
        yield port, folder


# Each probe, and why it fails.
ANSWERS = [
    ("path: /up/, body: ok", None),
    ("path: /up/, body: o", "body"),
    ("path: /up/, body: {contains: [o, k], lacks: error}", None),
    ("path: /up/, body: {lacks: k}", "body"),
    ("path: /created", None),
    ("path: /created, status: 200", "status"),
    ("path: /broken", "status"),
    ("path: /broken, status: [200, 5xx], body: broken", None),
    ("path: /broken, status: [400-499]", "status"),
    ("path: /nowhere", "status"),
    ("path: /secure", "redirect"),
    ("path: /secure, status: 308", None),
    ("path: /moved", "redirect"),
    ("path: /moved, redirects: 1, body: ok", None),
    ("path: /circle, redirects: 3", "redirect"),
    ("path: /proxied", "redirect"),
    ("path: /proxied, headers: {X-Forwarded-Proto: https}", None),
    ("path: /method, method: DELETE, body: DELETE /method 127.0.0.1", None),
    ("path: '/method?a=1&b', body: 'GET /method?a=1&b 127.0.0.1'", None),
    ("path: /method, method: HEAD", None),
    ("path: /language, headers: {accept-language: de}, body: de", None),
    ("path: /status, json: {status: [operational, maintenance]}", None),
    ("path: /status, json: {status: degraded}", "json"),
    ("path: /status, json: {activeIncidents: {length: {max: 0}}}", None),
    ("path: /status, json: {activeIncidents: {length: {min: 1}}}", "json"),
    ("path: /status, json: {version: {present: true}, error: {present: false}}", None),
    ("path: /red", None),
    ("path: /red, json: {github: {is_not: degraded}}", "json"),
    ("path: /dead, json: {status: ok}", "status"),
    ("path: /up/, json: {status: ok}", "json"),
    ("path: /basic/in", "status"),
    ("path: /basic/in, auth: {user: watcher, password: wrong}", "status"),
    ("path: /basic/in, auth: {user: watcher, password: s3cret}, body: in", None),
    ("path: /up/, limit: 2B", "size"),
    ("path: /up/, limit: 3B", None),
]


@pytest.mark.parametrize(("probe", "wanted"), ANSWERS)
async def test_an_answer_is_held_against_what_it_should_be(
    site: tuple[int, Path], probe: str, wanted: str | None
) -> None:
    assert await reason(f"base: http://127.0.0.1:{site[0]}\nhttp: {{x: {{{probe}}}}}") == wanted


async def test_nobody_there_is_refused() -> None:
    port = free_port()
    assert await reason(f"base: http://127.0.0.1:{port}\nhttp: {{x: {{}}}}") == "refused"


@pytest.mark.parametrize(
    ("host", "family", "wanted"),
    [
        ("[::1]", "ipv6", None),
        ("[::1]", "ipv4", "dns"),
        ("127.0.0.1", "ipv6", "dns"),
        ("localhost", "ipv4", None),
        ("localhost", "any", None),
    ],
)
async def test_both_families(
    site: tuple[int, Path], host: str, family: str, wanted: str | None
) -> None:
    base = f"{{url: 'http://{host}:{site[0]}', family: {family}}}"
    assert await reason(f"base: {base}\nhttp: {{x: {{}}}}") == wanted


async def test_a_unix_socket(site: tuple[int, Path]) -> None:
    probes = "base: {url: 'http://shop.test', socket: socket}\nhttp: {x: {path: /method, body: "
    assert await reason(f"{probes}GET /method shop.test}}}}", site[1]) is None
    assert await reason(probes.replace("socket: socket", "socket: none") + "x}}", site[1]) == (
        "refused"
    )


# -- what is read ---------------------------------------------------------------------------------

BODY = """\
{"status": "degraded", "version": "1.3.3", "uptime": 90000, "degradedReasons": ["a", "b"],
 "database": {"status": "ok", "latencyMs": 12.5, "pool": {"total": "10", "idle": true}},
 "queues": {"mail": {"waiting": 3, "active": 1}, "sync": {"waiting": 0, "active": null}},
 "components": [{"name": "api", "status": "operational"}, {"name": "worker", "status": "outage"},
                {"status": "nameless"}],
 "expires": "2027-01-01T00:00:00Z"}
"""
READINGS = """\
http:
  x:
    status: STATUS
    version: version
    fields:
      latency_seconds: {path: database.latencyMs, divide: 1000}
      pool: database.pool.total
      idle: database.pool.idle
      reasons: {path: degradedReasons, as: length}
      expires: {path: expires, as: time}
      started: {path: uptime, as: age, divide: 1000}
      waiting_*: queues.*.waiting
      active_*: queues.*.active
      none: nothing.here
    components:
      database: {path: database.status, is: [ok, healthy]}
      github: {path: github, is_not: degraded}
    rows:
      - path: components[*]
        labels: {component: name}
        up: {status: [operational, maintenance]}
      - path: degradedReasons[*]
        labels: {component: $}
        down: true
      - path: queues.*
        labels: {queue: {key: true}}
        gauges: {shop_depth: waiting}
"""


@pytest.mark.parametrize("status", ["200 OK", "503 Service Unavailable"])
async def test_numbers_and_states_are_read_out_of_a_body_whatever_the_verdict(status: str) -> None:
    async with serving(saying(http(BODY, status))) as port:
        probes = f"base: http://127.0.0.1:{port}\n{READINGS.replace('STATUS', '200')}"
        result = (await once(probes, clock=SetClock(1_000_000.0)))["x"]
    assert (result.failure is None) == (status == "200 OK")
    assert result.points is not None
    told = {(one.metric, tuple(one.labels.values())): one.value for one in result.points}
    assert told == {
        ("watched_probe_info", ("1.3.3",)): 1,
        ("watched_probe_field", ("latency_seconds",)): 0.0125,
        ("watched_probe_field", ("pool",)): 10,
        ("watched_probe_field", ("idle",)): 1,
        ("watched_probe_field", ("reasons",)): 2,
        ("watched_probe_field", ("expires",)): 1798761600,
        ("watched_probe_field", ("started",)): 999_910,
        ("watched_probe_field", ("waiting_mail",)): 3,
        ("watched_probe_field", ("waiting_sync",)): 0,
        ("watched_probe_field", ("active_mail",)): 1,
        ("watched_component_up", ("database",)): 1,
        ("watched_component_up", ("github",)): 1,
        ("watched_component_up", ("api",)): 1,
        ("watched_component_up", ("worker",)): 0,
        ("watched_component_up", ("a",)): 0,
        ("watched_component_up", ("b",)): 0,
        ("shop_depth", ("mail",)): 3,
        ("shop_depth", ("sync",)): 0,
    }


async def test_what_is_not_the_applications_word_is_not_read() -> None:
    """A gateway's error in JSON says nothing of the components."""
    async with serving(saying(http('{"message": "no"}', "502 Bad Gateway"))) as port:
        probes = f"base: http://127.0.0.1:{port}\n{READINGS.replace('STATUS', '200')}"
        result = (await once(probes))["x"]
    assert result.failure is not None
    assert result.points is None


@pytest.mark.parametrize(
    ("charset", "body"),
    [("utf-8", "ö"), ("iso-8859-1", "ö"), ("rot13", "ö"), ("punycode", "ö"), ("x", "ö")],
)
async def test_a_body_is_read_by_its_charset(charset: str, body: str) -> None:
    raw = body.encode("iso-8859-1" if charset == "iso-8859-1" else "utf-8")
    answer = http(raw, "200 OK", f"Content-Type: text/plain; charset={charset}")
    async with serving(saying(answer)) as port:
        assert await reason(f"base: http://127.0.0.1:{port}\nhttp: {{x: {{body: ö}}}}") is None


@pytest.mark.alone(reason="it asserts times to a tenth of a second")
async def test_each_phase_is_told() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        await asyncio.sleep(0.2)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.write(b"ok")
        await writer.drain()

    async with serving(slow) as port:
        result = (await once(f"base: http://localhost:{port}\nhttp: {{x: {{}}}}"))["x"]
    took = result.phases.took
    assert set(took) == {"resolve", "connect", "wait", "transfer"}
    assert 0.19 < took["wait"] < 0.29
    assert 0.09 < took["transfer"] < 0.19
    assert took["connect"] < 0.1


@pytest.mark.parametrize(("server", "phase"), [(silence, "wait"), (reset, "wait")])
async def test_a_failure_keeps_the_phases_before_it(server: Server, phase: str) -> None:
    async with serving(server) as port:
        probes = f"base: http://localhost:{port}\ntimeout: 200ms\nhttp: {{x: {{}}}}"
        result = (await once(probes))["x"]
    assert set(result.phases.took) == {"resolve", "connect", phase}
