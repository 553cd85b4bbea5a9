"""What sidewatch shows of things that the demo does not have, recorded as real tests read it.

`python -m tests.support.recording` runs the tests named below and keeps, of the last snapshot that
each takes of an application, the metrics that no test before it has told: tests/dashboards/*.prom.
Moments are written as seconds from then, so that a page can be shown as if it were of now.
"""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from msgspec.structs import replace

from exporter.exposition import render
from exporter.model import Snapshot
from exporter.shard import Shard
from tests.support.signals import CASES
from tests.support.staged import STAGED

FOLDER = Path(__file__).parents[1] / "dashboards"
FAULT = "tests/test_signals.py::test_the_fault_is_one_notification"
UPKEEP = "tests/test_postgres_upkeep.py"
# Real containers, brokers, databases, files and probes.
TESTS = (
    *(
        f"{FAULT}[{name}]"
        for name in (
            "ps-hosted-crash-loop-0",
            "ag-killed-in-drain-0",
            "tr-broker-restarted-0",
            "ps-cert-expiry-0",
            "ag-siem-silent-0",
            "tr-backup-stale-0",
            "ag-system-health-0",
            "ag-version-skew-0",
            "tr-health-0",
            "ko-slow-start-0",
            "tr-deliveries-failed-0",
            "tr-datasource-broken-0",
            "ps-deploy-queued-0",
            "pa-db-size-0",
            "pa-db-connections-0",
            "ag-schedule-stopped-0",
            "tr-broker-queue-0",
            "tr-broker-queue-2",
        )
    ),
    "tests/test_containers.py::test_health_is_told_where_there_is_a_healthcheck",
    "tests/test_postgres_health.py::test_the_values_are_those_that_psql_sees",
    "tests/test_postgres_health.py::test_who_waits_for_a_lock_is_seen",
    "tests/test_postgres_faults_failover.py",
    "tests/test_queue_schemas.py::test_the_rows_are_told_as_a_hand_counts_them",
    "tests/test_shard.py::test_what_is_too_much_goes_to_other_and_the_guilty_label_is_named",
    "tests/test_postgres_slots.py",
    f"{UPKEEP}::test_replicas_are_counted_and_a_failing_archive_is_told_until_it_works",
    "tests/test_shard_lost.py",
)
# Logs, read by sidewatch as its `replay` does; what the fault said is in them.
LOGS = (
    "ps-app-502",
    "tr-login-throttled",
    "tr-task-timeouts",
    "ko-signature-failures",
    "ko-drain-stuck",
    "pa-webhook-rejected",
)
NATIVE = ("ag-http-errors", "tr-deliveries-failed")
# A signal is played under its own name; the page is its application's.
APPS = {one.name: one.app for one in CASES} | {one.name: one.app for one in STAGED}

TIMES = "_timestamp_seconds"
TEMPORARY = re.compile(r"/tmp/[^/\"]+/[^/\"]+(?:/[^/\"]+_\d+)?(?=[/\"])")


@dataclass
class Recorder:
    """A plugin of pytest that keeps what was last shown of each metric of an application."""

    last: dict[tuple[str, str], str] = field(default_factory=dict)
    told: set[tuple[str, str]] = field(default_factory=set)
    pages: dict[str, list[str]] = field(default_factory=dict)

    def listen(self) -> None:
        """Hear of every snapshot from now on."""
        snapshot = Shard.snapshot

        def heard(shard: Shard, *, final: bool = False) -> Snapshot:
            now = shard.clock.now()
            self.hear(shard.app, shard.registry.snapshot(now, final=True), now)
            return snapshot(shard, final=final)

        Shard.snapshot = heard  # type: ignore[method-assign, assignment]

    def hear(self, app: str, snapshot: Snapshot, moment: float) -> None:
        """Remember what a metric is now, where it is shown and was not told before."""
        owner = APPS.get(app, app)
        for each in snapshot.layout:
            key = (owner, each[0].name)
            if key in self.told:
                continue
            text = render([replace(snapshot, layout=(each,))]).decode()
            text = text.replace(f'app="{app}"', f'app="{owner}"')
            lines = [line for line in text.splitlines() if not line.startswith("# HELP")]
            if any(not line.startswith("#") for line in lines):
                self.last[key] = "\n".join(_moved(_elsewhere(line), -moment) for line in lines)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Keep what a test was shown."""
        self.keep(nodeid.rpartition("::")[2])

    def keep(self, source: str) -> None:
        """Write down what there is of this source."""
        for app in dict.fromkeys(app for app, _ in self.last):
            found = [text for (one, _), text in self.last.items() if one == app]
            self.pages.setdefault(app, []).extend([f"# {source}", *found])
        self.told |= self.last.keys()
        self.last.clear()


def _elsewhere(line: str) -> str:
    """A sample without the folders of the tests."""
    return TEMPORARY.sub("/srv", line)


def shown(page: Path) -> str:
    """A recorded page as if it were of now."""
    now = time.time()
    return "".join(f"{_moved(line, now)}\n" for line in page.read_text().splitlines())


def _moved(line: str, by: float) -> str:
    """A sample; one that tells of a moment is moved by so many seconds."""
    series, _, value = line.rpartition(" ")
    if line.startswith("#") or not series.partition("{")[0].endswith(TIMES):
        return line
    return f"{series} {float(value) + by:.3f}"


def main() -> int:
    """Record everything anew."""
    recorder = Recorder()
    recorder.listen()
    code = pytest.main(["-q", "-p", "no:cacheprovider", *TESTS], plugins=[recorder])
    for case in CASES:
        if case.signal in LOGS and case.form == next(
            each.form for each in CASES if each.signal == case.signal
        ):
            with TemporaryDirectory() as folder:
                case.story(Path(folder))
            recorder.keep(case.name)
    FOLDER.mkdir(exist_ok=True)
    for app, lines in recorder.pages.items():
        (FOLDER / f"{app}.prom").write_text("\n".join(lines) + "\n")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
