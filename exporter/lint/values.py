"""What the vocabulary says in words only: closed sets of label values, and which numbers add up."""

from __future__ import annotations

from collections.abc import Mapping

from parsers import LEVELS


def words(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())


_JOBS = words("ready scheduled overdue running retrying blocked failed dead")
_WINDOWS = words("15m 1h")
_PHASES = words("waiting active done failed unknown")
_PROBES = words("liveness readiness startup status dependency")
_FAILURES = words("refused timeout dns tls redirect status body json size closed other")
_EXITS = words("clean stopped grace killed oom error")
_IMPACTS = words("page ticket info")

# Every value that a label of a metric can have, where sidewatch itself gives them.
CLOSED: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("watched_log_lines_total", "stream"): words("stdout stderr file stdin journal"),
    ("watched_log_records_total", "level"): (*LEVELS, "unknown"),
    ("watched_events_total", "impact"): _IMPACTS,
    ("watched_event_read_timestamp_seconds", "impact"): _IMPACTS,
    ("watched_event_last_timestamp_seconds", "impact"): _IMPACTS,
    ("watched_queue_jobs", "state"): _JOBS,
    ("watched_queue_oldest_age_seconds", "clock"): words("due enqueued claimed progress"),
    ("watched_queue_recent_jobs", "outcome"): words("completed failed lost exhausted cancelled"),
    ("watched_queue_recent_jobs", "window"): _WINDOWS,
    ("watched_queue_stuck_jobs", "reason"): words("expired heartbeat timeout lease"),
    ("watched_workers", "state"): words("live stale"),
    ("watched_rows", "phase"): _PHASES,
    ("watched_rows_oldest_seconds", "phase"): _PHASES,
    ("watched_rows_recent", "phase"): _PHASES,
    ("watched_rows_recent", "window"): _WINDOWS,
    ("watched_postgres_info", "role"): words("primary replica"),
    ("watched_postgres_connections", "state"): words("active idle idle_in_transaction other"),
    ("watched_postgres_transactions_total", "outcome"): words("committed rolled_back"),
    ("watched_postgres_checkpoints_total", "reason"): words("timed requested"),
    ("watched_probe_success", "kind"): _PROBES,
    ("watched_probe_failing", "kind"): _PROBES,
    ("watched_probe_failing", "reason"): _FAILURES,
    ("watched_probe_failing_since_timestamp_seconds", "kind"): _PROBES,
    ("watched_probe_failures_total", "kind"): _PROBES,
    ("watched_probe_failures_total", "reason"): _FAILURES,
    ("watched_probe_duration_seconds", "kind"): _PROBES,
    ("watched_probe_duration_seconds", "phase"): words("resolve connect tls wait transfer"),
    ("watched_container_state", "state"): words(
        "created running paused restarting removing exited dead"
    ),
    ("watched_container_health", "state"): words("starting healthy unhealthy"),
    ("watched_container_exits_total", "reason"): _EXITS,
    ("watched_container_last_exit_timestamp_seconds", "reason"): _EXITS,
    ("watched_container_exit_read_timestamp_seconds", "reason"): _EXITS,
    ("watched_service_trait", "trait"): words("oneshot drains volatile"),
    ("sidewatch_query_disabled", "reason"): words("missing privilege version slow broken"),
}

# Gauges of one host that count its things: over several hosts only their sum means anything.
ADDITIVE = frozenset(
    {
        "watched_worker_processes",
        "watched_worker_slots",
        "watched_container_health",
        "watched_service_running_replicas",
        "watched_service_expected_replicas",
        "watched_file_count",
    }
)
