"""Each fault that files tell of: laid on a disk, watched, and held to the rules.

What sidewatch makes of them goes into a real promtool with the rules as they are shipped: while all
is well no alert fires, and with the fault those that docs/signals.md promises, and no other.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.asking import until
from tests.support.authority import Authority
from tests.support.faults import played
from tests.support.parts import Parts
from tests.support.proof import check
from tests.support.told import One, Told, told

ROOT = Path(__file__).parents[1]
KNOWN: Mapping[str, Any] = yaml.safe_load((ROOT / "tests/answers/files.yaml").read_text())
FAULTS = played("file")
FILES = re.compile(r"-(backup-stale|cert-expiry|siem-silent)$")
TRANSITIONS = "watched_events_total"
TRANSITION = {"level": 30, "pid": 1, "hostname": "4f1d2c9a7b3e", "msg": "Record transition"}


@dataclass(frozen=True)
class Disk:
    """What lies on a disk; tests/answers/files.yaml says what the keys mean."""

    watch: Mapping[str, Any]
    files: Mapping[str, Sequence[float]]
    pems: Mapping[str, float]
    records: int

    @classmethod
    def of(cls, app: str, fault: Mapping[str, Any]) -> Disk:
        """The disk of an application, with what is not well."""
        both = {"pems": {}, "records": 0, **KNOWN[app], **fault}
        return cls(both["watch"], both["files"], both["pems"], both["records"])

    def config(self, app: str, folder: Path) -> str:
        """Lay it into a folder, and watch it there."""
        for name, (hours, size) in self.files.items():
            (folder / name).write_bytes(b"x" * int(size))
            then = time.time() - hours * 3600
            os.utime(folder / name, (then, then))
        signer = Authority(folder / "authority")
        for name, hours in self.pems.items():
            pem = _pem(folder, name)
            pem.parent.mkdir(parents=True)
            pair = signer.issue(name, [name], timedelta(hours=hours))
            pem.write_bytes(pair.certificate.read_bytes())
        (folder / "api.log").write_text(f"{json.dumps(TRANSITION)}\n" * self.records)
        return json.dumps({"apps": [{"name": app, "profile": app, **self._settings(folder)}]})

    def _settings(self, folder: Path) -> dict[str, Any]:
        watch = {name: {**one, "glob": _inside(folder, one)} for name, one in self.watch.items()}
        settings: dict[str, Any] = {"files": watch}
        if self.pems:
            settings["probes"] = {"certificates": str(folder / "certs/**/fullchain.pem")}
        if self.records:
            log = {"files": [str(folder / "api.log")], "service": "agledger-api"}
            settings["logs"] = [{**log, "from": "beginning"}]
        return settings

    def looked(self, one: Told) -> bool:
        """Whether all of it was looked at."""
        certificates = one.series("watched_tls_not_after_timestamp_seconds")
        records = one.series(TRANSITIONS)
        return (
            len(one.series("watched_file_count")) == len(self.watch)
            and len(certificates) == len(self.pems)
            and sum(records.values()) == self.records
        )


def _pem(folder: Path, name: str) -> Path:
    return folder / "certs" / name / "fullchain.pem"


def _inside(folder: Path, entry: Mapping[str, Any]) -> list[str]:
    globs = [entry["glob"]] if isinstance(entry["glob"], str) else entry["glob"]
    return [str(folder / glob) for glob in globs]


def test_every_signal_of_a_file_has_its_fault() -> None:
    text = (ROOT / "docs/signals.md").read_text()
    promised = {
        (signal, alert)
        for signal, alerts in re.findall(r"^\| (\w\w-[\w-]+) \| ([^|]+) \|", text, re.MULTILINE)
        for alert in alerts.strip().split(", ")
        if FILES.search(signal)
    }
    assert len({signal for signal, _ in promised}) == 6
    faults = [one for one in FAULTS if one["alerts"]]
    assert {(one["signal"], each["alert"]) for one in faults for each in one["alerts"]} == promised


@pytest.mark.parametrize("app", KNOWN)
async def test_a_healthy_disk_fires_nothing(app: str, parts: Parts, tmp_path: Path) -> None:
    known, moved = await looked(app, {}, tmp_path)
    check(parts.need("promtool"), tmp_path / "healthy.yaml", known, moved, [])


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["signal"])
async def test_a_fault_fires_its_alerts_and_no_other(
    fault: Mapping[str, Any], parts: Parts, tmp_path: Path
) -> None:
    known, moved = await looked(fault["app"], fault, tmp_path)
    alerts = [
        {**one, "certificate": str(_pem(tmp_path, one["certificate"]))}
        if "certificate" in one
        else one
        for one in fault["alerts"]
    ]
    check(parts.need("promtool"), tmp_path / "fault.yaml", known, moved, alerts)


async def looked(
    app: str, fault: Mapping[str, Any], folder: Path
) -> tuple[dict[One, float], dict[One, float]]:
    """All that is known when everything was looked at once, and what goes on to rise."""
    disk = Disk.of(app, fault)
    async with told(disk.config(app, folder)) as one:
        await until(lambda: disk.looked(one), "a look at everything")
        known = one.all()
    return known, {each: float(disk.records) for each in known if each[0] == TRANSITIONS}
