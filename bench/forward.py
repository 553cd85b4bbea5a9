"""What forwarding a line costs, beside counting it: CPU in one run, by format.

Run by a person: `python bench/forward.py [--lines N] [--rounds N]`. Counting is the engine with the
benchmark's rules (bench/kv.yaml, bench/json.yaml). Making is a record of every line; redacting is
that with the shipped rules; sending is all of it, in batches of 512, packed, over HTTP to a
receiver in a process of its own that reads every record. The rounds alternate, and what is
printed is the median, with the ratio to counting.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from time import process_time, time
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from exporter.clock import WallClock
from exporter.config import load_profile
from exporter.engine.counting import Stream
from exporter.engine.feeding import Engine
from exporter.engine.plan import compile_rules
from exporter.forward.lines import Assembler
from exporter.forward.records import Recorder, Redacting
from exporter.forward.senders import sender
from exporter.forward.shapes import Made, Origin
from exporter.forward.target import Target
from exporter.redact import Redaction, redactor
from exporter.registry import Registry
from exporter.windows import Drains

HERE = Path(__file__).parent
ORIGIN = Origin("bench", "web", "file", "logs", (("path", "/var/log/bench/web.log"),))
BATCH, CHUNK = 512, 1 << 16
TEXT = """\
2026-11-20 23:58:45,{n:03} INFO shop.worker [req-{n}] Task shop.tasks.mail[{n:08x}] succeeded
2026-11-20 23:58:45,{n:03} ERROR shop.worker [req-{n}] Task shop.tasks.mail[{n:08x}] failed
Traceback (most recent call last):
  File "/app/shop/tasks.py", line 24, in mail
    raise ValueError("no address")
ValueError: no address
2026-11-20 23:58:46,{n:03} INFO shop.web [req-{n}] 10.0.0.1 - "GET /orders/{n} HTTP/1.1" 200
"""


class Shown:
    """A redactor that hides nothing: making records alone."""

    def text(self, text: str) -> str:
        return text

    def fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return dict(fields)


@dataclass
class Format:
    """A log in memory, and the rules that count it."""

    name: str
    data: bytes
    rules: Path
    lines: int = 0
    costs: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lines = self.data.count(b"\n")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lines", type=int, default=50_000)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    print(f"{platform.python_version()}, {platform.machine()}, {chosen.lines:,} lines a format")
    formats = list(_formats(chosen.lines))
    ours, theirs = multiprocessing.Pipe()
    receiver = multiprocessing.get_context("spawn").Process(target=_receive, args=(theirs,))
    receiver.start()
    try:
        url = ours.recv()
        for _ in range(chosen.rounds):
            for one in formats:
                _round(one, url, ours)
    finally:
        receiver.terminate()
    for one in formats:
        _print(one)


def _formats(lines: int) -> Iterator[Format]:
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("kv", "json"):
            log = Path(folder) / f"{kind}.log"
            generator = [sys.executable, str(HERE / "gen.py"), kind, str(log), str(lines)]
            subprocess.run(generator, check=True)
            yield Format(kind, log.read_bytes(), HERE / f"{kind}.yaml")
    text = "".join(TEXT.format(n=n % 1000) for n in range(lines // TEXT.count("\n")))
    yield Format("text", text.encode(), HERE / "kv.yaml")


def _round(one: Format, url: str, receiver: Connection) -> None:
    hidden = redactor(Redaction())
    jobs: dict[str, Callable[[], object]] = {
        "count": partial(_count, one),
        "make": partial(_make, one, Shown()),
        "redact": partial(_make, one, hidden),
        "send": partial(_send, one, hidden, url),
    }
    for name, job in jobs.items():
        began = process_time()
        result = job()
        one.costs.setdefault(name, []).append((process_time() - began) / one.lines * 1e6)
        if name == "send":
            receiver.send("how many")
            if receiver.recv() != result:
                sys.exit(f"{one.name}: not every record arrived")


def _count(one: Format) -> None:
    loaded = load_profile(str(one.rules))
    plan = compile_rules(loaded.rules, loaded.families)
    engine = Engine(plan, Registry(), Drains(), ZoneInfo("UTC"))
    stream, rest, now = Stream("key", "web", "file"), b"", time()
    for at in range(0, len(one.data), CHUNK):
        chunk = rest + one.data[at : at + CHUNK]
        rest = chunk[engine.feed(stream, chunk, now) :]


def _made(one: Format, redacting: Redacting) -> Iterator[Made]:
    assembler, end, now = Assembler(ORIGIN, Recorder(redacting, UTC)), 0, time()
    for line in one.data.split(b"\n")[:-1]:
        end += len(line) + 1
        yield from assembler.take(line, end, now)
    yield from assembler.flush(None)


def _make(one: Format, redacting: Redacting) -> int:
    return sum(1 for _ in _made(one, redacting))


def _send(one: Format, redacting: Redacting, url: str) -> int:
    return asyncio.run(_deliver(one, redacting, url))


async def _deliver(one: Format, redacting: Redacting, url: str) -> int:
    connection = sender(Target("http/protobuf", url), {"host.name": "bench"}, WallClock(), 1)
    sent, batch = 0, []
    for made in _made(one, redacting):
        batch.append(made)
        if len(batch) == BATCH:
            sent += await _batch(connection.send(batch), len(batch))
            batch.clear()
    sent += await _batch(connection.send(batch), len(batch))
    await connection.close()
    return sent


async def _batch(outcome: Any, size: int) -> int:
    found = await outcome
    if found.verdict != "accepted":
        sys.exit(f"the receiver says: {found}")
    return size


def _receive(pipe: Connection) -> None:
    """A receiver that reads every record; tells its address, then how many came since."""
    asyncio.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    got = 0

    async def take(request: web.Request) -> web.Response:
        nonlocal got
        found = ExportLogsServiceRequest.FromString(await request.read())
        got += sum(len(s.log_records) for r in found.resource_logs for s in r.scope_logs)
        return web.Response(content_type="application/x-protobuf")

    app = web.Application(client_max_size=1 << 26)
    app.router.add_post("/v1/logs", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    pipe.send(f"http://127.0.0.1:{runner.addresses[0][1]}/v1/logs")
    while True:
        await asyncio.to_thread(pipe.recv)
        pipe.send(got)
        got = 0


def _print(one: Format) -> None:
    medians = {name: statistics.median(costs) for name, costs in one.costs.items()}
    told = (
        f"{name} {cost:.1f} us ({cost / medians['count']:.1f}x)" for name, cost in medians.items()
    )
    print(f"{one.name:5}", ", ".join(told))


if __name__ == "__main__":
    main()
