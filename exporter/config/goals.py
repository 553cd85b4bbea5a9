"""The kinds of objectives: the gauge that shows each, and whose series have one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exporter.model import Duration

# Who asks for all leaves no budget, and each failure would burn it infinitely fast.
BUDGETED = 0.99999


@dataclass(frozen=True, slots=True)
class Goal:
    """A kind of objective: the gauge that shows it, and whose series have one.

    Every series of `subject` calls for the gauge; the labels `by` say which of the values is its
    own. Without a subject each value that is set has a gauge. `plural` is the key above them, ""
    where they stand alone, and `among` what the first of them may be, where that is known. `least`
    is how many of the labels a value must name, 0 where one value may be for all; `most` what it
    may be. `none` tells that 0 is an objective, too.
    """

    metric: str
    subject: str
    by: tuple[str, ...]
    plural: str
    type: Any
    least: int = 0
    most: float = math.inf
    none: bool = False
    among: tuple[str, ...] = ()


# Of rules/agledger.yaml and rules/tripl.yaml, each in the unit that its alert speaks of.
NATIVE = (
    "http_errors",
    "auth_failures",
    "verification_seconds",
    "pool_waiting",
    "job_failures",
    "auth_cache_hits",
    "task_failures",
    "delivery_failures",
)

GOALS: Mapping[str, Goal] = {
    "http_request_duration": Goal(
        "watched_http_request_duration_objective_seconds",
        "watched_http_request_duration_seconds",
        ("route",),
        "routes",
        Duration,
    ),
    "http_late": Goal(
        "watched_http_late_objective_ratio",
        "watched_http_request_duration_seconds",
        ("route",),
        "routes",
        float,
        most=1.0,
    ),
    "http_timely": Goal(
        "watched_http_timely_objective_ratio",
        "watched_http_request_duration_seconds",
        ("route",),
        "routes",
        float,
        most=BUDGETED,
    ),
    "http_errors": Goal(
        "watched_http_errors_objective_ratio",
        "watched_http_requests_total",
        ("route",),
        "routes",
        float,
        most=1.0,
    ),
    "http_success": Goal(
        "watched_http_success_objective_ratio",
        "watched_http_requests_total",
        ("route",),
        "routes",
        float,
        most=BUDGETED,
    ),
    "http_rejected": Goal(
        "watched_http_rejected_objective_ratio",
        "watched_http_requests_total",
        ("route",),
        "routes",
        float,
        most=1.0,
    ),
    "http_throttled": Goal(
        "watched_http_throttled_objective",
        "watched_http_requests_total",
        ("route",),
        "routes",
        float,
    ),
    "upstream_errors": Goal(
        "watched_upstream_errors_objective",
        "watched_upstream_errors_total",
        ("vhost",),
        "vhosts",
        float,
    ),
    "job_duration": Goal(
        "watched_job_duration_objective_seconds",
        "watched_job_duration_seconds",
        ("job_class",),
        "job_classes",
        Duration,
    ),
    "job_late": Goal(
        "watched_job_late_objective_ratio",
        "watched_job_duration_seconds",
        ("job_class",),
        "job_classes",
        float,
        most=1.0,
    ),
    "job_wait": Goal(
        "watched_job_wait_objective_seconds",
        "watched_job_wait_seconds",
        ("queue",),
        "queues",
        Duration,
    ),
    "job_wait_late": Goal(
        "watched_job_wait_late_objective_ratio",
        "watched_job_wait_seconds",
        ("queue",),
        "queues",
        float,
        most=1.0,
    ),
    "job_failures": Goal(
        "watched_job_failures_objective",
        "watched_jobs_finished_total",
        ("job_class",),
        "job_classes",
        float,
    ),
    "job_failure_ratio": Goal(
        "watched_job_failures_objective_ratio",
        "watched_jobs_finished_total",
        ("job_class",),
        "job_classes",
        float,
        most=1.0,
    ),
    "job_timeouts": Goal(
        "watched_job_timeouts_objective",
        "watched_jobs_finished_total",
        ("job_class",),
        "job_classes",
        float,
    ),
    "api_errors": Goal(
        "watched_api_errors_objective",
        "watched_api_responses_total",
        ("api",),
        "apis",
        float,
    ),
    "log_errors": Goal(
        "watched_log_errors_objective",
        "watched_log_records_total",
        ("service",),
        "services",
        float,
    ),
    "log_unparsed": Goal(
        "watched_log_unparsed_objective_ratio",
        "watched_log_unparsed_total",
        ("service",),
        "services",
        float,
        most=1.0,
    ),
    "exceptions": Goal(
        "watched_exceptions_objective",
        "watched_exceptions_total",
        ("service",),
        "services",
        float,
    ),
    "event_burst": Goal(
        "watched_event_burst_objective",
        "watched_events_total",
        ("event",),
        "events",
        float,
    ),
    "quota_remaining": Goal(
        "watched_quota_remaining_objective",
        "watched_quota_remaining",
        ("quota",),
        "quotas",
        float,
    ),
    "queue_age": Goal(
        "watched_queue_oldest_age_objective_seconds",
        "watched_queue_oldest_age_seconds",
        ("queue",),
        "queues",
        Duration,
    ),
    "queue_timely": Goal(
        "watched_queue_timely_objective_ratio",
        "watched_queue_oldest_age_seconds",
        ("queue",),
        "queues",
        float,
        most=BUDGETED,
    ),
    "queue_failures": Goal(
        "watched_queue_failures_objective_ratio",
        "watched_queue_recent_jobs",
        ("queue",),
        "queues",
        float,
        most=1.0,
    ),
    "queue_exhausted": Goal(
        "watched_queue_exhausted_objective",
        "watched_queue_recent_jobs",
        ("queue",),
        "queues",
        float,
    ),
    "queue_stuck": Goal(
        "watched_queue_stuck_objective",
        "watched_queue_stuck_jobs",
        ("queue",),
        "queues",
        float,
    ),
    "queue_dead_letters": Goal(
        "watched_queue_dead_letters_objective",
        "watched_queue_jobs",
        ("queue",),
        "queues",
        float,
    ),
    "rows_oldest": Goal(
        "watched_rows_oldest_objective_seconds",
        "watched_rows_oldest_seconds",
        ("entity", "state"),
        "",
        Duration,
        least=2,
    ),
    "rows": Goal(
        "watched_rows_objective",
        "watched_rows",
        ("entity", "state"),
        "",
        float,
        least=2,
    ),
    "rows_recent": Goal(
        "watched_rows_recent_objective",
        "watched_rows_recent",
        ("entity", "state"),
        "",
        float,
    ),
    "failure_streak": Goal(
        "watched_failure_streak_objective",
        "watched_failure_streak",
        ("entity",),
        "",
        float,
    ),
    "postgres_connections": Goal(
        "watched_postgres_connections_objective_ratio",
        "watched_postgres_max_connections",
        ("database",),
        "databases",
        float,
        most=1.0,
    ),
    "postgres_cache_hit": Goal(
        "watched_postgres_cache_hit_objective_ratio",
        "watched_postgres_blocks_hit_total",
        ("database",),
        "databases",
        float,
        most=1.0,
    ),
    "postgres_clock_skew": Goal(
        "watched_postgres_clock_skew_objective_seconds",
        "watched_postgres_clock_skew_seconds",
        ("database",),
        "databases",
        Duration,
    ),
    "probe_start": Goal(
        "watched_probe_start_objective_seconds",
        "watched_probe_success",
        ("probe",),
        "probes",
        Duration,
    ),
    "probe_success": Goal(
        "watched_probe_success_objective_ratio",
        "watched_probe_success",
        ("probe",),
        "probes",
        float,
        most=BUDGETED,
    ),
    "probe_steady": Goal(
        "watched_probe_steady_objective_ratio",
        "watched_probe_success",
        ("probe",),
        "probes",
        float,
        most=1.0,
    ),
    "probe_field": Goal(
        "watched_probe_field_objective",
        "watched_probe_field",
        ("probe", "field"),
        "",
        float,
        least=2,
        none=True,
    ),
    "certificate_left": Goal(
        "watched_tls_objective_seconds",
        "watched_tls_not_after_timestamp_seconds",
        ("probe",),
        "probes",
        Duration,
    ),
    "queue_consumers": Goal(
        "watched_queue_consumers_objective",
        "watched_queue_consumers",
        ("queue",),
        "queues",
        float,
        none=True,
    ),
    "queue_growth": Goal(
        "watched_queue_growth_objective",
        "watched_queue_consumers",
        ("queue",),
        "queues",
        float,
    ),
    "file_size": Goal(
        "watched_file_size_objective_ratio",
        "watched_file_newest_bytes",
        ("file",),
        "files",
        float,
        most=1.0,
    ),
    "installs": Goal(
        "sidewatch_installs_objective",
        "sidewatch_app_info",
        (),
        "",
        float,
    ),
    "native": Goal(
        "watched_native_objective",
        "",
        ("signal",),
        "",
        float,
        least=1,
        among=NATIVE,
    ),
}
