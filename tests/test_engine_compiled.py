"""The compiled engine beside the one in Python: the same state, no Python for a known line."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from random import Random
from types import FrameType, ModuleType
from typing import Any

import pytest

from exporter.engine import choice
from exporter.engine.rules import Count, Event, Label, LogRule, LogRules, Observe, Set
from exporter.errors import SidewatchError
from exporter.model import Family
from exporter.vocabulary import FAMILIES
from tests.support.differential import FORMATS, LIMITS, PROFILES, chunks, hostile, plan
from tests.support.hostile import NOW, cri, docker
from tests.support.oracle import Counted, plan_of

LINES = 1_000
KNOWN = 2_000
FLOOD = 5_000  # more than any table holds
TIME = "2026-11-20T23:59:58.123456789Z"

FAMILY = {
    **FAMILIES,
    "jobs_total": Family("jobs_total", "counter", "Jobs.", ("kind",), limit=50),
    "took_seconds": Family("took_seconds", "histogram", "Took.", ("kind",), buckets=(0.1, 1.0)),
    "size": Family("size", "gauge", "Size.", ()),
}
KIND = {"kind": Label(field="kind")}
RULES = LogRules(
    rules=(
        LogRule(
            message="Job done",
            count=(Count("jobs_total", KIND),),
            observe=(Observe("took_seconds", "took", KIND, exemplar="id"),),
            set=(Set("size", "size", {}),),
            event=Event("done"),
        ),
        LogRule(message="access", count=(Count("jobs_total", {"kind": Label(field="path")}),)),
        LogRule(message="Job {kind} ended in {took:number}s", count=(Count("jobs_total", KIND),)),
    )
)
KEYVALUE = b"INFO 2026-11-20T23:59:%02d.%03dZ Job done kind=a took=0.25 size=7 id=x%d"
SPOKEN = b"INFO 2026-11-20T23:59:%02d.%03dZ Job k%d ended in 5s took=0.25 size=%d id=x5"
LOGFMT = b'level=info ts=2026-11-20T23:59:%02d.%03dZ msg="Job done" kind=a took=0.25 size=7 id=x%d'
BRACKETED = b"[info] Job done   kind=a took=0.%d size=7 id=x%d"
DOTNET = (
    b"info: App.Worker[5]",
    b"      Job k%d ended in %d.5s",
    b"      SELECT a, b",
)
CALLED = b'"GET /jobs/%d?n=%d HTTP/1.1" 200'
COMBINED = b'10.0.0.7 - - [20/Nov/2026:23:59:58 +0000] %b 512 "-" "curl/8"'
REFUSED = (
    b"2026/11/20 23:59:58 [error] 29#29: *%d connect() failed (111), client: 10.0.0.7, server: a"
)
LOGGED = {
    "celery": b"[2026-11-20 23:59:07,%03d: INFO/ForkPoolWorker-2] Job k%d ended in 5s",
    "alembic": b"INFO  [alembic.runtime.migration] Running upgrade %d -> %d",
    "python brackets": b"2026-11-20 23:58:45,%03d INFO celery.apps.worker [-] Job k%d ended in 5s",
    "python dashes": b"2026-11-20 23:58:45,%03d - app.jobs - INFO - Job k%d ended in 5s",
    "prefixed": b"info: %d, job k%d has ended",
}
JSON = b'{"level":30,"time":1795219198%03d,"msg":"Job done","kind":"a","took":0.2%d,"id":"x%d"}'
ENDED = b'{"level":30,"msg":"Job k%d ended in %d.5s","err":null}'
FAILED = (
    b'{"level":50,"msg":"Job %d failed","err":{"type":"TypeError","message":"no %d","stack":"x"}}'
)
SAID = b'{"level":"INFO","msg":"Job k%d \\"%d\\" ended in 5s","error":"connect: refused by %d"}'
RAISED = (
    b'{"level":"ERROR","msg":"no","exc":"Traceback (most recent call last):\\n  File \\"/x.py\\", '
    b'line %d, in run\\n    raise JobError\\napp.errors.JobError: \\"%d\\" said \\u017c"}'
)
BELOW = (
    b"fail: App.Worker[5]",
    b"      Job k%d ended in %d.5s",
    b"      Npgsql.NpgsqlException (0x80004005): Failed to connect to 10.0.%d.%d",
    b"         at App.Worker.Run() in /src/Worker.cs:line 7",
)
TRACE = (
    b"Traceback (most recent call last):",
    b'  File "/srv/app/jobs.py", line %d, in run',
    b"    job.perform()",
    b"app.errors.JobError: upstream said %d",
)


def _known() -> dict[str, list[bytes]]:
    """Lines of kinds that repeat, each with values of its own."""
    keyvalue = [KEYVALUE % (i % 60, i % 1000, i) for i in range(KNOWN)]
    json = [JSON % (i % 1000, i % 10, i) for i in range(KNOWN)]
    called = [CALLED % (i % 40, i) for i in range(KNOWN)]
    trace = [keyvalue[0], *TRACE[:1], TRACE[1], TRACE[2], TRACE[3]]
    return {
        "keyvalue": keyvalue,
        "keyvalue template": [SPOKEN % (i % 60, i % 1000, i % 40, i) for i in range(KNOWN)],
        "logfmt": [LOGFMT % (i % 60, i % 1000, i) for i in range(KNOWN)],
        "bracketed": [BRACKETED % (i % 10, i) for i in range(KNOWN)],
        "dotnet": [
            line % (i % 40, i) if b"%d" in line else line
            for i in range(KNOWN // 3)
            for line in DOTNET
        ],
        "uvicorn": [b"INFO:     10.0.0.7:%d - %b OK" % (i, one) for i, one in enumerate(called)],
        "gunicorn": [
            b"[2026-11-20 23:59:02 +0000] [9] [INFO] %b" % (COMBINED % one) for one in called
        ],
        "nginx": [COMBINED % one for one in called],
        "nginx error": [REFUSED % i for i in range(KNOWN)],
        **{name: [one % (i % 1000, i % 40) for i in range(KNOWN)] for name, one in LOGGED.items()},
        "json": json,
        "template": [ENDED % (i % 40, i) for i in range(KNOWN)],
        "exception": [FAILED % (i, i) for i in range(KNOWN)],
        "exception's text": [RAISED % (i, i) for i in range(KNOWN)],
        "escaped template": [SAID % (i % 40, i % 40, i) for i in range(KNOWN)],
        "prefixed error": [b"error: job %d has ended" % i for i in range(KNOWN)],
        "frames": [b"error: job 5 has ended", b"      at run (/app/x.ts:1:1)"] * (KNOWN // 2),
        "text behind an exception": [FAILED % (5, 5), b"Bun v1.3.8 (Linux x64)"] * (KNOWN // 2),
        "dotnet exception": [
            line % (i % 40, i) if b"%d" in line else line
            for i in range(KNOWN // 4)
            for line in BELOW
        ],
        "traceback": [
            line % i if b"%d" in line else line for i in range(KNOWN // 5) for line in trace
        ],
        "docker": [docker(line, "stdout", TIME, partial=False) for line in json],
        "cri": [cri(line, "stderr", TIME, partial=False) for line in keyvalue],
    }


@pytest.fixture(autouse=True)
def _built() -> None:
    """The compiled engine; where it is asked for, it must be there."""
    if not choice.available() and choice.ENGINE != choice.COMPILED:
        pytest.skip("the compiled engine was not built")


def _state(by: str, name: str, lines: list[bytes]) -> dict[str, Any]:
    """All that an engine leaves behind."""
    one = Counted(plan(name), NOW, LIMITS, by=by)
    one.feed(chunks(b"".join(line + b"\n" for line in lines), Random(name)))
    return {
        "numbers": sorted(map(repr, one.numbers().items())),
        "exemplars": one.exemplars(),
        "dropped": dict(one.registry.dropped),
        "drains": one.drains.dump(),
        "stream": one.stream.dump(),
    }


@pytest.mark.parametrize("name", [*FORMATS, *PROFILES])
def test_both_engines_leave_the_same_state(name: str) -> None:
    lines = hostile(name, 17).lines(LINES)
    assert _state(choice.COMPILED, name, lines) == _state(choice.PYTHON, name, lines)


@pytest.mark.parametrize("kind", _known())
def test_lines_of_a_known_kind_ask_no_python(kind: str) -> None:
    lines = _known()[kind]
    one = Counted(plan_of(RULES, FAMILY), NOW, by=choice.COMPILED)
    one.feed([b"\n".join([*lines, b""])])
    calls = []

    def note(_: FrameType, event: str, __: Any) -> None:
        calls.append(event)

    block = b"\n".join([*lines, b""])
    sys.setprofile(note)
    try:
        one.engine.feed(one.stream, block, NOW)
    finally:
        sys.setprofile(None)
    assert len(calls) < KNOWN / 10  # what a block costs, and its last record


def test_a_flood_of_new_values_keeps_its_memory() -> None:
    one = Counted(plan_of(RULES, FAMILY), NOW, by=choice.COMPILED)

    def flood(start: int) -> int:
        one.feed(
            b"INFO Job done kind=%d took=1\nINFO New %d x=1\ntext %d\n" % (i, i, i)
            + b'{"level":"l%d","msg":"m%d","err":{"type":"E%d"}}\n' % (i, i, i)
            + b'{"level":"info","error":"w%d","err":"F%dError: x"}\n' % (i, i)
            for i in range(start, start + FLOOD)
        )
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    flood(0)
    before = flood(FLOOD)
    assert flood(2 * FLOOD) - before < 4 << 20


def test_other_threads_run_while_a_block_is_counted() -> None:
    one = Counted(plan_of(RULES, FAMILY), NOW, by=choice.COMPILED)
    block = b"".join(line + b"\n" for line in _known()["json"]) * 200
    ended = threading.Event()

    def count() -> None:
        one.engine.feed(one.stream, block, NOW)
        ended.set()

    before = sys.getswitchinterval()
    sys.setswitchinterval(60.0)  # nobody is made to give the interpreter away
    turns = 0
    try:
        thread = threading.Thread(target=count)
        thread.start()
        while not ended.is_set():
            time.sleep(0)
            turns += 1
        thread.join()
    finally:
        sys.setswitchinterval(before)
    assert turns > 100


def test_the_environment_chooses_the_engine() -> None:
    for name in (choice.PYTHON, choice.COMPILED):
        told = subprocess.run(
            [sys.executable, "-c", "from exporter.engine.choice import ENGINE; print(ENGINE)"],
            env={**os.environ, "SIDEWATCH_ENGINE": name},
            capture_output=True,
            text=True,
            check=True,
        )
        assert told.stdout.strip() == name


def test_an_unknown_engine_is_refused_in_a_sentence() -> None:
    with pytest.raises(SidewatchError, match="must be compiled or python"):
        choice.paths("fast")


def test_a_compiled_engine_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "find_spec", lambda _: None)
    with pytest.raises(SidewatchError, match="was not built"):
        choice.paths(choice.COMPILED)


def test_a_compiled_engine_that_cannot_be_loaded_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> ModuleType:
        if name.endswith("reference"):
            return import_module(name)
        raise ImportError("undefined symbol: x")

    monkeypatch.setattr(choice, "import_module", broken)
    with pytest.raises(SidewatchError, match=r"cannot be loaded \(undefined symbol: x\)"):
        choice.paths(choice.COMPILED)
    monkeypatch.setattr(choice, "ENGINE", choice.PYTHON)
    assert "the compiled one cannot be loaded" in choice.described()


def test_an_engine_that_was_compiled_from_other_sources_does_not_count() -> None:
    program = """
import parsers.jsonlines
parsers.jsonlines.LEVEL_KEYS = (*parsers.jsonlines.LEVEL_KEYS, "grade")
from exporter.engine import choice
print(choice.ENGINE, choice.described())
"""
    told = subprocess.run(
        [sys.executable, "-c", program],
        env={key: value for key, value in os.environ.items() if key != "SIDEWATCH_ENGINE"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.startswith("python ")
    assert "compile it again" in told.stdout
