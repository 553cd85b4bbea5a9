"""`probes:` in YAML: what is asked, how a profile and an application add up, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.config import parse
from exporter.config.profiles import AppPlan
from exporter.errors import ConfigError
from exporter.sources.probes import HttpCheck, TcpCheck
from tests.support.probing import plan_of

PROFILE = """\
profile: bakery
probes:
  http:
    oven: {path: /oven, kind: readiness, json: {status: hot}, timeout: 2s}
    till: {base: till, path: /till}
    books: {path: /books, kind: status, needs_auth: true}
  tcp:
    cellar: {steps: [{send: "PING\\r\\n", expect: "+PONG"}]}
"""


def bakery(folder: Path, probes: str) -> AppPlan:
    """The plan of an application of that profile."""
    (folder / "bakery.yaml").write_text(PROFILE)
    text = f"apps: [{{name: shop, profile: ./bakery.yaml, probes: {probes}}}]"
    return parse(text, folder / "sidewatch.yaml", {"KEY": "hunter2"}).apps[0]


def asked(plan: AppPlan) -> dict[str, str]:
    """Where each probe asks."""
    return {
        check.name: check.url if isinstance(check, HttpCheck) else check.target
        for check in (plan.probing.probes.checks if plan.probing.probes else ())
    }


def http_of(plan: AppPlan, name: str) -> HttpCheck:
    """The probe of this name."""
    assert plan.probing.probes is not None
    (one,) = (check for check in plan.probing.probes.checks if check.name == name)
    assert isinstance(one, HttpCheck)
    return one


def complaints(probes: str) -> list[str]:
    """What is said of a configuration, without the file's name."""
    with pytest.raises(ConfigError) as caught:
        plan_of(probes)
    return [str(one).removeprefix("sidewatch.yaml:") for one in caught.value.complaints]


def test_a_profile_is_asked_where_there_is_what_it_needs(tmp_path: Path) -> None:
    base = "base: 'http://bakery:8000'"
    assert asked(bakery(tmp_path, "{}")) == {}
    assert asked(bakery(tmp_path, f"{{{base}}}")) == {"oven": "http://bakery:8000/oven"}
    assert asked(bakery(tmp_path, f"{{{base}, bases: {{till: 'http://till/x/'}}}}")) == {
        "oven": "http://bakery:8000/oven",
        "till": "http://till/x/till",
    }
    key = "auth: {bearer: '${KEY}'}"
    assert "books" in asked(bakery(tmp_path, f"{{base: {{url: 'http://bakery', {key}}}}}"))
    assert "books" in asked(bakery(tmp_path, f"{{{base}, http: {{books: {{{key}}}}}}}"))
    address = "tcp: {cellar: {address: 'cellar:6379'}}"
    assert asked(bakery(tmp_path, f"{{{address}}}")) == {"cellar": "cellar:6379"}


def test_a_base_alone_asks_what_needs_no_secret() -> None:
    text = 'apps: [{name: a, profile: agledger, probes: {base: "http://api:3000"}}]'
    plan = parse(text, Path("sidewatch.yaml"), {})
    probes = plan.apps[0].probing.probes
    assert probes is not None
    assert [(one.name, one.kind) for one in probes.checks] == [
        ("api", "liveness"),
        ("api", "readiness"),
        ("status", "status"),
    ]
    assert not plan.notes


def test_what_the_application_says_goes_before_the_profile_key_by_key(tmp_path: Path) -> None:
    mine = "{oven: {timeout: 9s, json: {status: warm}}, shelf: {path: /shelf}}"
    plan = bakery(tmp_path, f"{{base: 'http://bakery', interval: 30s, http: {mine}}}")
    oven, shelf = http_of(plan, "oven"), http_of(plan, "shelf")
    assert (oven.kind, oven.http.path, oven.timeout, oven.interval) == ("readiness", "/oven", 9, 30)
    assert [one.is_ for one in oven.http.json] == [("warm",)]
    assert (shelf.kind, shelf.timeout, shelf.interval) == ("liveness", 5, 30)


def test_a_probe_of_the_profile_can_be_switched_off(tmp_path: Path) -> None:
    plan = bakery(tmp_path, "{base: 'http://bakery', http: {oven: {use: off}}}")
    assert asked(plan) == {}


def test_a_profile_without_probes_in_the_application_asks_nothing(tmp_path: Path) -> None:
    (tmp_path / "bakery.yaml").write_text(PROFILE)
    text = "apps: [{name: shop, profile: ./bakery.yaml}]"
    assert asked(parse(text, tmp_path / "sidewatch.yaml", {}).apps[0]) == {}


def test_a_profile_is_held_to_its_grammar_in_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "bakery.yaml").write_text(PROFILE.replace("kind: readiness", "kind: hot"))
    text = "apps: [{name: shop, profile: ./bakery.yaml}]"
    with pytest.raises(ConfigError, match=r"bakery.yaml:4: probes.http.oven.kind: 'hot' is none"):
        parse(text, tmp_path / "sidewatch.yaml", {})


