"""A receiver of OTLP in a process of its own, that can be killed: `python -m ... PORT FILE MODE`.

What it acknowledges it has written to FILE before, four bytes for each number that ends a body; so
a kill takes nothing back. MODE is a file that is read at each request: empty for good, `throttled`,
`failing`, or `hole`, which swallows the request and never answers. What is in no number it keeps
as text in FILE.rest.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from array import array
from pathlib import Path

from aiohttp import web
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

NUMBER = re.compile(r"number (\d+)$")
PROTOBUF = "application/x-protobuf"


async def serve(port: int, file: Path, mode: Path) -> None:
    """Answer until killed."""
    kept = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    rest = os.open(file.with_suffix(".rest"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    turn = [0]

    def told() -> str:
        return mode.read_text().strip()

    async def export(request: web.Request) -> web.Response:
        now, turn[0] = told(), turn[0] + 1
        if now == "throttled" and turn[0] % 3:
            return web.Response(status=429, headers={"Retry-After": "1"})
        if now == "failing":
            return web.Response(status=503)
        if now == "hole":
            await asyncio.sleep(3600)
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip":
            assert not body.startswith(b"\x1f\x8b"), "aiohttp unpacks"
        numbers, others = _bodies(ExportLogsServiceRequest.FromString(body))
        os.write(rest, "".join(f"{one}\n" for one in others).encode())
        os.write(kept, numbers.tobytes())
        answer = ExportLogsServiceResponse().SerializeToString()
        return web.Response(body=answer, content_type=PROTOBUF)

    app = web.Application(client_max_size=1 << 26)
    app.router.add_post("/v1/logs", export)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


def _bodies(request: ExportLogsServiceRequest) -> tuple[array[int], list[str]]:
    numbers, others = array("I"), list[str]()
    for resource in request.resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                found = NUMBER.search(record.body.string_value)
                if found is None:
                    others.append(str(record.body))
                else:
                    numbers.append(int(found[1]))
    return numbers, others


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])))
