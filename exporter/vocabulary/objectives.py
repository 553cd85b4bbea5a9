"""Objectives, as metrics: what is asked of the parts of an application.

An objective has its subject's labels, and a series for every subject that exists. Where it is not
set, the rules name a default, so that a subject the configuration has never heard of is watched
too. One about a histogram also names, as `le`, the bucket whose bound it is, spelled as the bucket
spells it; it has no default, because there is no such bucket.
"""

from __future__ import annotations

from exporter.model import Family, Scope


def _gauge(name: str, labels: tuple[str, ...], text: str, scope: Scope = "local") -> Family:
    return Family(name, "gauge", text, labels, scope)


HTTP = (
    _gauge(
        "watched_http_request_duration_objective_seconds",
        ("route", "le"),
        "How long a request may take.",
    ),
    _gauge(
        "watched_http_late_objective_ratio",
        ("route",),
        "Which share of requests in ten minutes may take longer; 0.1 where it is not set.",
    ),
    _gauge(
        "watched_http_errors_objective_ratio",
        ("route",),
        "Which share of requests in ten minutes may get a 5xx; 0.05 where it is not set.",
    ),
    _gauge(
        "watched_http_rejected_objective_ratio",
        ("route",),
        "Which share of webhooks in ten minutes may get a 4xx; 0.1 where it is not set.",
    ),
    _gauge(
        "watched_http_throttled_objective",
        ("route",),
        "How many 429 of the login in ten minutes make an alert; 5 where it is not set.",
    ),
    _gauge(
        "watched_upstream_errors_objective",
        ("vhost",),
        "How many requests in ten minutes that find nothing make an alert; 5 where it is not set.",
    ),
)

JOBS = (
    _gauge(
        "watched_job_duration_objective_seconds",
        ("job_class", "le"),
        "How long a job of this class may run.",
    ),
    _gauge(
        "watched_job_late_objective_ratio",
        ("job_class",),
        "Which share of jobs in an hour may run longer; 0.1 where it is not set.",
    ),
    _gauge(
        "watched_job_wait_objective_seconds",
        ("queue", "le"),
        "How long a job may wait in this queue.",
    ),
    _gauge(
        "watched_job_wait_late_objective_ratio",
        ("queue",),
        "Which share of jobs in half an hour may wait longer; 0.1 where it is not set.",
    ),
    _gauge(
        "watched_job_failures_objective",
        ("job_class",),
        "How many failures of this class in an hour make an alert; 3 where it is not set.",
    ),
    _gauge(
        "watched_job_failures_objective_ratio",
        ("job_class",),
        "Which share of the jobs of this class must fail, too; 0.05 where it is not set.",
    ),
    _gauge(
        "watched_job_timeouts_objective",
        ("job_class",),
        "How many jobs cut off in an hour make an alert; 1 where it is not set.",
    ),
)

LOGS = (
    _gauge(
        "watched_quota_remaining_objective",
        ("quota", "scope"),
        "How much of a quota must be left.",
    ),
    _gauge(
        "watched_quota_burn_objective_ratio",
        ("quota", "scope"),
        "Below which share left of a quota its forecast counts; 0.5 where it is not set.",
    ),
    _gauge(
        "watched_api_errors_objective",
        ("api",),
        "How many refusals in ten minutes an alert takes at least; 5 where it is not set.",
    ),
    _gauge(
        "watched_log_errors_objective",
        ("service",),
        "How many errors in ten minutes an alert takes at least; 5 where it is not set.",
    ),
    _gauge(
        "watched_log_unparsed_objective_ratio",
        ("service",),
        "Which share of records may be of no known format; 0.2 where it is not set.",
    ),
    _gauge(
        "watched_log_silence_objective",
        ("service",),
        "How many lines an hour must have had for its silence to count; 60 where it is not set.",
    ),
    _gauge(
        "watched_exceptions_objective",
        ("service",),
        "How many of one exception in half an hour make an alert; 5 where it is not set.",
    ),
    _gauge(
        "watched_event_burst_objective",
        ("event",),
        "How many in ten minutes are a burst; 5 where it is not set.",
    ),
)