def test_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    plan = plan_of(
        """\
base:
  url: https://shop
  tls: {ca: ca.pem, certificate: /abs/me.pem, key: me.key}
  header_files: {X-Key: key}
  auth: {bearer_file: token}
bases: {sock: {url: http://shop, socket: run/sock}}
http: {a: {auth: {user: me, password_file: pass}}, b: {base: sock}}
tcp: {c: {socket: redis.sock}}
certificates: [certs/*.pem, /etc/*.pem]
""",
        tmp_path,
    )
    a, b = http_of(plan, "a"), http_of(plan, "b")
    assert a.base.tls.ca == tmp_path / "ca.pem"
    assert a.base.tls.certificate == Path("/abs/me.pem")
    assert a.base.tls.key == tmp_path / "me.key"
    assert a.base.header_files == {"X-Key": tmp_path / "key"}
    assert a.base.auth is not None
    assert a.base.auth.bearer_file == tmp_path / "token"
    assert a.http.auth is not None
    assert a.http.auth.password_file == tmp_path / "pass"
    assert b.base.socket == tmp_path / "run/sock"
    assert plan.probing.probes is not None
    (c,) = (one for one in plan.probing.probes.checks if isinstance(one, TcpCheck))
    assert c.tcp.socket == tmp_path / "redis.sock"
    assert plan.probing.certificates is not None
    assert plan.probing.certificates.files == (f"{tmp_path}/certs/*.pem", "/etc/*.pem")


# The YAML under `probes:`, and what is said of it.
WRONG = [
    ("base: server:8000", ["probes.base: url", "begins with http:// or https://"]),
    ("base: 'http://me:hunter2@server'", ["holds no user or password"]),
    ("base: 'http://server?x=1'", ["a query belongs to a probe's path"]),
    ("base: {url: 'http://server', proxy: 'me:hunter2@proxy'}", ["proxy: begins with http://"]),
    ("http: {x: {}}", ["probes.http.x", "there is no base"]),
    ("http: {x: {base: y}}", ["there is no base y"]),
    ("base: http://s\nhttp: {x: {needs_auth: true}}", ["only with a secret; give auth"]),
    ("base: http://s\nhttp: {x: {auth: {user: me}}}", ["needs one of password,"]),
    ("base: http://s\nhttp: {x: {auth: {password: hunter2}}}", ["belong together"]),
    ("base: http://s\nhttp: {x: {kind: alive}}", ["'alive' is none of liveness, readiness"]),
    ("base: http://s\nhttp: {x: {status: okay}}", ["okay is no status; write 200, 2xx"]),
    ("base: http://s\nhttp: {x: {json: {a..b: 1}}}", ["is not a path like status"]),
    ("base: http://s\nhttp: {x: {json: {a: {}}}}", ["asks for nothing; give is, is_not"]),
    ("base: http://s\nhttp: {x: {json: {a: {equals: 1}}}}", ["equals: no such key"]),
    ("base: http://s\nhttp: {x: {body: {}}}", ["asks for nothing; give equals"]),
    ("base: http://s\nhttp: {x: {fields: {a: {path: b, as: text}}}}", ["'text' is none of"]),
    ("base: http://s\nhttp: {x: {path: up}}", ["path: begins with a '/'"]),
    ("base: http://s\nhttp: {x: {headers: {Authorization: a}, auth: {bearer: b}}}", ["already"]),
    ("base: http://s\nhttp: {x: {}, y: {probe: x}}", ["a probe x of the kind liveness already"]),
    ("base: http://s\nhttp: {'a b': {}}", ["a probe's name has letters"]),
    ("tcp: {x: {}}", ["says not where; give an address"]),
    ("tcp: {x: {address: redis}}", ["a host and a port, like redis:6379"]),
    ("tcp: {x: {address: 'redis:0'}}", ["a host and a port"]),
    ("tcp: {x: {address: 'a:1', socket: b}}", ["do not go together"]),
    ("tcp: {x: {address: 'a:1', steps: [{}]}}", ["does nothing; give send, expect"]),
    ("certificates: []", ["names no files"]),
    ("interval: 10ms", ["interval: 1s at the least"]),
    ("timeout: 2m", ["timeout: above 0 and not above 60s"]),
    ("concurrency: 1", ["concurrency: 2 to 1000"]),
    (
        "base: http://shop\nconcurrency: 3\ntimeout: 60s\nhttp: {a: {}, b: {}, c: {}, d: {}}",
        ["concurrency: 3 is too few for these probes", "4 at the least"],
    ),
    ("targets: [x]", ["probes.targets: no such key"]),
    (
        "base: http://s\nhttp: {x: {rows: [{gauges: {shop_depht: n}}]}}",
        ["no such metric: shop_depht; did you mean shop_depth?"],
    ),
    (
        "base: http://s\nhttp: {x: {rows: [{gauges: {shop_depth: n}}]}}",
        ["lacks the labels of shop_depth: queue"],
    ),
    (
        "base: http://s\nhttp: {x: {rows: [{gauges: {watched_log_lines_total: n}}]}}",
        ["watched_log_lines_total is not set by a probe"],
    ),
    (
        "base: http://s\nhttp: {x: {rows: [{labels: {queue: {key: true}}, gauges: {a: b}}]}}",
        ["only where the path has a *"],
    ),
]


@pytest.mark.parametrize(("probes", "words"), WRONG)
def test_a_mistake_is_told_with_its_place_and_without_secrets(
    probes: str, words: list[str]
) -> None:
    told = " ".join(complaints(probes))
    assert all(word in told for word in words), told
    assert "hunter2" not in told


def test_a_base_that_nobody_asks_is_noted() -> None:
    text = "apps: [{name: shop, probes: {base: 'http://server'}}]"
    plan = parse(text, Path("sidewatch.yaml"), {})
    assert [str(note) for note in plan.notes] == [
        "sidewatch.yaml:1: apps[0].probes.base: no probe asks there"
    ]
