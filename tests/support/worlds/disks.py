"""What an application leaves on a disk, in a real folder. Of a signal's file, and with the same
meaning in tests/answers/files.yaml, where all is well:

watch     the entries of `files`
files     by name, how old in hours, and how large
pems      certificates of `probes`, by name, with the hours that they have left
records   so many audited writes a minute, read from the log
later     after so many minutes: the same keys
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tests.support.authority import Authority
from tests.support.told import Told
from tests.support.worlds.world import Given, Happening

TESTS = Path(__file__).parents[2]
KNOWN: Mapping[str, Any] = yaml.safe_load((TESTS / "answers/files.yaml").read_text())
TRANSITIONS = "watched_events_total"
TRANSITION = {"level": 30, "pid": 1, "hostname": "4f1d2c9a7b3e", "msg": "Record transition"}


@dataclass
class Disk:
    """A folder, and what lies in it now; `written` records were written to the log."""

    folder: Path
    signer: Authority
    well: Mapping[str, Any]
    part: Mapping[str, Any]
    now: Mapping[str, Any]
    written: int = 0

    def settings(self) -> Mapping[str, Any]:
        """Where it is looked."""
        watch = {name: {**one, "glob": self._globs(one)} for name, one in self._watch.items()}
        settings: dict[str, Any] = {"files": watch}
        if "pems" in self.well:
            settings["probes"] = {"certificates": str(self.folder / "certs/**/fullchain.pem")}
        if "records" in self.well:
            log = {"files": [str(self.folder / "api.log")], "service": "agledger-api"}
            settings["logs"] = [{**log, "from": "beginning"}]
        return settings

    def course(self) -> Sequence[Happening]:
        """Another state of the disk, and another."""
        later = self.part.get("later", {})
        return [(0, self._harm), *((minute, partial(self._later, minute)) for minute in later)]

    def looked(self, one: Told) -> bool:
        """Whether all of it was looked at."""
        certificates = one.series("watched_tls_not_after_timestamp_seconds")
        return (
            len(one.series("watched_file_count")) == len(self._watch)
            and len(certificates) == len(self.now.get("pems", ()))
            and sum(one.series(TRANSITIONS).values()) == self.written
        )

    @property
    def goes_on(self) -> int:
        """Whether something is written."""
        return int(self.now.get("records", 0) > 0)

    async def go_on(self) -> None:
        """Write what is written in a minute."""
        count = self.now.get("records", 0)
        with (self.folder / "api.log").open("a") as log:
            log.write(f"{json.dumps(TRANSITION)}\n" * count)
        self.written += count

    def lay(self) -> None:
        """Put everything there, and nothing else."""
        for name in ("certs", "files"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / name).mkdir()
        for name, (hours, size) in self.now["files"].items():
            path = self.folder / "files" / name
            path.write_bytes(b"x" * int(size))
            then = time.time() - hours * 3600
            os.utime(path, (then, then))
        for name, hours in self.now.get("pems", {}).items():
            pair = self.signer.issue(name, [name], timedelta(hours=hours))
            (self.folder / "certs" / name).mkdir()
            pem = self.folder / "certs" / name / "fullchain.pem"
            pem.write_bytes(pair.certificate.read_bytes())

    async def _harm(self) -> None:
        self.now = {**self.well, **self.part}
        self.lay()

    async def _later(self, minute: int) -> None:
        self.now = {**self.now, **self.part["later"][minute]}
        self.lay()

    @property
    def _watch(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.part.get("watch", self.well["watch"])
        return found

    def _globs(self, entry: Mapping[str, Any]) -> list[str]:
        globs = [entry["glob"]] if isinstance(entry["glob"], str) else entry["glob"]
        return [str(self.folder / "files" / glob) for glob in globs]


@asynccontextmanager
async def standing(given: Given) -> AsyncIterator[Disk]:
    """The disk of an application that is well."""
    well = KNOWN[given.app]
    signer = Authority(given.folder / "authority")
    disk = Disk(given.folder, signer, well, given.part, well)
    disk.lay()
    (given.folder / "api.log").touch()
    yield disk
