"""The five applications' own lines as a workload: apps.py APP OUTFILE [LINES] [SEED].

The records are those of tests/golden/APP/input.log, real output for the most part, drawn in a mix
such as a busy hour has: requests and jobs above all, now and then a warning, a traceback, a line of
plain text. What differs from one record to the next in life differs here too: times, identities,
durations, statuses, routes, classes of jobs. One seed gives one file.
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from envelopes import BEGIN, STEP

GOLDEN = Path(__file__).parent.parent / "tests" / "golden"


@dataclass(frozen=True, slots=True)
class Kind:
    """A record of the sample and how often it comes: weight, words of it, and its other lines.

    `words` stand in one line of the sample; `before` and `after` tell how many lines around it are
    the record's too.
    """

    weight: float
    words: str
    before: int = 0
    after: int = 0


MIXES: Mapping[str, tuple[Kind, ...]] = {
    "agledger": (
        Kind(38, '"url":"/v1/records?limit=5"'),
        Kind(38, '"responseTime":0.366595000000018'),
        Kind(14, "Mandate transition CREATED -> ACTIVE"),
        Kind(3, "Webhook delivery failed, will retry"),
        Kind(2, "Route GET:/nope not found"),
        Kind(2, '"msg":"Worker started"'),
        Kind(1, '"msg":"Unhandled error"'),
        Kind(1, "AggregateError"),
        Kind(0.5, "numbers as strings"),
        Kind(0.3, "DeprecationWarning"),
        Kind(0.2, "Cannot find module", before=4, after=6),
    ),
    "kodiai": (
        Kind(24, "Webhook accepted and queued for dispatch"),
        Kind(20, "Enqueuing job for installation"),
        Kind(20, "Job execution started"),
        Kind(20, "Job execution completed"),
        Kind(6, "Duplicate delivery skipped"),
        Kind(3, "Readiness dependency degraded"),
        Kind(2, "Webhook signature verification failed"),
        Kind(1, "Job exceeded hard timeout"),
        Kind(1, "Health check failed: PostgreSQL unreachable"),
        Kind(1, '"msg":"Unhandled error"'),
        Kind(1, '"nested \\"level\\" field"'),
        Kind(0.6, "skip: 004-webhook-queue.sql"),
        Kind(0.4, "error: DATABASE_URL", after=4),
    ),
    "pullapprove": (
        Kind(20, '[INFO] Executing job worker_pid=4962 job_class="app.pullrequests.jobs.Defers"'),
        Kind(20, 'job_duration="0.012464"'),
        Kind(20, "[INFO] API response status=200 from_cache=True rate_limit_remaining=4999"),
        Kind(25, '[INFO] Request method=POST path="/webhooks/github/" query="" status=200'),
        Kind(6, '[INFO] Request method=GET path="/up"'),
        Kind(3, "[INFO] Job worker stats worker_processes=2 worker_queues=default"),
        Kind(2, "[INFO] Job deferred delay=30"),
        Kind(1.5, '"POST /webhooks/github/ HTTP/1.1" 200 2'),
        Kind(1, "[INFO] Weird values", after=1),
        Kind(0.7, "[ERROR] Job failed", after=7),
        Kind(0.3, '[ERROR] Server error path="/boom"', after=15),
        Kind(0.5, "Settings from env:", after=1),
    ),
    "tripl": (
        Kind(25, '[d84c299c-1d4f-466b-be84-15a14b1ff729] received"'),
        Kind(25, "succeeded in 0.0012684360001458117s"),
        Kind(12, "Dispatching collect_metrics for"),
        Kind(12, '"msg":"check_metrics_due: 4 configs checked, 1 dispatched"'),
        Kind(16, '172.20.0.1:51234 - "GET /health HTTP/1.1" 200 OK'),
        Kind(3, "Reaper: re-enqueued 2 stranded"),
        Kind(2, "Skipping collect_metrics for"),
        Kind(2, '"msg":"Scan failed: '),
        Kind(1, 'ConnectionRefusedError(111, \'connect to \\"clickhouse:8123\\" refused\')","requ'),
        Kind(0.5, "ERROR:    Exception in ASGI application", after=6),
        Kind(1.5, "Running upgrade a3f7c21e9b64"),
    ),
    "paas": (
        Kind(
            22,
            "Request finished HTTP/1.1 POST http://api:8080/internal/git/post-receive - 202",
            before=1,
        ),
        Kind(14, "Request starting HTTP/1.1 POST", before=1),
        Kind(40, '"GET / HTTP/1.1" 502 157'),
        Kind(8, "Executed DbCommand (1ms)", before=1, after=5),
        Kind(5, "[error] 29#29: *412 no live upstreams"),
        Kind(5, "[error] 29#29: *413 connect() failed"),
        Kind(2, "Building deployment", before=1),
        Kind(
            1, "Build failed for deployment 7a3d5c1e-2a59-4df5-9f5e-0a3c7f1b2d11", before=1, after=2
        ),
        Kind(1, "An unhandled exception has occurred", before=1, after=5),
        Kind(1, "failed health check GET", before=1),
        Kind(1, "Step 4/9"),
    ),
}


class Dice:
    """What differs from one record to the next: a clock that goes on, and values as in life."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.at = 0

    def time(self, pattern: str) -> str:
        return datetime.fromtimestamp(BEGIN + self.at // 10**9, UTC).strftime(pattern)

    def hexes(self, *sizes: int) -> str:
        return "-".join(f"{self.random.getrandbits(4 * size):0{size}x}" for size in sizes)

    def below(self, most: int) -> str:
        return str(self.random.randrange(most))

    def milliseconds(self, digits: int) -> str:
        """A duration in milliseconds: mostly some tens, seldom some thousands."""
        return f"{min(self.random.lognormvariate(3.2, 1.4), 6e4):.{digits}f}"

    def seconds(self) -> str:
        return f"{min(self.random.lognormvariate(-3.7, 1.4), 60.0):.6f}"

    def one(self, *choices: str) -> str:
        return self.random.choice(choices)


_STATUSES = (*("200",) * 12, "201", "204", "302", "404", "500", "503")
_PATHS = ("/", "/health", "/api/apps", "/api/apps?page=2", "/internal/git/post-receive")
_PLAIN_JOBS = (
    "pullrequests.jobs.PullRequestProcessUpdates",
    "insights.jobs.InsightsSync",
    "pullrequests.jobs.Fails",
    "pullrequests.jobs.Defers",
)
_TASKS = (
    "metrics.check_metrics_due",
    "metrics.collect_metrics",
    "scan.run_scan",
    "alerts.send_alert_delivery",
)
# What is varied: what stands before it, what it is, and what comes instead.
VARIED: tuple[tuple[str, str, Callable[[Dice], str]], ...] = (
    ("", r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", lambda d: d.hexes(8, 4, 4, 4, 12)),
    ('"time":', r"\d{13}", lambda d: str(1000 * BEGIN + d.at // 1_000_000)),
    ('"ts":"', r"[\dT:-]+(?=\+0000)", lambda d: d.time("%Y-%m-%dT%H:%M:%S")),
    (r"^\[", r"\d+-\d\d-\d\d [\d:]+(?= \+0000\])", lambda d: d.time("%Y-%m-%d %H:%M:%S")),
    (r"\[", r"\d\d/[A-Z][a-z]{2}/\d{4}(?::\d\d){3}", lambda d: d.time("%d/%b/%Y:%H:%M:%S")),
    ("^", r"\d{4}/\d\d/\d\d [\d:]+", lambda d: d.time("%Y/%m/%d %H:%M:%S")),
    ('"responseTime":', r"\d+\.\d+", lambda d: d.milliseconds(12)),
    (r'"durationMs":|"waitMs":|duration_ms=', r"\d+", lambda d: d.milliseconds(0)),
    ('job_duration="|job_queue_time="|succeeded in ', r"\d[\d.]+", Dice.seconds),
    (" ", r"[\d.]+(?=ms$)", lambda d: d.milliseconds(4)),
    (r'"statusCode":| status=| - |HTTP/1\.1" ', r"\d+", lambda d: d.one(*_STATUSES)),
    ('"reqId":"req-', r"\d+", lambda d: d.below(10**6)),
    (r'"url":"/v1/records\?limit=', r"\d+", lambda d: d.below(50)),
    ('path="', "/webhooks/github/", lambda d: d.one("/webhooks/github/", "/", "/app/repos/")),
    (r"http://api:8080", r"/\S+", lambda d: d.one(*_PATHS)),
    ("mnd_", r"\w+", lambda d: d.hexes(5)),
    ('"jobId":"51234567-|"prNumber":', r"\d+", lambda d: d.below(30000)),
    ('"lane":"', "review", lambda d: d.one("review", "review", "interactive-review")),
    (r'job_class="app\.', r"[\w.]+", lambda d: d.one(*_PLAIN_JOBS)),
    (r"Task tripl\.worker\.tasks\.", r"[\w.]+(?=\[)", lambda d: d.one(*_TASKS)),
    ("from_cache=", "True", lambda d: d.one("True", "True", "False")),
    ("rate_limit_remaining=", r"\d+", lambda d: d.below(5000)),
    ("worker_pid=|jobs_requested=", r"\d+", lambda d: d.below(40)),
    (r'172\.20\.0\.1:|"remotePort":', r"\d+", lambda d: d.below(65536)),
)
_VARY = re.compile("|".join(f"({before})({value})" for before, value, _ in VARIED))
Piece = str | Callable[[Dice], str]


def records(app: str) -> list[tuple[float, list[list[Piece]]]]:
    """The weights of an application's records, and their lines in pieces that stay or vary."""
    lines = (GOLDEN / app / "input.log").read_text().splitlines()
    return [(kind.weight, [_pieces(line) for line in _record(lines, kind)]) for kind in MIXES[app]]


def _record(lines: list[str], kind: Kind) -> list[str]:
    at = next(at for at, line in enumerate(lines) if kind.words in line)
    return lines[at - kind.before : at + kind.after + 1]


def _pieces(line: str) -> list[Piece]:
    pieces: list[Piece] = []
    at = 0
    for found in _VARY.finditer(line):
        group = found.lastindex or 0
        pieces += [line[at : found.start(group)], VARIED[group // 2 - 1][2]]
        at = found.end()
    return [*pieces, line[at:]]


def generate(app: str, out: Path, lines: int, seed: int = 7) -> None:
    """Write so many lines; the last record may be cut."""
    dice = Dice(seed)
    drawn = records(app)
    weights = [weight for weight, _ in drawn]
    shapes = [shape for _, shape in drawn]
    written = 0
    with out.open("w", newline="\n") as file:
        while written < lines:
            for shape in dice.random.choices(shapes, weights, k=1000):
                for pieces in shape[: lines - written]:
                    dice.at += STEP
                    file.write("".join([p if isinstance(p, str) else p(dice) for p in pieces]))
                    file.write("\n")
                    written += 1


if __name__ == "__main__":
    words = sys.argv[3:]
    generate(sys.argv[1], Path(sys.argv[2]), *map(int, words or ["2000000"]))
