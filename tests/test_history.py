"""sidewatch replay --openmetrics: a log of the past in a real Prometheus, minute by minute.

The expected numbers were worked out by hand from the log below and from what docs/metrics.md
promises of a running sidewatch; none was taken from its output.
"""

from __future__ import annotations

import gzip
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporter.__main__ import main
from exporter.errors import SidewatchError
from exporter.history import LONGEST, Log, line_time, pieces
from exporter.model import Cursor
from tests.support.parts import Parts
from tests.support.servers import Prometheus
from tests.support.servers import prometheus as real_prometheus

BEGIN = datetime(2024, 5, 6, 10, tzinfo=UTC)
START = BEGIN.timestamp()
STEP = 15
MAIL = "job_class=app.Mail job_queue=mail"
STATS = "jobs_requested=4 jobs_processing=2 worker_processes=2 worker_max_processes=2"
# Seconds after ten o'clock, and what a worker of pullapprove wrote then; the first two lines lie in
# the rotated file.
ROTATED = [(3, f"[INFO] Executing job {MAIL}"), (33, f"[INFO] Executing job {MAIL}")]
LIVE = [
    (62, f"[INFO] Executing job {MAIL}"),
    (130, f"[INFO] Job worker stats {STATS}"),
    (260, "[WARNING] Process pool broken, re-enqueuing job job_process_uuid=0c3f8b1e"),
    (365, "[INFO] Job worker shutdown signal received signalnum=15"),
    (380, "[INFO] Job worker shutdown complete "),
]
ACCESS = '[INFO] Request method=POST path="/webhooks/github/" query="" status=200 duration_ms=41'
SERVED = [(at, ACCESS) for at in range(5, 600, 60)]


def _entry(after: float, text: str) -> bytes:
    """A line as Docker's json-file has it."""
    at = datetime.fromtimestamp(START + after, UTC).isoformat().replace("+00:00", ".5Z")
    entry = {"log": f"{text}\n", "stream": "stdout", "time": at}
    return json.dumps(entry, ensure_ascii=False).encode() + b"\n"


