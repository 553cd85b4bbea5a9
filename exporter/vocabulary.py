"""The vocabulary: every metric that sidewatch may show, by name. Rules and profiles speak only it.

`scope` says how instances of sidewatch are put together: *shared* with `max`, *local* with `sum`,
*vantage* (probes) with `min` or `count`, *own* for sidewatch itself. `app` is on every series of a
watched application and is not listed.
"""

from __future__ import annotations

from exporter.model import JOB_BUCKETS, REQUEST_BUCKETS, Family


def _families(*families: Family) -> dict[str, Family]:
    return {family.name: family for family in families}


LOGS = _families(
    Family("watched_log_lines_total", "counter", "Physical log lines read.", ("service", "stream")),
    Family(
        "watched_log_records_total",
        "counter",
        "Log records after joining; a traceback belongs to its record.",
        ("service", "level"),
    ),
    Family("watched_log_unparsed_total", "counter", "Records of no known format.", ("service",)),
    Family(
        "watched_log_newest_timestamp_seconds",
        "gauge",
        "When the newest byte was appended to a log of this service.",
        ("service",),
    ),
    Family(
        "watched_exceptions_total",
        "counter",
        "Exceptions in logs; one traceback is one.",
        ("service", "type"),
    ),
    Family(
        "watched_events_total",
        "counter",
        "Messages that the profile names.",
        ("service", "event", "impact"),
    ),
    Family(
        "watched_event_read_timestamp_seconds",
        "gauge",
        "When sidewatch last read this event.",
        ("service", "event", "impact"),
    ),
    Family(
        "watched_event_last_timestamp_seconds",
        "gauge",
        "The last event's own time.",
        ("service", "event", "impact"),
    ),
    Family(
        "watched_heartbeat_timestamp_seconds",
        "gauge",
        "When this sign of life was last given.",
        ("heartbeat",),
    ),
    Family(
        "watched_heartbeat_interval_seconds",
        "gauge",
        "How often this sign of life is expected.",
        ("heartbeat",),
    ),
    Family("watched_jobs_enqueued_total", "counter", "Jobs enqueued.", ("queue", "job_class")),
    Family("watched_jobs_started_total", "counter", "Jobs started.", ("queue", "job_class")),
    Family(
        "watched_jobs_finished_total",
        "counter",
        "Jobs finished, only where the line tells the outcome.",
        ("queue", "job_class", "outcome"),
    ),
    Family(
        "watched_job_duration_seconds",
        "histogram",
        "How long jobs ran.",
        ("job_class",),
        buckets=JOB_BUCKETS,
    ),
    Family(
        "watched_job_wait_seconds",
        "histogram",
        "How long jobs waited before they ran.",
        ("queue",),
        buckets=JOB_BUCKETS,
    ),
    Family("watched_jobs_running", "gauge", "Jobs running now.", ("service",)),
    Family("watched_jobs_requested", "gauge", "Jobs waiting, scheduled ones too.", ("service",)),
    Family("watched_worker_processes", "gauge", "Worker processes alive.", ("service",)),
    Family("watched_worker_slots", "gauge", "Jobs that can run at once.", ("service",)),
    Family(
        "watched_http_requests_total",
        "counter",
        "Requests answered.",
        ("route", "method", "status"),
    ),
    Family(
        "watched_http_request_duration_seconds",
        "histogram",
        "How long requests took.",
        ("route",),
        buckets=REQUEST_BUCKETS,
    ),
    Family(
        "watched_api_responses_total",
        "counter",
        "Answers of remote interfaces.",
        ("api", "status", "from_cache"),
    ),
    Family("watched_quota_remaining", "gauge", "What is left of a quota.", ("quota", "scope")),
    Family("watched_quota_limit", "gauge", "A quota's size.", ("quota", "scope")),
    Family(
        "watched_quota_reset_timestamp_seconds",
        "gauge",
        "When a quota is full again.",
        ("quota", "scope"),
    ),
    Family("watched_draining", "gauge", "1 while the application shuts down.", ("service",)),
    Family(
        "watched_drain_deadline_timestamp_seconds",
        "gauge",
        "When the shutdown must have ended.",
        ("service",),
    ),
    Family(
        "watched_quiet_window",
        "gauge",
        "1 while a deploy is under way and its effects need no page.",
        ("service",),
    ),
)

FAMILIES = {**LOGS}
