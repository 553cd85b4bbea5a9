"""A real library in a process of its own, told what to do and asked what it knows."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.pg import Server

OWNER = "owner"


@dataclass(frozen=True)
class Driver:
    """A program of tests/drivers, and the file that its errors and its library's log go to."""

    process: subprocess.Popen[str]
    log: Path

    def ask(self, call: str, **arguments: Any) -> Any:
        """What one of its functions returns."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"call": call, **arguments}) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> Any:
        """The next line it prints."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the driver ended:\n{self.log.read_text()}"
        return json.loads(line)


@contextmanager
def driving(
    command: Sequence[str | Path], log: Path, env: Mapping[str, str], cwd: Path | None = None
) -> Iterator[Driver]:
    """A driver from when it answers until the block is left."""
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=cwd,
            env={**os.environ, **env},
        )
    driver = Driver(process, log)
    try:
        driver.answer()
        yield driver
    finally:
        process.kill()
        process.communicate()


def owned_database(server: Server) -> tuple[str, str]:
    """A new database whose owner logs in with a password: its name, and the owner's URL."""
    name = server.database()
    server.psql(
        f"DO $$ BEGIN CREATE ROLE {OWNER} LOGIN PASSWORD 'first';"
        f" EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
    )
    server.psql(f"ALTER DATABASE {name} OWNER TO {OWNER}")
    server.psql(
        f"ALTER SCHEMA public OWNER TO {OWNER};"
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT SELECT ON TABLES TO watcher",
        name,
    )
    return name, f"postgresql://{OWNER}:first@127.0.0.1:{server.port}/{name}"