def _entries(lines: list[tuple[int, str]]) -> bytes:
    return b"".join(_entry(*line) for line in lines)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, parts: Parts) -> Iterator[Prometheus]:
    """A Prometheus that knows the past from blocks alone."""
    folder = tmp_path_factory.mktemp("history")
    (folder / "worker.1.gz").write_bytes(gzip.compress(_entries(ROTATED)))
    (folder / "worker").write_bytes(_entries(LIVE))
    (folder / "server").write_bytes(_entries(SERVED))
    # In whatever order: the lines tell when they were written.
    files = [folder / name for name in ("worker", "server", "worker.1.gz")]
    text = folder / "history.om"
    text.write_bytes(_replayed("--until", "2024-05-06T10:11:00Z", *map(str, files)))
    command = ("tsdb", "create-blocks-from", "openmetrics", text, folder / "data")
    done = subprocess.run(
        [parts.need("promtool"), *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # Blocks have no mark of a series' end, so Prometheus is not to look further back than a step.
    flags = ("--storage.tsdb.retention.time=100y", f"--query.lookback-delta={STEP - 5}s")
    with real_prometheus(parts.need("prometheus"), folder, [], flags=flags) as server:
        yield server


def _replayed(*words: str) -> bytes:
    command = [sys.executable, "-m", "exporter", "replay", "--profile", "pullapprove"]
    done = subprocess.run(
        [*command, "--openmetrics", *words], capture_output=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def _told(history: Prometheus, expression: str) -> dict[float, float]:
    """The values of the one series, by seconds after ten o'clock."""
    found = history.over_time(expression, START, START + 660, STEP)
    assert len(found) == 1, found
    return next(iter(found.values()))


def _same(value: float, first: int, last: int) -> dict[float, float]:
    return dict.fromkeys(map(float, range(first, last + 1, STEP)), value)


@pytest.mark.real
def test_a_counter_is_born_at_zero_and_counts_each_line_when_it_was_written(
    history: Prometheus,
) -> None:
    started = _told(history, 'watched_jobs_started_total{app="pullapprove",queue="mail"}')
    # Shown as 0 for half a minute, although the first job had begun at 3 s.
    assert started == _same(0, 15, 30) | _same(2, 45, 60) | _same(3, 75, 660)


@pytest.mark.real
def test_what_is_declared_is_zero_from_the_first_moment(history: Prometheus) -> None:
    served = 'watched_http_requests_total{route="webhooks",method="POST",status="%s"}'
    assert _told(history, served % 500) == _same(0, 0, 660)
    # Lines at 5.5 s, 65.5 s, ... It was shown as 0 before the first, so nothing delays it.
    expected = {float(at): float((at - 6) // 60 + 1) for at in range(15, 601, STEP)}
    expected |= _same(0, 0, 0) | _same(10, 600, 660)
    assert _told(history, served % 200) == expected


@pytest.mark.real
def test_a_gauge_is_gone_when_its_window_is_over(history: Prometheus) -> None:
    # Told once at 130.5 s, with a window of three minutes.
    assert _told(history, "watched_jobs_running") == _same(2, 135, 300)


@pytest.mark.real
def test_an_event_was_read_when_it_was_written(history: Prometheus) -> None:
    event = 'watched_event_read_timestamp_seconds{event="process_pool_broken"}'
    assert _told(history, event) == _same(START + 260.5, 270, 660)


@pytest.mark.real
def test_a_drain_opens_the_quiet_window_for_its_time_and_a_catch_up(history: Prometheus) -> None:
    quiet = _told(history, 'watched_quiet_window{service="worker"}')
    # Shut down from 365.5 s to 380.5 s; two minutes later it closes.
    assert quiet == _same(1, 375, 495) | _same(0, 510, 660)


@pytest.mark.real
def test_an_alert_says_what_would_have_fired(history: Prometheus) -> None:
    expression = 'time() - max by (app, service, event) (watched_event_read_timestamp_seconds{impact="ticket"}) < 600'  # noqa: E501  one expression
    found = history.over_time(expression, START, START + 660, STEP)
    (labels,) = found
    assert dict(labels) == {
        "app": "pullapprove",
        "service": "worker",
        "event": "process_pool_broken",
    }
    assert min(found[labels]) == 270


@pytest.mark.real
def test_the_rotated_file_is_of_the_service_of_the_live_one(history: Prometheus) -> None:
    lines = history.over_time("watched_log_lines_total", START + 660, START + 660, STEP)
    assert {dict(labels)["service"]: told[0] for labels, told in lines.items()} == {
        "worker": 7,
        "server": 10,
    }


def test_each_family_has_its_type_once_and_the_text_its_end(tmp_path: Path) -> None:
    (tmp_path / "worker").write_bytes(_entries(LIVE))
    lines = _replayed(str(tmp_path / "worker")).decode().splitlines()
    types = [line for line in lines if line.startswith("# TYPE")]
    assert len(types) == len(set(types))
    assert lines[-1] == "# EOF"


def test_the_first_moment_is_openmetrics_by_a_peers_parser(tmp_path: Path) -> None:
    (tmp_path / "worker").write_bytes(_entries(LIVE))
    lines = _replayed("--step", "1m", str(tmp_path / "worker")).decode().splitlines()
    moment = takewhile(lambda line: line[:1] == "#" or line.endswith(f" {START + 60:.0f}"), lines)
    text = "".join(f"{line}\n" for line in (*moment, "# EOF"))
    told = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]  # theirs has no types
    families = {one.name: one for one in told}
    (app,) = families["sidewatch_app_info"].samples
    assert (app.value, float(app.timestamp)) == (1, START + 60)
    records = families["watched_log_records"].samples
    assert {one.value for one in records} == {0}


def test_steps_follow_a_service_that_falls_silent(tmp_path: Path) -> None:
    (tmp_path / "worker").write_bytes(_entries(ROTATED))
    told = _replayed("--step", "1h", "--until", "2024-05-06T14:00:00Z", str(tmp_path / "worker"))
    steps = {line.split()[-1] for line in told.decode().splitlines() if not line.startswith("#")}
    assert steps == {f"{START + hour * 3600:.0f}" for hour in range(5)}


@pytest.mark.parametrize("until", [(), ("--until", "1999-12-31T00:00:00Z")], ids=str)
def test_a_history_of_nothing_is_refused(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], until: tuple[str, ...]
) -> None:
    log = tmp_path / "worker"
    log.write_bytes(_entries(ROTATED) if until else b"")
    words = ("replay", "--profile", "pullapprove", "--openmetrics", *until, str(log))
    assert main(words) == 1
    told = capfdbinary.readouterr()
    assert not told.out
    assert told.err.startswith(b"sidewatch: no line is left to replay: the logs are empty, or")


# -- when a line was written -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        b'{"log":"[INFO] Executing job\\n","stream":"stdout","time":"2024-05-06T10:00:00.25Z"}',
        b"2024-05-06T10:00:00.25Z stdout F [INFO] Executing job",
        b"2024-05-06T10:00:00.250000000Z [INFO] Executing job job_class=app.Mail",
        b'{"level":30,"time":1714989600250,"msg":"Job execution started"}',
        b"[2024-05-06 10:00:00,250: INFO/MainProcess] celery@worker ready.",
    ],
)
def test_a_line_tells_its_time_by_its_envelope_or_itself(line: bytes) -> None:
    assert line_time(line, UTC) == START + 0.25


def _log(*lines: bytes) -> Log:
    return Log(Cursor("worker.log", "worker", "file"), iter(lines))


def _line(after: float, text: str = "Executing job") -> bytes:
    return b'{"time": %.3f, "msg": "%s"}\n' % ((START + after) * 1000, text.encode())


def _pieces(*chunks: bytes, latest: float = math.inf) -> list[tuple[float, bytes]]:
    return [(one.at - START, one.data) for one in pieces(_log(*chunks), UTC, latest)]


def test_a_line_without_a_time_is_of_that_of_the_line_before() -> None:
    head, trace, late = b"Settings from env:\n", b'  File "/app/app/jobs.py"\n', _line(7)
    assert _pieces(head + _line(3) + trace, late) == [(3, head + _line(3) + trace), (7, late)]


def test_no_time_goes_back_and_none_lies_in_the_future() -> None:
    lines = [_line(9), _line(5), _line(900), _line(10)]
    told = _pieces(*lines, latest=START + 60)
    assert told == [(9, b"".join(lines[:3])), (10, lines[3])]


def test_a_log_without_any_time_is_refused() -> None:
    with pytest.raises(SidewatchError, match=r"^worker\.log: no line tells when it was written"):
        list(pieces(_log(b"[INFO] Executing job job_class=app.Mail\n"), UTC))


def test_an_endless_line_is_handed_on_as_it_comes() -> None:
    half = b"x" * LONGEST
    told = _pieces(_line(3), half, half, b"\n" + _line(5))
    assert [(at, len(data)) for at, data in told[:2]] == [
        (3, len(_line(3)) + LONGEST),
        (3, LONGEST),
    ]
    assert told[2:] == [(3, b"\n"), (5, _line(5))]


def test_the_last_line_needs_no_end() -> None:
    assert _pieces(_line(3).rstrip()) == [(3, _line(3))]
