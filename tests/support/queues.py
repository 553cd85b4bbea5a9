"""What tests of queue libraries share: an application at work, rights, and when all was told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from exporter.sources.postgres import Library, Query, library_queries
from tests.support.asking import Asked, until
from tests.support.pg import Server

SETTINGS = """\
url: "{url}"
password: first
interval: 1s
subjects: {{traffic: false, server: false, connections: false}}
"""


@dataclass(frozen=True)
class Application:
    """A program that has a queue library. Its last argument says what to do; it answers in JSON."""

    command: Sequence[str]
    environment: Mapping[str, str]

    def call(self, word: str) -> Any:
        """Have it do something, and wait for the answer."""
        answer = subprocess.run(
            [*self.command, word], env=self._env(), capture_output=True, text=True, check=False
        )
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout.splitlines()[-1])

    @contextmanager
    def working(self) -> Iterator[None]:
        """A worker, killed with all its processes when the block is left."""
        worker = subprocess.Popen(
            [*self.command, "work"],
            env=self._env(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield
        finally:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()

    def _env(self) -> Mapping[str, str]:
        return {**os.environ, **self.environment}


def rows(postgres: Server, database: str, where: str) -> int:
    """How many rows there are: FROM `where`."""
    return int(postgres.psql(f"SELECT count(*) FROM {where}", database))


def queries(library: Library, names: Mapping[str, str] | None = None) -> dict[str, Query]:
    """All queries about a library, by name; `names` are those that an installation has changed."""
    return {query.name: query for query in library_queries(library, names or {}, asked=False)}


def grant(
    postgres: Server, database: str, library: Library, names: Mapping[str, str] | None = None
) -> None:
    """Let the role that asks read what the library's queries need, and nothing else."""
    for query in queries(library, names).values():
        for table, columns in query.needs.tables.items():
            listed = ", ".join(f'"{column}"' for column in columns)
            postgres.psql(f"GRANT SELECT ({listed}) ON {table} TO watcher", database)


async def told(app: Asked, library: Library) -> None:
    """Wait until every query about the library has been answered."""
    wanted = queries(library).keys()
    await until(
        lambda: wanted <= {name for (name,) in app.series("sidewatch_query_duration_seconds")},
        f"all answers about {library.library}",
    )


def without_zeros(series: Mapping[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
    """The series that are not zero."""
    return {labels: value for labels, value in series.items() if value}