QUEUES = (
    _gauge(
        "watched_queue_failures_objective_ratio",
        ("queue",),
        "Which share of jobs in an hour may fail; 0.05 where it is not set.",
        "shared",
    ),
    _gauge(
        "watched_queue_exhausted_objective",
        ("queue",),
        "How many jobs failed for good in an hour make an alert; 1 where it is not set.",
        "shared",
    ),
    _gauge(
        "watched_queue_stuck_objective",
        ("queue",),
        "How many stuck jobs make an alert; 1 where it is not set.",
        "shared",
    ),
    _gauge(
        "watched_queue_dead_letters_objective",
        ("queue",),
        "How many jobs in a dead-letter queue make an alert; 1 where it is not set.",
        "shared",
    ),
    _gauge(
        "watched_postgres_transaction_objective_seconds",
        ("database",),
        "How long a transaction may be open; 3600 where it is not set.",
        "shared",
    ),
    _gauge(
        "watched_postgres_idle_transaction_objective_seconds",
        ("database",),
        "How long a transaction may do nothing; 600 where it is not set.",
        "shared",
    ),
    _gauge(
        "watched_postgres_blocked_objective_seconds",
        ("database",),
        "How long anybody may wait for a lock; 300 where it is not set.",
        "shared",
    ),
    _gauge(
        "watched_postgres_replication_lag_objective_seconds",
        ("database",),
        "How far a replica may be behind; 30 where it is not set.",
        "shared",
    ),
    _gauge(
        "watched_postgres_slot_objective_bytes",
        ("database",),
        "How much of the server's log a slot may keep; 5000000000 where it is not set.",
        "shared",
    ),
    _gauge(
        "watched_postgres_slot_unread_objective_bytes",
        ("database",),
        "How much of it a slot that nobody reads may keep; 100000000 where it is not set.",
        "shared",
    ),
    _gauge(
        "watched_postgres_replicas_objective",
        ("database",),
        "How many must receive the server's log; none where it is not set.",
        "shared",
    ),
    _gauge(
        "watched_postgres_rollbacks_objective_ratio",
        ("database",),
        "Which share of transactions in ten minutes may be rolled back; 0.1 where it is not set.",
        "shared",
    ),
    _gauge(
        "watched_postgres_dead_rows_objective_ratio",
        ("database",),
        "Which share of a table's rows may be dead; 0.2 where it is not set.",
        "shared",
    ),
    _gauge(
        "watched_postgres_invalid_indexes_objective",
        ("database",),
        "How many invalid indexes make an alert; 1 where it is not set.",
        "shared",
    ),
    _gauge(
        "watched_postgres_clock_skew_objective_seconds",
        ("database",),
        "How far the server's clock may be from sidewatch's; 10 where it is not set.",
        "shared",
    ),
)

OTHERS = (
    _gauge(
        "watched_probe_steady_objective_ratio",
        ("probe",),
        "Which share of answers in half an hour must be good; 0.9 where it is not set.",
        "vantage",
    ),
    _gauge(
        "watched_probe_phase_objective_seconds",
        ("probe", "phase"),
        "How long a phase of an exchange may take; 1 where it is not set.",
        "vantage",
    ),
    _gauge(
        "watched_container_restarts_objective",
        ("service",),
        "How many restarts in a quarter of an hour are a loop; 3 where it is not set.",
    ),
    _gauge(
        "watched_filesystem_full_objective_ratio",
        ("mount",),
        "Below which share of room left a mount is full; 0.05 where it is not set.",
    ),
    _gauge(
        "watched_file_size_objective_ratio",
        ("file",),
        "How large a file must be beside the one before; 0.5 where it is not set.",
    ),
    _gauge(
        "watched_native_objective",
        ("signal",),
        "The threshold of an alert on the application's own metrics, as configured.",
        "own",
    ),
    _gauge(
        "sidewatch_installs_objective",
        (),
        "How many installations may watch an application under one name; 1 where it is not set.",
        "own",
    ),
)

# What a budget of errors is counted against: see rules/slo.yaml.
LEVELS = (
    _gauge(
        "watched_http_success_objective_ratio",
        ("route",),
        "Which share of webhooks must get no 5xx in 30 days; 0.99 where it is not set.",
    ),
    _gauge(
        "watched_http_timely_objective_ratio",
        ("route",),
        "Which share of webhooks must be in time in 30 days; 0.95 where it is not set.",
    ),
    _gauge(
        "watched_queue_timely_objective_ratio",
        ("queue",),
        "Which share of 30 days no job may be overdue; 0.99 where it is not set.",
        "shared",
    ),
    _gauge(
        "watched_probe_success_objective_ratio",
        ("probe",),
        "Which share of 30 days the application must answer; 0.99 where it is not set.",
        "vantage",
    ),
)

FAMILIES = (*HTTP, *JOBS, *LOGS, *QUEUES, *OTHERS, *LEVELS)
