"""Each fault that an application tells when it is asked: answered by a server, held to the rules.

Each application answers as its versions do. What sidewatch makes of it goes into a real promtool
with the rules as they are shipped: while it is well no alert fires, and with the fault those that
docs/signals.md promises, and no other.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config import parse
from tests.support.asking import until
from tests.support.faults import played
from tests.support.parts import Parts
from tests.support.probing import Server, head, http, serving
from tests.support.promises import promised
from tests.support.proof import check, held_back
from tests.support.told import One, told
from tests.support.waiting import free_port

ROOT = Path(__file__).parents[1]
HERE = ROOT / "tests/answers"
APPS: Mapping[str, Any] = yaml.safe_load((HERE / "healthy.yaml").read_text())
KEY = "agl_plt_secret"

# What docs/signals.md promises of containers, brokers and files, which other tests prove.
OTHERS = re.compile(r"-(migrate|preflight|service|core|broker|killed|hosted|backup|cert|siem)")

Answers = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Fault:
    """What an application answers instead, in a signal's file.

    version:    of tests/answers/healthy.yaml; the first where it is not given
    answers:    by server and path: a body alone is a 200, else {status, body, headers}
    gone:       servers where nobody listens any more
    flaps:      that it is so only for a minute of four
    objectives: set by the operator
    shows:      expressions that then have one series
    """

    signal: str
    app: str
    alerts: Sequence[Mapping[str, str]]
    version: str | None = None
    answers: Answers = field(default_factory=dict)
    gone: Sequence[str] = ()
    flaps: bool = False
    objectives: Mapping[str, Any] = field(default_factory=dict)
    beside: Sequence[Mapping[str, str]] = ()
    held: Sequence[Mapping[str, str]] = ()
    shows: Sequence[str] = ()


FAULTS = [Fault(**one) for one in played("probe")]
VERSIONS = [(app, version) for app, known in APPS.items() for version in known["versions"]]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.sources.probes.source.FIRST_SECONDS", 0.1)


def test_every_signal_of_a_probe_has_its_fault() -> None:
    found = promised(r"### (\w+), from probes, containers and files")
    wanted = {one for one in found if not OTHERS.search(one[1])}
    assert len({signal for _, signal, _ in wanted}) == 13
    proved = {(one.app, one.signal, alert["alert"]) for one in FAULTS for alert in one.alerts}
    assert proved == wanted


@pytest.mark.parametrize(("app", "version"), VERSIONS)
async def test_a_healthy_application_fires_nothing(
    app: str, version: str, parts: Parts, tmp_path: Path
) -> None:
    known = await looked(app, APPS[app]["versions"][version], tmp_path)
    assert {value for (name, _), value in known.items() if name == "watched_probe_success"} == {1}
    check(parts.need("promtool"), tmp_path / "healthy.yaml", known, {}, [])


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.signal)
async def test_a_fault_fires_its_alerts_and_no_other(
    fault: Fault, parts: Parts, tmp_path: Path
) -> None:
    versions = APPS[fault.app]["versions"]
    well = versions[fault.version or next(iter(versions))]
    broken = {name: {**paths, **fault.answers.get(name, {})} for name, paths in well.items()}
    known = await looked(fault.app, broken, tmp_path, fault)
    fired, promtool = [*fault.alerts, *fault.beside], parts.need("promtool")
    for one in fault.held:
        assert held_back({**one, "app": fault.app}, [{**each, "app": fault.app} for each in fired])
    fired += fault.held
    if fault.flaps:
        calm = await looked(fault.app, well, tmp_path)
        check(promtool, tmp_path / "fault.yaml", calm, {}, fired, at_times=known)
    else:
        check(promtool, tmp_path / "fault.yaml", known, {}, fired, shown=fault.shows)


async def test_a_key_that_is_refused_is_told(parts: Parts, tmp_path: Path) -> None:
    answers = APPS["agledger"]["versions"]["1.3.3"]
    known = await looked("agledger", answers, tmp_path, key="revoked")
    alerts = [{"alert": "WatchedStatusDegraded", "probe": "system_health"}]
    shown = ['watched_probe_failing{probe="system_health",reason="status"} == 1']
    check(parts.need("promtool"), tmp_path / "fault.yaml", known, {}, alerts, shown=shown)


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


async def test_kodiais_drain_is_asked_for_where_there_is_one(tmp_path: Path) -> None:
    answers = APPS["kodiai"]["versions"]["current"]
    more = Fault("none", "kodiai", [])
    known = await looked("kodiai", answers, tmp_path, more, {"http": {"drain": {"use": True}}})
    fields = {
        dict(labels)["field"]: value
        for (name, labels), value in known.items()
        if name == "watched_probe_field"
    }
    assert fields == {"active_requests": 0, "active_jobs": 2}


async def looked(
    app: str,
    answers: Answers,
    folder: Path,
    fault: Fault | None = None,
    more: Mapping[str, Any] | None = None,
    key: str = KEY,
) -> dict[One, float]:
    """All that is known when everything was asked once."""
    gone = () if fault is None else fault.gone
    (folder / "key").write_text(key)
    async with addresses(answers, gone) as places:
        text = json.dumps({**APPS[app]["config"], **(more or {}), "interval": "1s"})
        for name, place in {**places, "key": str(folder / "key")}.items():
            text = text.replace(f"{{{name}}}", place)
        entry = {"name": app, "profile": app, "probes": json.loads(text)}
        config = json.dumps({"apps": [entry | {"objectives": fault.objectives if fault else {}}]})
        (plan,) = parse(config, folder / "sidewatch.yaml", {}).apps
        assert plan.probing.probes is not None
        count = len(plan.probing.probes.checks)
        async with told(config) as one:
            await until(lambda: len(one.series("watched_probe_success")) == count, "all answers")
            return one.all()


@asynccontextmanager
async def addresses(answers: Answers, gone: Sequence[str]) -> AsyncIterator[dict[str, str]]:
    """Where each server of an application listens, and where those that are gone did."""
    async with AsyncExitStack() as stack:
        ports = {
            name: free_port() if name in gone else await stack.enter_async_context(serving(server))
            for name, server in ((name, speaking(paths)) for name, paths in answers.items())
        }
        yield {name: f"127.0.0.1:{port}" for name, port in ports.items()}


def speaking(paths: Mapping[str, Any]) -> Server:
    """A server that answers so by path; or, where that is a word, by the word."""

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if "PING" in paths:
            await reader.readline()
            writer.write(f"{paths['PING']}\r\n".encode())
        else:
            writer.write(answer(paths, await head(reader)))
        await writer.drain()
        writer.write_eof()
        await reader.read()

    return server


def answer(paths: Mapping[str, Any], request: str) -> bytes:
    """What is answered to a request; what only an administrator may see wants the key."""
    path = request.split()[1]
    if "/admin/" in path and f"\r\nAuthorization: Bearer {KEY}\r\n" not in request:
        return http('{"message": "Unauthorized"}', "401 Unauthorized", "Connection: close")
    told = paths.get(path, {"status": 404, "body": "404 Not Found"})
    if not isinstance(told, dict) or "body" not in told:
        told = {"status": 200, "body": told}
    body = told["body"] if isinstance(told["body"], str) else json.dumps(told["body"])
    more = [f"{name}: {value}" for name, value in told.get("headers", {}).items()]
    return http(body, f"{told['status']} X", "Connection: close", *more)
