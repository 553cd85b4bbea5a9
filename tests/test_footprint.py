"""What a sidewatch costs that has little to do: what it loads, and how often it wakes.

Loads and wakes are counted, not timed, so that a busy machine changes nothing.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import costs
from tests.support.process import running
from tests.support.waiting import free_port, wait_for
from tests.test_floors import DOORS

ROOT = Path(__file__).parents[1]
CONFIG = """\
listen: 127.0.0.1:{port}
state: state
apps:
  - name: pullapprove
    profile: pullapprove
    logs:
      - {{files: ["{folder}/*.log"], service: server}}
"""
# What a plain `run` needs: a server, YAML, JSON, redaction, hashes of passwords.
NEEDED = {"aiohttp", "bcrypt", "msgspec", "re2", "yaml"}
UNUSED = {
    "exporter.app.outbound",
    "exporter.app.receiving",
    "exporter.collector",
    "exporter.commands.check",
    "exporter.demo",
    "exporter.export",
    "exporter.forward.delivery",
    "exporter.hops",
    "exporter.lint",
    "exporter.page.render",
    "exporter.promql",
    "exporter.sources.containers.watch",
    "exporter.sources.postgres.collect",
    "exporter.sources.probes.round",
}
IDLE_SECONDS = 4.0
MOST_WAKES = 7.0  # a second, of all threads; there are 4
SHOW = """\
import asyncio
import sys
from pathlib import Path
from exporter.commands import run
from exporter.app import running
from exporter.__main__ import main

async def supervise(self, stop):
    while self.unready():
        await asyncio.sleep(0.01)
    await self.expose()
    reader, writer = await asyncio.open_connection(*self.plan.listen.split(":"))
    writer.write(b"POST /v1/logs HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 0\\r\\n\\r\\n")
    assert b" 404 " in await reader.readline(), "no application has a source otlp"
    writer.close()
    show()

def show():
{show}

running.Running._supervise = supervise
sys.exit(main(sys.argv[1:]))
"""
MODULES = """
    print(*sys.modules, sep="\\n")
"""
# As the sources of containers and who pushes metrics load it; what it warns of is said.
ASKED = """
    import docker
    import requests
    print(*(name for name, module in sys.modules.items() if module is not None), sep="\\n")
"""
# What once was large is freed first: by that glibc judges what is large.
BLOCKS = """
    def own():
        lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous"))

    bytes(8 << 20)
    before, small, large = own(), [], []
    for _ in range(100):
        large.append(b"x" * 200_000)
        small.append(b"x" * 600)
    held = own()
    large.clear()
    print(held - before, own() - before)
"""
LOAD = """\
import gc
import sys
from exporter.__main__ import main

looked = []
gc.callbacks.append(lambda phase, info: looked.append(info["generation"]))
sys.argv = ["sidewatch", "replay", "--help"]
try:
    main()
except SystemExit:
    print(looked.count(2), gc.isenabled(), gc.get_freeze_count() > 10_000, file=sys.stderr)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(10):
        (tmp_path / f"server-{number}.log").write_text("INFO was here before\n")
    config = CONFIG.format(port=free_port(), folder=tmp_path)
    (tmp_path / "sidewatch.yaml").write_text(config)
    return tmp_path


@pytest.fixture
def at_work(folder: Path) -> Iterator[int]:
    """The pid of one that watches these files."""
    log = folder / "out"
    config = folder / "sidewatch.yaml"
    command = [sys.executable, "-m", "exporter", "run", "--config", str(config)]
    with running(command, log, lambda: "metrics at" in log.read_text(), within=60) as child:
        yield child.process.pid


def shown(folder: Path, show: str) -> str:
    """What is printed once a scrape, and logs that nobody asked for, were answered."""
    return printed([sys.executable, "-c", SHOW.format(show=show), "run"], folder)


def printed(command: list[str], folder: Path) -> str:
    command = [*command, "--config", str(folder / "sidewatch.yaml")]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def test_a_plain_run_loads_no_library_and_no_room_that_it_does_not_use(folder: Path) -> None:
    modules = set(shown(folder, MODULES).split())
    libraries = {name.partition(".")[0] for name in modules}
    assert libraries & DOORS.keys() == NEEDED
    assert not modules & UNUSED


def test_who_asks_docker_carries_no_tables_of_alphabets(folder: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", SHOW.format(show=ASKED), "run"]
    modules = set(printed(command, folder).split())
    assert "requests" in modules
    assert not modules & {"chardet", "charset_normalizer", "_codecs_jp", "_codecs_cn"}


def test_large_blocks_leave_no_holes_between_small_ones_that_stay(folder: Path) -> None:
    held, kept = map(int, shown(folder, BLOCKS).split())
    assert held > 15_000  # kB
    assert kept < 1_000


def test_modules_are_not_searched_for_garbage() -> None:
    command = [sys.executable, "-c", LOAD]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert answer.stderr.split() == ["0", "True", "True"]


def test_who_has_nothing_to_do_seldom_wakes(at_work: int) -> None:
    wait_for(lambda: costs.threads(at_work) >= 4, "its threads", within=60)
    time.sleep(1.0)  # past the first looks
    before, began = costs.wakes(at_work), time.monotonic()
    time.sleep(IDLE_SECONDS)
    assert (costs.wakes(at_work) - before) / (time.monotonic() - began) < MOST_WAKES
